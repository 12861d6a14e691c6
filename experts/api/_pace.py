"""When a request may be sent: requests a minute, and the pauses that a service asks for."""

from __future__ import annotations

import time
from collections import deque
from threading import BoundedSemaphore, Lock

MINUTE = 60.0


class Clock:
    """Time that passes; tests bring one that jumps."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Returns that much later."""
        time.sleep(seconds)


class Paused(Exception):
    """The service wants more patience than there is; `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"paused for {seconds:.0f} s")
        self.seconds = seconds


class Pace:
    """The pace of one service, shared by all that ask it.

    Args:
        per_minute: requests that may be sent in any minute; 0: no limit.
        concurrency: requests at a time: hold `seats` while asking.
    """

    def __init__(self, per_minute: int, concurrency: int, clock: Clock) -> None:
        self.seats = BoundedSemaphore(concurrency)
        self.clock = clock
        self._sent: deque[float] = deque(maxlen=per_minute or 1)
        self._limited = per_minute > 0
        self._paused = float("-inf")
        self._lock = Lock()

    def turn(self, patience: float) -> float:
        """Waits until a request may be sent; gives the seconds waited for the limit a minute.

        Raises:
            Paused: the service asked for a pause that is longer than `patience`, s.
        """
        with self._lock:
            now = self.clock.now()
            ready = max(now, self._paused)
            if ready - now > patience:
                raise Paused(ready - now)
            full = self._limited and len(self._sent) == self._sent.maxlen
            at = max(ready, self._sent[0] + MINUTE) if full else ready
            self._sent.append(at)
        if at > now:
            self.clock.sleep(at - now)
        return at - ready

    def pause(self, seconds: float) -> None:
        """Nothing is sent for that long: the service said so."""
        with self._lock:
            self._paused = max(self._paused, self.clock.now() + seconds)
