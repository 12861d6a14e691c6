"""Which requests go wrong at the loopback server, and how."""

from __future__ import annotations

import random
from collections.abc import Callable

FAULTS = ("429", "500", "504", "timeout", "truncated", "garbage", "cut-picture", "reset", "refusal", "wrong-size")
"""What can go wrong."""
FREE = ("429", "500")
"""The service says that it did nothing: asked again."""
LOST = ("504", "timeout", "truncated", "garbage", "cut-picture", "reset")
"""The picture may have been made: asked again only where that is allowed, or charged once."""


class Plan:
    """Which of the requests that make pictures go wrong, and how: seeded, decided by their number."""

    def __init__(self, rate: float, seed: int, faults: tuple[str, ...] = FAULTS) -> None:
        self._draws, self._rate, self._faults = random.Random(seed), rate, faults

    def __call__(self) -> str | None:
        return self._draws.choice(self._faults) if self._draws.random() < self._rate else None


def script(*faults: str | None) -> Callable[[], str | None]:
    """These faults in order, then none."""
    rest = list(faults)
    return lambda: rest.pop(0) if rest else None
