"""What every request passes before and after the routes: host and origin, key, rate, size and time of its body; headers
that keep browsers strict; one line in the log. Plain ASGI, so that nothing is buffered."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from cachetools import LRUCache

from poser.serve.faults import Fault
from poser.serve.logs import tell
from poser.serve.metrics import Metrics
from poser.serve.settings import Settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
GUARDED = ("/v1/", "/metrics", "/mcp")
"""Paths that ask for a key. A picture's address is random and is a key itself; the page holds nothing of anybody."""
HERE = ("127.0.0.1", "localhost", "::1")
STRICT = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
DRAIN, DRAIN_SECONDS = 64 * 2**20, 2.0
"""Bytes and seconds of a refused body that are read before the answer."""
CALLERS = 10_000
"""Callers whose rate is remembered."""


class Rate:
    """Pictures a minute and caller: a bucket each that fills evenly and holds a minute's worth."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._left: LRUCache[str, tuple[float, float]] = LRUCache(CALLERS)

    def take(self, caller: str, count: int) -> None:
        """Raises Fault (429) with the time after which `count` are there."""
        if not self.rate:
            return
        now = time.monotonic()
        left, at = self._left.get(caller, (self.rate, now))
        left = min(self.rate, left + (now - at) * self.rate / 60)
        if count > self.rate:
            raise Fault(400, f"{count} pictures are more than the {self.rate:g} a minute that are allowed", param="n")
        if left < count:
            self._left[caller] = (left, now)
            wait = int((count - left) * 60 / self.rate) + 1
            raise Fault(429, f"more than {self.rate:g} pictures a minute; try again in {wait} s", "rate", None, wait)
        self._left[caller] = (left - count, now)


class Gate:
    """The outermost layer around an ASGI app."""

    def __init__(self, app: Any, settings: Settings, metrics: Metrics | None = None) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        began, told = time.perf_counter(), {"status": 0, "sent": False}
        number = secrets.token_hex(8)
        scope["state"] = {**scope.get("state", {}), "request": number, "caller": "", "told": {}}
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}

        body = Body(receive, self.settings)

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                if message["status"] >= 400:
                    await body.drain()
                told["status"], told["sent"] = message["status"], True
                there = {name.lower() for name, _ in message["headers"]}
                more = STRICT | {"x-request-id": number} | ({"connection": "close"} if body.unread else {})
                message["headers"] = [
                    *message["headers"],
                    *((k.encode(), v.encode()) for k, v in more.items() if k.encode() not in there),
                ]
            await send(message)

        try:
            self._checked(scope, headers)
            await self.app(scope, body, answer)
        except Fault as fault:
            if not told["sent"]:
                await _refuse(fault, answer)
        except Exception as error:
            tell("error", request=number, error=type(error).__name__, message=str(error)[:300])
            if not told["sent"]:
                await _refuse(Fault(500, "something is wrong with the server; its log says more"), answer)
        finally:
            seconds = time.perf_counter() - began
            if self.metrics:
                self.metrics.answered(scope, int(told["status"]), seconds)
            state = scope["state"]
            where = {"method": scope["method"], "path": scope["path"][:200], "status": told["status"]}
            tell("request", request=number, **where, seconds=round(seconds, 4), caller=state["caller"], **state["told"])

    def _checked(self, scope: Scope, headers: dict[str, str]) -> None:
        """Who asks, and from where. Raises Fault."""
        host = headers.get("host", "")
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            name = ""
        if self.settings.loopback and name not in HERE:
            raise Fault(403, f"this server answers to 127.0.0.1 and localhost, not to {host[:80]!r}", "host")
        origin = headers.get("origin")
        own = {f"http://{host}", f"https://{host}", *self.settings.origins}
        if origin is not None and origin not in own:
            raise Fault(403, f"pages of {origin[:80]!r} may not call this server (--origin allows one)", "origin")
        if headers.get("sec-fetch-site") == "cross-site" and origin is None and scope["method"] != "GET":
            raise Fault(403, "other sites may not call this server", "origin")
        peer = scope.get("client")
        scope["state"]["caller"] = peer[0] if peer else "local"
        if self.settings.keys and scope["path"].startswith(GUARDED) and scope["method"] != "OPTIONS":
            kind, _, key = headers.get("authorization", "").partition(" ")
            found = self.settings.knows(key.strip()) if kind.lower() == "bearer" else None
            if found is None:
                raise Fault(401, "this needs an API key of the server: Authorization: Bearer KEY", "invalid_api_key")
            scope["state"]["caller"] = f"key {found.hex()[:8]}"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 15:
            raise Fault(400, "content-length is no number")
        if int(length) > self.settings.body:
            raise _too_large(self.settings)


def _too_large(settings: Settings) -> Fault:
    return Fault(413, f"the request has more than {settings.body:,} bytes; make it smaller", "too_large")


class Body:
    """A body that arrives within the limits of size and time. `unread`: some of it was not taken: its connection cannot
    be used again."""

    def __init__(self, receive: Receive, settings: Settings) -> None:
        self._receive, self._settings = receive, settings
        self._until = time.monotonic() + settings.slow
        self._size, self._whole, self.unread = 0, False, False

    async def __call__(self) -> MutableMapping[str, Any]:
        """The next part. Raises Fault: too slow, too large."""
        if self._whole:  # only 'the caller went away' can follow
            return await self._receive()
        self.unread = True
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._until - time.monotonic()))
        except TimeoutError:
            self._whole = True
            words = f"the request took more than {self._settings.slow:g} s to arrive"
            raise Fault(408, words, "too_slow") from None
        self._size += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        self.unread = not self._whole
        if self._size > self._settings.body:
            raise _too_large(self._settings)
        return message

    async def drain(self) -> None:
        """Reads a little of what is still on its way: a connection that is closed before loses the answer."""
        size, until = 0, time.monotonic() + DRAIN_SECONDS
        while not self._whole and size < DRAIN:
            try:
                message = await asyncio.wait_for(self._receive(), max(0.0, until - time.monotonic()))
            except TimeoutError:
                return
            size += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            self.unread = not self._whole


async def _refuse(fault: Fault, send: Send) -> None:
    headers = {"content-type": "application/json", "connection": "close", **fault.headers}
    data = json.dumps(fault.body).encode()
    headers["content-length"] = str(len(data))
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": raw})
    await send({"type": "http.response.body", "body": data})
