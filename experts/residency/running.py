"""The lock of a device: one model at a time."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from types import TracebackType


class Running:
    """Held while a model is brought in and runs: schedulers and tokenizers keep state, and memory is one.

    `relieve`: makes room when a call ran out of memory; says whether that gave anything back, so that the call is worth
    another try.
    """

    def __init__(self, relieve: Callable[[], bool]) -> None:
        self.relieve = relieve
        self._lock = RLock()

    def __enter__(self) -> Running:
        """Waits for the model that runs in another thread."""
        self._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Lets the next one run."""
        self._lock.release()
