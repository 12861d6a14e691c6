"""Requests that are not meant well, each one clean error; keys, hosts, origins, rates, the log."""

from __future__ import annotations

import json
import logging
import socket
import struct
import time
import zlib
from types import SimpleNamespace

import httpx2
import pytest

from poser import cli
from poser.runs.record import finished, load
from poser.serve import server as serving
from poser.serve.settings import Settings, checked, digest, read_keys
from poser.serve.store import Store
from poser.types import PoserError
from tests.poser.serve.serving import PROMPT, served

KEY = "a-key-of-24-characters-x"
SMALL = Settings(keys=(digest(KEY),), body=200_000, slow=0.5, rate=30)


@pytest.fixture(scope="module")
def here():
    with served(SMALL) as found:
        yield found


@pytest.fixture(scope="module")
def http(here):
    with httpx2.Client(base_url=here.base, headers={"authorization": f"Bearer {KEY}"}, timeout=20) as found:
        yield found


def error(answer) -> dict:
    found = answer.json()["error"]
    assert set(found) == {"message", "type", "param", "code"} and "Traceback" not in answer.text
    assert "\n" not in found["message"]
    return found


def bomb() -> bytes:
    """A PNG of 60,000 x 60,000 px in a few bytes."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    body = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (400, {"url": "/v1/images/generations", "content": b"{"}),
        (400, {"url": "/v1/images/generations", "content": b"[" * 100_000}),
        (400, {"url": "/v1/images/generations", "content": b"[1]"}),
        (400, {"url": "/v1/images/generations", "content": b'{"prompt": 7}'}),
        (400, {"url": "/v1/images/generations", "content": b'{"prompt": null}'}),
        (400, {"url": "/v1/images/generations", "content": b'{"prompt": "a\\ud800"}'}),
        (400, {"url": "/v1/images/generations", "content": b"\xff\xfe"}),
        (404, {"url": "/v1/images/generations", "json": {"prompt": PROMPT, "model": "fast@./mine.py"}}),
        (413, {"url": "/v1/images/generations", "content": b"x" * 300_000}),
        (413, {"url": "/v1/images/generations", "content": b"x" * 12_000_000}),
        (413, {"url": "/v1/images/generations", "content": [b"x" * 100_000] * 3}),
        (400, {"url": "/v1/images/edits", "data": {"prompt": "x"}}),
        (400, {"url": "/v1/images/edits", "files": {"image": ("a.png", bomb())}, "data": {"prompt": "x"}}),
        (400, {"url": "/v1/images/edits", "files": {"image": ("../../a\r\nx: y", b"MZ")}, "data": {"prompt": "x"}}),
        (400, {"url": "/v1/images/edits", "files": [("image", ("a", b""))] * 30, "data": {"prompt": "x"}}),
        (400, {"url": "/v1/images/edits", "content": b"--", "headers": {"content-type": "multipart/form-data"}}),
        (404, {"url": "/v1/nothing"}),
        (405, {"url": "/v1/models"}),
    ],
    ids=lambda given: str(given)[:80],
)
def test_hostile_requests_are_one_clean_error_each(http, here, status, request_):
    if isinstance(request_.get("content"), list):  # a stream: its length is not said
        request_ = {**request_, "content": iter(request_["content"])}
    answer = http.post(**request_)
    assert answer.status_code == status, answer.text
    assert error(answer)["message"]
    assert http.get("/health").json()["status"] == "ok" and not here.engine.playing


@pytest.mark.parametrize("path", ["/files/../../etc/passwd", "/files/%2e%2e%2fx", "/v1/models/..%2f", "/%00", "/x//y"])
def test_paths_lead_nowhere_else(http, path):
    answer = http.get(path)
    assert answer.status_code == 404 and error(answer)
    assert "location" not in answer.headers


@pytest.mark.parametrize("given", [None, "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", "Bearer \xff"])
def test_without_a_key_nothing_is_told(here, given):
    for path in ("/v1/models", "/metrics", "/v1/images/generations"):
        headers = {"authorization": given.encode("latin-1")} if given else {}
        answer = httpx2.request("POST" if "images" in path else "GET", here.base + path, headers=headers)
        assert answer.status_code == 401 and error(answer)["code"] == "invalid_api_key"
    assert httpx2.get(f"{here.base}/health").status_code == 200


def test_other_hosts_and_pages_are_refused(http):
    assert http.get("/health", headers={"host": "evil.example"}).status_code == 403
    assert http.get("/health", headers={"origin": "https://evil.example"}).status_code == 403
    assert http.post("/v1/images/generations", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    answer = http.get("/health")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_caller_that_asks_too_much_is_told_when_to_come_back(http):
    answers = [http.post("/v1/images/generations", json={"prompt": PROMPT, "n": 10}) for _ in range(4)]
    assert [answer.status_code for answer in answers][0] == 200 and answers[-1].status_code == 429
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60 and error(answers[-1])["code"] == "rate"


def test_a_body_and_a_head_that_trickle_in_are_dropped(here, monkeypatch):
    monkeypatch.setattr(serving, "HEAD", 0.3)
    port = int(here.base.rpartition(":")[2])
    head = f"POST /v1/images/generations HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {KEY}\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
        slow.sendall(f"{head}content-length: 500\r\n\r\n{{".encode())
        assert b" 408 " in slow.recv(4096)
        slow.settimeout(2)
        assert b"".join(iter(lambda: slow.recv(4096), b"")) is not None  # it is closed, not kept for another request
    with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
        slow.sendall(b"GET /health HTTP/1.1\r\nx")
        assert slow.recv(4096) == b""


def test_the_log_has_no_prompts_and_no_line_of_the_callers(http, caplog):
    caplog.set_level(logging.INFO, "poser.serve")
    http.post("/v1/images/generations", json={"prompt": "Draw a secret.\nlevel: forged", "user": "anna@example.org"})
    for _ in range(200):
        if lines := [record.fields for record in caplog.records if hasattr(record, "fields")]:
            break
        time.sleep(0.02)  # it is written once the answer is out
    assert (
        lines[0]["status"] in (200, 429)
        and lines[0]["characters"] == 28
        and "secret" not in json.dumps(lines)
        and "anna" not in json.dumps(lines)
        and KEY not in str(lines)
    )


def test_metrics_count_routes_and_not_addresses(http):
    http.get("/files/some-random-name")
    text = http.get("/metrics").text
    assert 'poser_requests_total{route="/files/{name}",status="404"}' in text and "some-random-name" not in text
    assert "poser_waiting 0.0" in text


def test_scripts_in_prompts_stay_words(here):
    with served() as open_:
        words = "Draw </script><script>alert(1)</script>\n\ndata: {}\n\nevent: x"
        with httpx2.stream(
            "POST", f"{open_.base}/v1/images/generations", json={"prompt": words, "stream": True, "details": True}
        ) as answer:
            lines = [line for line in "".join(answer.iter_text()).split("\n") if line]
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert all(line.startswith(("event: poser.", "event: image_generation.", 'data: {"type"')) for line in lines)


def test_episodes_are_recorded_where_that_is_asked_and_the_answer_names_them(tmp_path):
    with served(Settings(runs=tmp_path)) as open_:
        answer = httpx2.post(f"{open_.base}/v1/images/generations", json={"prompt": PROMPT, "n": 2, "seed": 4})
        names = [picture["run"] for picture in answer.json()["poser"]["pictures"]]
    assert len(set(names)) == 2
    assert all(finished(tmp_path / name) for name in names)
    assert [load(tmp_path / name).task.seed for name in names] == [4, 5]


def test_the_command_refuses_what_is_open_to_all_or_out_of_range(capsys):
    assert cli.main(["serve", "--host", "0.0.0.0"]) == 2 and "--keys" in capsys.readouterr().err
    assert cli.main(["serve", "--port", "70000"]) == 2 and "--port 70000" in capsys.readouterr().err
    assert cli.main(["serve", "--keys", "/nothing/here"]) == 2 and "No such file" in capsys.readouterr().err
    assert cli.main(["mcp", "--max-steps", "0"]) == 2 and "--max-steps" in capsys.readouterr().err


def test_pictures_by_address_expire_and_make_room(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("poser.serve.store.time", SimpleNamespace(monotonic=lambda: now[0]))
    store = Store(size=100, expiry=5.0)
    first, second = store.keep(b"x" * 60, "image/png"), store.keep(b"y" * 60, "image/png")
    assert store.get(first) is None and store.get(second).data == b"y" * 60
    now[0] = 5.0
    assert store.get(second) is None


def test_a_server_that_others_reach_needs_keys_and_keys_are_checked(tmp_path, monkeypatch):
    with pytest.raises(PoserError, match="--keys"):
        checked("0.0.0.0", ())
    checked("127.0.0.1", ()), checked("0.0.0.0", (b"x",))
    (tmp_path / "keys").write_text(f"{KEY}  # anna\n\n# nobody\n")
    monkeypatch.setenv("POSER_API_KEYS", f"{KEY}, another-key-of-some-length")
    assert len(read_keys(tmp_path / "keys")) == 2
    monkeypatch.setenv("POSER_API_KEYS", "short")
    with pytest.raises(PoserError, match="16 or more"):
        read_keys(None)
    with pytest.raises(PoserError, match="No such file"):
        read_keys(tmp_path / "nothing")
