"""Keys come from the environment and go into one header: nowhere else."""

from __future__ import annotations

import logging
import pickle
import traceback
from pathlib import Path

import httpx2
import pytest

from experts.api import ledgers
from experts.api._client import line_of
from experts.api._secret import Secret
from experts.api._terms import Limits, Terms
from experts.memory import Residency
from experts.registry import RegistryError, from_config
from tests.experts import api_world
from tests.experts.api_world import (
    KEY,
    KINDS,
    SERVICES,
    VARIABLE,
    loopback_server,  # noqa: F401
)
from tests.experts.fault_plan import FAULTS, script
from tests.experts.loopback import Loopback


@pytest.mark.parametrize("kind", KINDS)
def test_no_key_in_any_log_result_ledger_or_repr(
    kind: str, server: Loopback, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    server.fault = script(*FAULTS, "401", "bomb", "huge", "empty")
    expert = api_world.expert(kind, server, attempts=2, max_mib=1.0)
    results = expert(api_world.requests(kind, 14))
    assert {"401", "timeout", "garbage"} <= set(server.book.faults)
    shown = [caplog.text, *(str(vars(record)) for record in caplog.records), *capfd.readouterr()]
    shown += [repr(results), repr(expert), str(vars(expert)), repr(expert.line.ledger.charges), repr(vars(expert.line))]
    assert "Incorrect API key" in repr(results) and not [text for text in shown if KEY in text]


@pytest.mark.parametrize("kind", SERVICES)
def test_the_key_reaches_the_service_alone(kind: str, server: Loopback) -> None:
    api_world.expert(kind, server)(api_world.requests(kind, 1))
    carrying = [name for headers in server.book.headers for name, value in headers.items() if KEY in value]
    assert carrying == ["x-goog-api-key" if kind == "gemini" else "authorization"]
    assert not [path for path in server.book.paths if KEY in path] and KEY not in repr(server.book.asked)


def test_files_are_fetched_without_the_key(server: Loopback) -> None:
    api_world.expert("replicate", server)(api_world.requests("replicate", 1))
    fetches = [h for h, p in zip(server.book.headers, server.book.paths, strict=True) if p.startswith("/files/")]
    assert len(fetches) == 1 and "authorization" not in fetches[0]


@pytest.mark.parametrize("kind", SERVICES)
def test_a_traceback_with_its_variables_does_not_show_it(
    kind: str, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    expert = api_world.expert(kind, server)
    monkeypatch.setattr(httpx2.Client, "send", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        expert(api_world.requests(kind, 1))
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = "".join(trace.format())
    assert "a poster, number 0" in shown and KEY not in shown


def test_openai_settings_of_the_environment_stay_home(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-the-users-own-openai-key-000")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-private")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Team: private\nAuthorization: Bearer private")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.example")
    server.key = ""
    entry = {
        "family": "compatible",
        "model": "m",
        "base_url": f"{server.url}/v1",
        "card": {"mode": "text-to-image", "description": "d"},
    }
    found = from_config({"mine": entry})["mine"]
    assert found.missing() == [] and found.env == ()
    (result,) = found.load(Residency("cpu"))(api_world.requests("compatible", 1, None))
    sent = str(server.book.headers)
    assert result.image is not None and "private" not in sent and "users-own" not in sent
    assert server.book.headers[0]["authorization"] == "Bearer none"


def test_secrets_hide_and_scrub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    secret = Secret(VARIABLE)
    assert KEY not in f"{secret} {secret!r}" and not hasattr(secret, "__dict__")
    told = secret.scrub(f"bad key {KEY}, sk-proj-abc****wxyz1234, AIzaSyA0123456789abc, Bearer abc.def")
    assert told == "bad key [key], [key], [key], [key]"
    with pytest.raises(TypeError, match="not for storing"):
        pickle.dumps(secret)


@pytest.mark.parametrize(("value", "words"), [("", "is not set"), ("a b", "odd characters"), ("schlüssel", "odd")])
def test_keys_that_cannot_be_are_refused_without_being_shown(
    value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(OSError, match=words) as caught:
        Secret(VARIABLE)
    assert VARIABLE in str(caught.value) and (not value or value not in str(caught.value))


@pytest.mark.parametrize("key", ["sk-proj-0123456789abcdef", "r8_0123456789abcdefABCDEF", "AIzaSyA0123456789abc"])
def test_a_key_in_a_config_is_refused_without_being_repeated(key: str, tmp_path: Path) -> None:
    card = {"mode": "text-to-image", "description": "d"}
    with pytest.raises(RegistryError, match="NAME of an environment variable") as caught:
        from_config({"x": {"family": "gemini", "model": "m", "key": key, "card": card}})
    assert key not in str(caught.value)
    with pytest.raises(RegistryError, match="NAME of an environment variable") as caught:
        from_config({"x": {"family": "gemini", "model": "m", "key": [key], "card": card}})
    assert key not in str(caught.value)


def test_a_key_does_not_travel_in_the_clear() -> None:
    with pytest.raises(ValueError, match="in the clear: use https"):
        Terms(model="m", base_url="http://example.org/v1", key=VARIABLE)
    Terms(model="m", base_url="http://example.org/v1")
    Terms(model="m", base_url="http://192.168.0.7:8000/v1", key=VARIABLE)


def test_ledgers_of_the_process_are_shared_by_service_key_and_limits() -> None:
    first = line_of("test", "https://a.example", "K_A", Limits())
    assert line_of("test", "https://a.example", "K_A", Limits()) is first
    assert line_of("test", "https://a.example", "K_B", Limits()) is not first
    assert [ledger is first.ledger for ledger in ledgers()["test https://a.example"]] == [True, False]
