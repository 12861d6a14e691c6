"""Pictures that are given by address: in memory, under random names, for a while, within a size."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True)
class Kept:
    """A picture file, its media type, and when it is forgotten."""

    data: bytes
    media: str
    until: float


class Store:
    """At most `size` bytes, each for `expiry` seconds; the oldest make room. Used by one event loop."""

    def __init__(self, size: int, expiry: float) -> None:
        self.size, self.expiry = size, expiry
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._held = 0

    def keep(self, data: bytes, media: str) -> str:
        """A name that nobody can guess."""
        self._clear(len(data))
        name = secrets.token_urlsafe(24)
        self._kept[name] = Kept(data, media, time.monotonic() + self.expiry)
        self._held += len(data)
        return name

    def get(self, name: str) -> Kept | None:
        """The picture of a name, if it is still here."""
        self._clear(0)
        return self._kept.get(name)

    def _clear(self, room: int) -> None:
        now = time.monotonic()
        while self._kept:
            first = next(iter(self._kept.values()))
            if first.until > now and self._held + room <= self.size:
                return
            self._kept.popitem(last=False)
            self._held -= len(first.data)
