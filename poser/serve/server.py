"""Runs the server: uvicorn with limits on connections and on how slowly a request may begin, and a stop that lets
running episodes end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Iterator
from typing import Any, Literal

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from poser.serve.app import make
from poser.serve.engine import Engine
from poser.serve.logs import tell, to_stderr
from poser.serve.settings import Settings
from poser.types import PoserError

CONNECTIONS = 512
HEAD = 10.0
"""Time in which the head of a connection's first request has to arrive, s."""


class Prompt(H11Protocol):
    """A connection whose first request has to begin soon; between later ones uvicorn's own time limit holds."""

    def connection_made(self, transport: Any) -> None:
        """Starts the clock."""
        super().connection_made(transport)
        self._clock = self.loop.call_later(HEAD, self._late)

    def _late(self) -> None:
        if self.scope is None and not self.transport.is_closing():
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops it."""
        self._clock.cancel()
        super().connection_lost(exc)


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there (port 0: a free one). Raises PoserError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise PoserError(f"cannot listen on {host}:{port}: {why}; choose another --host or --port") from None
    return found


class Server(uvicorn.Server):
    """A server that closes its engine before it waits for open requests, so that these get an answer."""

    def __init__(self, config: uvicorn.Config, engine: Engine, grace: float) -> None:
        super().__init__(config)
        self._engine, self._grace = engine, grace

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes no more, lets episodes end within the grace, then closes."""
        tell("stopping", playing=self._engine.playing, waiting=self._engine.waiting)
        for server in self.servers:
            server.close()
        await asyncio.to_thread(self._engine.close, self._grace)
        await super().shutdown(sockets)


def server(engine: Engine, settings: Settings, grace: float = 20.0) -> Server:
    """A server that is ready to run."""
    return Server(configured(make(engine, settings)), engine, grace)


def configured(app: Any, lifespan: Literal["on", "off"] = "off") -> uvicorn.Config:
    """How an app is served: with limits on connections and on how slowly a request may begin."""
    return uvicorn.Config(
        app,
        http=Prompt,
        ws="none",
        lifespan=lifespan,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        h11_max_incomplete_event_size=32 * 2**10,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=10,
    )


def serve(engine: Engine, settings: Settings, host: str, port: int, grace: float) -> None:
    """Serves until a signal comes. Raises PoserError: the address is taken."""
    to_stderr()
    listening = bound(host, port)
    with _closed(listening):
        at = listening.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        print(f"poser: listening on http://{shown}:{at} (API: http://{shown}:{at}/v1); Ctrl-C stops", file=sys.stderr)
        tell("listening", host=host, port=at, models=list(engine.agents), keys=len(settings.keys))
        with contextlib.suppress(KeyboardInterrupt):
            server(engine, settings, grace).run([listening])
    tell("stopped")


@contextlib.contextmanager
def _closed(listening: socket.socket) -> Iterator[None]:
    try:
        yield
    finally:
        listening.close()
