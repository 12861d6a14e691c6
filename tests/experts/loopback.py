"""A server on this machine that speaks the image services' protocols, with faults on demand.

It draws flat pictures whose colour is a function of everything that was asked, and keeps its own book: `requests` that
reached it, `bought` pictures that it made, whether or not the answer arrived.
"""

from __future__ import annotations

import base64
import contextlib
import email
import hashlib
import io
import json
import random
import re
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from PIL import Image

from tests.experts.patience import SILENT, patient

TOKENS = {"text": 50, "image": 1000}
RATIO_SIDE = 256


@dataclass
class Book:
    """What the server saw."""

    requests: int = 0
    bought: int = 0
    faults: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    fetched: int = 0
    cancelled: int = 0
    together: int = 0
    """Most requests at a time."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with the usual 5, connections beyond them are lost for a second on a busy machine


class Loopback:
    """The server, running: `url`, `book`; `fault`: called once for each request that makes a picture. Within a `with`
    its clients are patient.

    `dialect`: how answers of the images protocol carry their picture (`DIALECTS`). A request with an `Idempotency-Key`
    is bought once, however often it comes.
    `looks`: how often a prediction is still 'processing'; `shape`: how Gemini's answers carry their picture.
    """

    def __init__(self, fault: Callable[[], str | None] = lambda: None, key: str = "", handler: Any = None) -> None:
        self.fault, self.key, self.book = fault, key, Book()
        self.looks, self.shape, self.output = 0, "inline", "url"
        self.usage, self.delay, self.dialect = True, 0.0, ""
        self.known: set[str] = set()
        self.predictions: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.lock, self.over, self.now = threading.Lock(), threading.Event(), 0
        self.server = _Server(("127.0.0.1", 0), type("Handler", (handler or Handler,), {"home": self}))
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are expected
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def settled(self, requests: int) -> Book:
        """The book once that many requests are in it: a client that gives up may be ahead of a busy server."""
        end = time.monotonic() + 30
        while self.book.requests < requests and time.monotonic() < end:
            time.sleep(0.01)
        while self.now and time.monotonic() < end:
            time.sleep(0.01)
        return self.book

    def __enter__(self) -> Self:
        self._patience = patient()
        self._patience.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._patience.__exit__(None, None, None)
        self.close()

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


def drawn(asked: Mapping[str, Any], size: tuple[int, int]) -> bytes:
    """A PNG whose colour is a function of what was asked."""
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).digest()
    buffer = io.BytesIO()
    image = Image.new("P", size)
    image.putpalette(digest[:3])
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes that claims 60000 x 60000 px."""
    data = bytearray(drawn({}, (8, 8)))
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


def _url_safe(picture: bytes) -> str:
    return base64.urlsafe_b64encode(picture).decode()


