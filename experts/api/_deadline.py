"""One deadline for the whole of a request: every read and write of its connection gets the time that is left.

The timeouts of an HTTP client are for one read each, so that a server that sends its headers or its body byte by byte
would be waited for as long as it likes.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import httpcore2
import httpx2

_NOW = threading.local()
"""`end`: when this thread's request must have ended, s of the monotonic clock. Requests run in the thread that asks."""
PIECE = 2**16
"""Bytes that are handed to a connection at once."""


def end_in(seconds: float | None) -> None:
    """This thread's request must end within that time from now; None: whenever it likes."""
    _NOW.end = None if seconds is None else time.monotonic() + seconds


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    """What is left of the deadline, at most `timeout`. Raises `late` where nothing is."""
    end = getattr(_NOW, "end", None)
    if end is None:
        return timeout
    left = end - time.monotonic()
    if left <= 0:
        raise late("the answer came too slowly")
    return left if timeout is None else min(left, timeout)


class _Stream(httpcore2.NetworkStream):
    """A connection whose reads and writes end with the deadline."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PIECE):
            self._inner.write(buffer[start : start + PIECE], _left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, *given: Any, **named: Any) -> httpcore2.NetworkStream:
        return _Stream(self._inner.start_tls(*given, **named))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.NetworkBackend):
    """Connections of `inner`, each with the deadline."""

    def __init__(self, inner: httpcore2.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(self, *given: Any, **named: Any) -> httpcore2.NetworkStream:
        return _Stream(self._inner.connect_tcp(*given, **named))

    def connect_unix_socket(self, *given: Any, **named: Any) -> httpcore2.NetworkStream:
        return _Stream(self._inner.connect_unix_socket(*given, **named))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


def in_time(client: httpx2.Client) -> httpx2.Client:
    """The client, its connections (those through proxies too) bound to the deadline that `end_in` sets."""
    transports: list[Any] = [client._transport, *client._mounts.values()]
    for transport in transports:
        if transport is not None:  # None: an address that takes no proxy
            transport._pool._network_backend = _Backend(transport._pool._network_backend)
    return client
