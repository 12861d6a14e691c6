"""Time as the loopback server tells it: a client waits for its answer however busy the machine is, and gives up at once
where the server has said that none will come ('timeout').

So what a series of faults comes to does not depend on how fast this machine is; the faults 'hang' and 'drip' take real
time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpcore2
import pytest

from experts.api import _transport

LOOK = 0.01
"""How often a client that waits looks whether the server has given it up, s."""
Ends = tuple[tuple[str, int], tuple[str, int]]
SILENT: set[Ends] = set()
"""Connections (client, server) on which no answer will come."""


class _Patient(_transport._Stream):
    """A connection of the transport whose reads end with the server's word, or at their time limit."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        end = time.monotonic() + (60.0 if timeout is None else timeout)
        while True:
            try:
                return super().read(max_bytes, max(0.001, min(LOOK, end - time.monotonic())))
            except httpcore2.ReadTimeout:
                if self._given_up() or time.monotonic() >= end:
                    raise

    def _given_up(self) -> bool:
        try:
            return (self.get_extra_info("client_addr")[:2], self.get_extra_info("server_addr")[:2]) in SILENT
        except OSError:  # the connection broke meanwhile: the next read says so
            return False


@contextmanager
def patient() -> Iterator[None]:
    """Requests of `experts.api` wait as the server tells."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_transport, "_Stream", _Patient)
        yield
