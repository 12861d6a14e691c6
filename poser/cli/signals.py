"""Ctrl-C and SIGTERM end a run between two writes: what was done is kept."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """A context in which both raise KeyboardInterrupt, but for stretches of `deferred`. Nothing happens outside the
    main thread, which alone gets signals.

    Attributes:
        signal: the last one that came, 0 before.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._deferred = 0
        self._before: list[Any] = []

    def __enter__(self) -> Stop:
        if current_thread() is main_thread():
            self._before = [signal.signal(number, self._told) for number in SIGNALS]
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in zip(SIGNALS, self._before, strict=False):
            signal.signal(number, before)

    @property
    def code(self) -> int:
        """The exit code of a process that a signal ended."""
        return 128 + (self.signal or signal.SIGINT)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """A stretch that is not cut off; `check` at its end."""
        self._deferred += 1
        try:
            yield
        finally:
            self._deferred -= 1

    def check(self) -> None:
        """Raises KeyboardInterrupt where a signal came, also one that somebody swallowed."""
        if self.signal:
            raise KeyboardInterrupt

    def _told(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        if not self._deferred:
            raise KeyboardInterrupt
