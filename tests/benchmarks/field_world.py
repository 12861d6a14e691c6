"""What tests of the field's benchmarks share: systems and judges that are made of plain functions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks._harness.types import Answered, Asked, Drawn, Item, Kind

ALL: frozenset[Kind] = frozenset(("yes", "word", "rating", "similarity", "boxes", "choice", "depth"))
BENCH_DATA = Path(__file__).parents[3] / "shared" / "bench_data"
"""Public data beside the project; it may be absent, and is never part of it."""


@dataclass
class Says:
    """A judge that answers by a function, and remembers what it was asked."""

    answer: Callable[[Asked], Any]
    id: str = "says"
    kinds: frozenset[Kind] = ALL
    asked: list[Asked] = field(default_factory=list)

    def __call__(self, asked: Sequence[Asked]) -> list[Answered]:
        """Same length and order."""
        self.asked += asked
        return [Answered(self.answer(ask), usd=0.01) for ask in asked]


@dataclass
class Draws:
    """A system whose picture of every item is one colour; items in `broken` fail."""

    colour: str = "red"
    broken: tuple[str, ...] = ()
    id: str = "draws"
    critics: tuple[str, ...] = ()
    drawn: list[str] = field(default_factory=list)

    def __call__(self, items: Sequence[Item], seed: int) -> list[Drawn]:
        """Same length and order."""
        self.drawn += [item.id for item in items]
        picture = Image.new("RGB", (64, 64), self.colour)
        return [Drawn((), failed="no") if i.id in self.broken else Drawn((picture,), 0.02, 1.0) for i in items]


def answers(path: Path, rows: Sequence[tuple[str, str, Any]]) -> Path:
    """A file of recorded answers: (item, key, value)."""
    path.write_text("".join(json.dumps({"item": i, "key": k, "value": v}) + "\n" for i, k, v in rows))
    return path


def close(found: float, wanted: float) -> bool:
    """Whether two figures agree, NaN with NaN."""
    return (math.isnan(found) and math.isnan(wanted)) or abs(found - wanted) < 1e-9
