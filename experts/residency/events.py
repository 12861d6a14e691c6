"""What a residency writes down, and what it raises."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Literal

Kind = Literal["load", "share", "enter", "evict", "drop"]
"""load: disk to RAM · share: a part that models share was loaded · enter: RAM to device · evict: off the device ·
drop: out of RAM."""


LOGGED = 100_000


class NoRoom(MemoryError):
    """A model that does not fit, whatever is evicted."""


@dataclass(frozen=True)
class Event:
    """Something that was loaded or moved.

    `bytes`: load and share: of its weights, shared parts included; enter: copied; evict and drop: given back.
    `reason`: why; `seconds`: how long it took, s (for an `enter`: until the copies were under way).
    """

    kind: Kind
    key: str
    bytes: int
    reason: str
    seconds: float = 0.0


class Log:
    """Events, oldest first; of very many the latest `LOGGED`."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque(maxlen=LOGGED)

    def note(self, kind: Kind, key: str, bytes: int, reason: str, since: float) -> None:
        """Writes one down that began at `since` (`time.perf_counter`)."""
        self.events.append(Event(kind, key, bytes, reason, time.perf_counter() - since))
