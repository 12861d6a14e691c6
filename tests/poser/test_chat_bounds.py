"""What bounds a chat: keys that nobody sees, deadlines, settings that are checked, prompts with versions."""

from __future__ import annotations

import logging
import time
import traceback
from pathlib import Path
from typing import Any

import pytest

from poser.llm import Chat, Endpoint
from poser.llm.prompts import names, prompt
from poser.types import PoserError
from tests.experts.fault_plan import script
from tests.poser.chat_server import ChatServer
from tests.poser.chat_world import (
    KEY,
    VARIABLE,
    Said,
    echo_server,  # noqa: F401
    queries,
)


def test_headers_that_never_end_meet_the_deadline(server: ChatServer) -> None:
    server.fault = script("slow-headers")
    chat = server.chat(limits={"timeout": 0.5, "attempts": 1})
    start = time.perf_counter()
    (reply,) = chat.ask(queries(1), Said)
    assert reply.failure and reply.failure.kind == "timeout" and 0.4 < time.perf_counter() - start < 8


@pytest.mark.parametrize("fault", ["drip", "hang"])
def test_slow_answers_meet_the_deadline(fault: str, server: ChatServer) -> None:
    server.fault = script(fault)
    start = time.perf_counter()
    (reply,) = server.chat(limits={"timeout": 0.5, "attempts": 1}).ask(queries(1), Said)
    assert reply.failure and reply.failure.kind == "timeout" and time.perf_counter() - start < 8


def test_a_key_is_needed_at_the_first_request_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    chat = Chat(Endpoint("critic chat", {"model": "m"}))
    assert chat.endpoint.missing() == "export OPENAI_API_KEY=..."
    with pytest.raises(PoserError, match="critic chat: .*OPENAI_API_KEY is not set: type: export") as caught:
        chat.ask(queries(2), Said)
    assert "\n" not in str(caught.value)


def test_the_key_goes_to_its_own_address_alone(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-the-users-own-openai-key-000")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Team: private")
    server.chat().ask(queries(1), Said)
    assert server.book.headers[0]["authorization"] == "Bearer none" and "private" not in str(server.book.headers)
    server.key = KEY
    server.chat(key=VARIABLE).ask(queries(1), Said)
    carrying = {name for name, value in server.book.headers[1].items() if KEY in value}
    assert carrying == {"authorization"} and KEY not in repr(server.book.asked)
    with pytest.raises(PoserError, match="in the clear: use https"):
        Endpoint("x", {"model": "m", "base_url": "http://example.org/v1", "key": VARIABLE})


def test_no_key_in_any_log_error_or_file(
    server: ChatServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    server.key, server.fault = KEY, script("echo", "401", "500", "truncated", "prose", "timeout")
    chat = server.chat(key=VARIABLE, answers=tmp_path / "a.sqlite", limits={"concurrency": 1})
    replies = chat.ask(queries(4), Said)
    assert [reply.value is None for reply in replies] == [True, True, False, False]
    spoke = {record.name.partition(".")[0] for record in caplog.records}
    assert {"httpcore2", "httpx2", "openai"} <= spoke and "receive_response_headers.complete" in caplog.text
    shown = [caplog.text, *(str(vars(record)) for record in caplog.records), *capfd.readouterr()]
    shown += [
        repr(replies),
        repr(chat.endpoint),
        str(vars(chat)),
        str(vars(chat.endpoint)),
        repr(chat.endpoint.line.ledger.charges),
    ]
    shown += [(tmp_path / "a.sqlite").read_bytes().decode("latin-1")]
    assert not [text for text in shown if KEY in text] and "[key]" in repr(replies)


def test_no_key_in_a_traceback_with_its_variables(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx2

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    chat = server.chat(key=VARIABLE)
    monkeypatch.setattr(httpx2.Client, "send", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        chat.ask(queries(1), Said)
    trace = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "colour 0" in trace and KEY not in trace


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "test: no model is named"),
        ({"model": "m m"}, "model: 'm m' is no id of letters"),
        ({"model": "m", "base_url": "ftp://h"}, "base_url: it must look like"),
        ({"model": "m", "key": "sk-0123456789abcdef"}, "NAME of an environment variable"),
        ({"model": "m", "prices": {"input": 1}}, "unknown key 'prices.input'; keys: image_in"),
        ({"model": "m", "limits": {"timeout": 0}}, "limits.timeout = 0: input should be greater than 0"),
        ({"model": "m", "limits": 3}, "limits = 3: input should be a mapping"),
        ({"model": "m", "again": -1}, "again is -1"),
        ({"model": "m", "side": True}, "side is True"),
        ({"model": "m", "models": "x"}, "no such key 'models'; keys are model, base_url"),
    ],
)
def test_wrong_settings_are_one_line(told: dict[str, Any], words: str) -> None:
    with pytest.raises(PoserError) as caught:
        Chat.of("test", told)
    assert words in str(caught.value) and "\n" not in str(caught.value) and "0123456789" not in str(caught.value)


def test_prompts_are_versioned_files(tmp_path: Path) -> None:
    assert {"choose-1", "data-1", "decide-1", "judge-2", "plan-2", "replan-1", "word-1"} <= set(names())
    assert prompt("judge-2").id.startswith("judge-2@") and prompt("judge-2").text.startswith("You are one step")
    own = tmp_path / "mine-3.md"
    own.write_text("Judge kindly.")
    assert prompt(str(own)).id.startswith("mine-3@") and prompt(str(own)).text.endswith("\n\nJudge kindly.")
    with pytest.raises(PoserError, match="no such prompt 'judge-9'; type one of choose-1"):
        prompt("judge-9")