DIALECTS: dict[str, Callable[[bytes, str, str], dict[str, str]]] = {
    "data: as address": lambda p, home, at: {"url": f"data:image/png;base64,{base64.b64encode(p).decode()}"},
    "data: as base64": lambda p, home, at: {"b64_json": f"data:image/png;base64,{base64.b64encode(p).decode()}"},
    "url-safe letters": lambda p, home, at: {"b64_json": _url_safe(p)},
    "no padding": lambda p, home, at: {"b64_json": _url_safe(p).rstrip("=")},
    "line breaks": lambda p, home, at: {"b64_json": base64.encodebytes(p).decode()},
    "relative to the host": lambda p, home, at: {"url": at.removeprefix(home)},
    "relative to the address": lambda p, home, at: {"url": ".." + at.removeprefix(home)},
    "localhost": lambda p, home, at: {"url": at.replace("127.0.0.1", "localhost")},
    "no address in particular": lambda p, home, at: {"url": at.replace(home, "http://0.0.0.0:8000")},
    "a container's name": lambda p, home, at: {"url": at.replace("127.0.0.1", "a1b2c3")},
}
"""Ways in which servers that speak the images protocol answer: picture, the server's address, the picture's address."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    home: Loopback

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._count()
        if self.path.startswith("/files/"):
            self.home.book.fetched += 1
            name = self.path.rpartition("/")[2]
            return self._bytes(200, self.home.files.get(name, b""), "image/png")
        id = self.path.rpartition("/")[2]
        with self.home.lock:
            made = self.home.predictions.get(id)
            if made and made["looks"] > 0:
                made["looks"] -= 1
                return self._json(200, {"id": id, "status": "processing"})
        return self._json(200, made["answer"]) if made else self._json(404, {"detail": "not found"})

    def do_POST(self) -> None:
        self._count()
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        home = self.home
        if self.path.endswith("/cancel"):
            home.book.cancelled += 1
            return self._json(200, {"status": "canceled"})
        given = (self.headers.get("authorization", ""), self.headers.get("x-goog-api-key", ""))
        if home.key and f"Bearer {home.key}" not in given and home.key not in given:
            return self._json(401, {"error": {"message": f"Incorrect API key provided: {' '.join(given)}"}})
        asked = self._read(body)
        with home.lock:
            home.book.asked.append(asked)
            home.now += 1
            home.book.together = max(home.book.together, home.now)
            fault = home.fault()
            if fault:
                home.book.faults.append(fault)
        try:
            home.over.wait(home.delay)
            self._answer(asked, fault)
        finally:
            with home.lock:
                home.now -= 1

    def _count(self) -> None:
        with self.home.lock:
            self.home.book.requests += 1
            self.home.book.paths.append(self.path)
            self.home.book.headers.append({k.lower(): v for k, v in self.headers.items()})

    def _read(self, body: bytes) -> dict[str, Any]:
        """What was asked, from JSON or a form; uploads become digests of their pixels."""
        kind = self.headers.get("content-type", "")
        if not kind.startswith("multipart/"):
            return json.loads(body)
        form = email.message_from_bytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + body, policy=HTTP)
        asked: dict[str, Any] = {}
        for part in form.iter_parts():
            name, data = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
            if part.get_filename():
                image = Image.open(io.BytesIO(data))
                found = [image.mode, image.size, hashlib.sha256(image.tobytes()).hexdigest()]
                asked.setdefault(str(name).removesuffix("[]"), []).append(found)
            else:
                asked[str(name)] = data.decode()
        return asked

    def _answer(self, asked: dict[str, Any], fault: str | None) -> None:
        if fault == "429":
            return self._json(429, {"error": {"message": "slow down", "code": "rate_limit"}}, {"Retry-After": "2"})
        if fault == "500":
            return self._json(500, {"error": {"message": "oops"}})
        if fault == "401":
            return self._json(401, {"error": {"message": f"Incorrect API key provided: {self.home.key}"}})
        if fault == "refusal":
            return self._refuse()
        with self.home.lock:  # from here on there is a picture, whatever becomes of the answer
            key = self.headers.get("idempotency-key", "")
            self.home.book.bought += key not in self.home.known
            self.home.known |= {key} - {""}
        if fault == "504":
            return self._bytes(504, b"<html>gateway timeout</html>", "text/html")
        if fault in ("timeout", "hang"):
            return self._say_nothing(fault == "timeout")
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return None
        if fault == "garbage":
            return self._bytes(200, b"<html>\x00\xff not json", "application/json")
        return self._made(asked, fault)

    def _say_nothing(self, told: bool) -> None:
        """No answer until the client has gone; `told`: it is told at once, else it waits as long as it waits."""
        ends = self.client_address[:2], self.server.server_address[:2]
        self.close_connection = True
        self.connection.settimeout(0.1)
        try:
            if told:
                SILENT.add(ends)
            while not self.home.over.is_set():
                with contextlib.suppress(TimeoutError):
                    if not self.connection.recv(1):
                        return
        except OSError:
            return
        finally:
            SILENT.discard(ends)

    def _made(self, asked: dict[str, Any], fault: str | None) -> None:
        """The answer with its picture, in the protocol of the path."""
        size = self._size(asked)
        size = (size[0] // 2 + 8, size[1] // 2) if fault == "wrong-size" else size
        picture = drawn(asked, size)
        picture = picture[: len(picture) // 2] if fault == "cut-picture" else picture
        picture = bomb() if fault == "bomb" else picture
        if fault == "huge":
            picture += bytes(3 * 2**20)
        answer = self._wrapped(picture, asked)
        if fault == "empty":
            answer = {"created": 0, "data": []}
        if fault == "words":
            answer = {"created": 0, "data": [{"b64_json": "a picture of a star!"}]}
        data = json.dumps(answer).encode()
        if fault == "truncated":
            return self._cut(data)
        if fault == "drip":
            return self._drip(data)
        return self._bytes(200, data, "application/json", {"Content-Encoding": "gzip"} if fault == "gzip" else {})

    def _size(self, asked: Mapping[str, Any]) -> tuple[int, int]:
        given = asked.get("generationConfig", {}).get("imageConfig", {}).get("aspectRatio")
        given = given or asked.get("input", {}).get("aspect_ratio")
        if given:
            width, height = map(int, given.split(":"))
            return RATIO_SIDE * width // max(width, height), RATIO_SIDE * height // max(width, height)
        found = re.fullmatch(r"(\d+)x(\d+)", str(asked.get("size", "")))
        return (int(found[1]), int(found[2])) if found else (RATIO_SIDE, RATIO_SIDE)

    def _wrapped(self, picture: bytes, asked: Mapping[str, Any]) -> dict[str, Any]:
        encoded, into = base64.b64encode(picture).decode(), TOKENS["text"]
        if "generateContent" in self.path:
            return self._candidate(encoded, picture)
        if "predictions" in self.path:
            return self._prediction(encoded, picture)
        usage = {
            "input_tokens": into + 100,
            "input_tokens_details": {"text_tokens": into, "image_tokens": 100},
            "output_tokens": TOKENS["image"],
            "total_tokens": into + 100 + TOKENS["image"],
        }
        item = {"url": self._filed(picture)} if self.home.output == "address" else {"b64_json": encoded}
        item = DIALECTS[self.home.dialect](picture, self.home.url, self._filed(picture)) if self.home.dialect else item
        return {"created": 1, "data": [item]} | ({"usage": usage} if self.home.usage else {})

    def _candidate(self, encoded: str, picture: bytes) -> dict[str, Any]:
        part: dict[str, Any] = {"inlineData": {"mimeType": "image/png", "data": encoded}}
        if self.home.shape == "markdown":
            part = {"text": f"![picture](data:image/png;base64,{encoded})"}
        if self.home.shape == "link":
            part = {"text": f"![picture]({self._filed(picture)})"}
        thought = {"thought": True, "inlineData": {"mimeType": "image/png", "data": "AAAA"}}
        usage = {
            "promptTokenCount": TOKENS["text"],
            "candidatesTokenCount": TOKENS["image"],
            "thoughtsTokenCount": 200,
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": TOKENS["image"]}],
        }
        content = {"role": "model", "parts": [thought, part]}
        return {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage}

    def _prediction(self, encoded: str, picture: bytes) -> dict[str, Any]:
        output = f"data:image/png;base64,{encoded}" if self.home.output == "data" else self._filed(picture)
        output = self.home.output if self.home.output.startswith("http") else output
        id = hashlib.sha256(str(random.random()).encode()).hexdigest()[:24]
        answer = {"id": id, "status": "succeeded", "output": [output], "metrics": {"predict_time": 2.0}}
        with self.home.lock:
            self.home.predictions[id] = {"answer": answer, "looks": self.home.looks}
        return {"id": id, "status": "starting"} if self.home.looks else answer

    def _filed(self, picture: bytes) -> str:
        name = f"{hashlib.sha256(picture).hexdigest()[:16]}.png"
        self.home.files[name] = picture
        return f"{self.home.url}/files/{name}"

    def _refuse(self) -> None:
        if "generateContent" in self.path:
            return self._json(200, {"candidates": [{"finishReason": "IMAGE_SAFETY"}], "usageMetadata": {}})
        if "predictions" in self.path:
            words = "NSFW content detected. Try running it again, or try a different prompt."
            return self._json(201, {"id": "refused000000", "status": "failed", "error": words, "output": None})
        words = "Your request was rejected by the safety system. safety_violations=[violence]."
        error = {"message": words, "type": "image_generation_user_error", "code": "moderation_blocked"}
        return self._json(400, {"error": error})

    def _json(self, status: int, data: Any, headers: Mapping[str, str] | None = None) -> None:
        self._bytes(status, json.dumps(data).encode(), "application/json", headers)

    def _bytes(self, status: int, data: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self._head(status, len(data), kind, headers)
        self.wfile.write(data)

    def _head(self, status: int, length: int, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(length), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def _cut(self, data: bytes) -> None:
        """Half of the body that the header promised."""
        self._head(200, len(data), "application/json")
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        self.close_connection = True

    def _drip(self, data: bytes) -> None:
        """A body that comes byte by byte, slower than anybody waits."""
        self._head(200, len(data), "application/json")
        for byte in data[:200]:
            if self.home.over.wait(0.05):
                break
            try:
                self.wfile.write(bytes([byte]))
            except OSError:
                break
        self.close_connection = True
