"""HTTP with bounds of time and size, out of the public parts of httpx2 and httpcore2.

The timeouts of an HTTP client are for one read each, so that a server that sends its headers or its body byte by byte
would be waited for as long as it likes. Here every read and write of a connection gets the time that is left.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

_REQUEST = threading.local()
"""`end`: when this thread's request must have ended, s of the monotonic clock. Requests run in the thread that asks."""
PIECE = 2**16
"""Bytes that are handed to a connection at once."""
KEPT = 32
"""Connections that stay open for the next request."""
KEPT_FOR = 5.0
"""How long they stay open, s."""


class TooLarge(httpx2.RequestError):
    """An answer beyond the limit; the rest of it was not read."""


class Bounded(httpx2.BaseTransport):
    """Sends requests; proxies are those of the environment.

    Args:
        most: bytes that an answer may have.

    Raises:
        httpx2.TimeoutException: the answer, headers and all, did not end within the request's read timeout.
        TooLarge: it has more than `most` bytes, or is compressed: it could unfold beyond any limit.
        httpx2.TransportError: the connection failed.
    """

    def __init__(self, most: int) -> None:
        self._most, self._ssl, self._lock = most, httpx2.create_ssl_context(), threading.Lock()
        self._pools: dict[str, httpcore2.ConnectionPool] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """See `httpx2.BaseTransport`."""
        seconds = request.extensions.get("timeout", {}).get("read")
        _REQUEST.end = None if seconds is None else time.monotonic() + seconds
        request.headers["accept-encoding"] = "identity"
        url = request.url
        sent = httpcore2.Request(
            request.method,
            httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx2():
            answer = self._pool(url).handle_request(sent)
        response = httpx2.Response(
            answer.status, headers=answer.headers, stream=_Body(answer, self._most), extensions=answer.extensions
        )
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()
            raise TooLarge("the answer is compressed although plain bytes were asked for")
        return response

    def _pool(self, url: httpx2.URL) -> httpcore2.ConnectionPool:
        """The connections to that address: direct ones, or those of its proxy."""
        proxies = getproxies()
        where = "" if proxy_bypass(url.host) else proxies.get(url.scheme) or proxies.get("all") or ""
        with self._lock:
            if where not in self._pools:
                self._pools[where] = httpcore2.ConnectionPool(
                    ssl_context=self._ssl,
                    proxy=_proxy(where) if where else None,
                    max_connections=None,
                    max_keepalive_connections=KEPT,
                    keepalive_expiry=KEPT_FOR,
                    network_backend=_Backend(),
                )
            return self._pools[where]

    def close(self) -> None:
        """Closes every connection."""
        for pool in self._pools.values():
            pool.close()


def _proxy(where: str) -> httpcore2.Proxy:
    proxy = httpx2.Proxy(where if "://" in where else f"http://{where}")
    return httpcore2.Proxy(str(proxy.url), auth=proxy.raw_auth)


class _Body(httpx2.SyncByteStream):
    """The body of an answer; ends with an error once it is too long."""

    def __init__(self, answer: httpcore2.Response, most: int) -> None:
        self._answer, self._most = answer, most

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        with _as_httpx2():
            for chunk in self._answer.iter_stream():
                read += len(chunk)
                if read > self._most:
                    raise TooLarge(f"the answer has more than {self._most / 2**20:g} MiB")
                yield chunk

    def close(self) -> None:
        self._answer.close()


@contextmanager
def _as_httpx2() -> Iterator[None]:
    """Errors of httpcore2 as those of the same name in httpx2."""
    try:
        yield
    except (
        httpcore2.TimeoutException,
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.ProxyError,
        httpcore2.UnsupportedProtocol,
    ) as error:
        kind: type[httpx2.TransportError] = getattr(httpx2, type(error).__name__)
        raise kind(str(error)) from error


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    """What is left of the deadline, s, at most `timeout`. Raises `late` where nothing is."""
    end = getattr(_REQUEST, "end", None)
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


class _Backend(httpcore2.SyncBackend):
    """Connections with the deadline."""

    def connect_tcp(self, *given: Any, **named: Any) -> httpcore2.NetworkStream:
        return _Stream(super().connect_tcp(*given, **named))
