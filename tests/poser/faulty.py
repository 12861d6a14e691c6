"""Critics that go wrong: `FAULTS` by name, and a critic that does them at random. As `tests.experts.faulty`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from poser.protocols import Critic
from poser.types import Critique, Look, Premise
from tests.experts.faulty import Own, Unprintable, raising

Fault = Callable[[list[Critique], int], Any]


def one(**fields: Any) -> Fault:
    """One critique has other fields."""

    def fault(good: list[Critique], place: int) -> Any:
        return [replace(c, **fields) if k == place else c for k, c in enumerate(good)]

    return fault


def _other(value: Any) -> Fault:
    def fault(good: list[Critique], place: int) -> Any:
        return [value if k == place else c for k, c in enumerate(good)]

    return fault


def _halfway(good: list[Critique], place: int) -> Iterator[Critique]:
    yield from good[:place]
    raise RuntimeError("the generator broke")


LOST: dict[str, Fault] = {
    "raises ValueError": raising(ValueError("two\nlines")),
    "raises what cannot be printed": raising(Unprintable()),
    "raises no Exception": raising(Own("base")),
    "raises MemoryError": raising(MemoryError()),
    "exits": raising(SystemExit(1)),
    "gives None": lambda good, place: None,
    "gives a number": lambda good, place: 7,
    "gives one too few": lambda good, place: good[:-1],
    "gives one too many": lambda good, place: [*good, good[place]],
    "breaks halfway": _halfway,
    "an item is None": _other(None),
    "an item is a number": _other(0.5),
    "scores are NaN": one(wanted=(math.nan, math.nan)),
    "scores are out of range": one(wanted=(7.5,)),
    "scores are text": one(wanted=("good",)),
    "scores are no list": one(wanted=0.5),
    "too many scores": one(wanted=(0.5,) * 40),
    "scores are infinite": one(wanted=(math.inf,)),
}
"""No verdict is left of the item concerned."""
ODD: dict[str, Fault] = {
    "costs NaN": one(usd=math.nan),
    "costs less than nothing": one(usd=-3.0),
    "takes for ever": one(seconds=math.inf),
    "feedback is no text": one(feedback=None),
    "feedback that cannot be shown": one(feedback="\x1b[31m\ud800\x00"),
    "premises of nobody": one(premises=(Premise(0.0, "no"),) * 9),
    "kept is out of range": one(kept=-2.0),
    "harmed is a number": one(harmed=3),
    "seen is text": one(seen="a star"),
}
FAULTS = LOST | ODD


class FaultyCritic:
    """Another critic that goes wrong, at `rate` a look, in a way drawn at random; `done` counts the ways."""

    id = "faulty:1"

    def __init__(self, critic: Critic, rate: float, seed: int, kinds: Sequence[str] = tuple(FAULTS)) -> None:
        self.critic, self.rate, self.kinds, self.draws = critic, rate, list(kinds), random.Random(seed)
        self.done: dict[str, int] = {}

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        good = self.critic(looks)
        if not looks or self.draws.random() < (1 - self.rate) ** len(looks):
            return good
        kind = self.draws.choice(self.kinds)
        self.done[kind] = self.done.get(kind, 0) + 1
        answer: Any = FAULTS[kind](good, self.draws.randrange(len(good)))
        return answer  # type: ignore[no-any-return]
