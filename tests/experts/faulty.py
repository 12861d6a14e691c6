"""Experts that go wrong in every way that we could think of: `FAULTS` by name, and an expert that does them at random.

A fault is given the expert's good answers and one place in them, and gives back what the expert answers instead (or
raises). `SHARED` says which of them spoil the whole answer, whatever its other items are.
"""

from __future__ import annotations

import io
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from experts.fake import FakeExpert
from experts.images import png
from experts.types import Card, Failure, Request, Result


class Unprintable(Exception):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise ValueError("no words for it")

    __repr__ = __str__


class Own(BaseException):
    """An exception that is no `Exception`."""


class Slippery(Result):
    """A result whose notes cannot be read."""

    @property  # type: ignore[misc]
    def notes(self) -> tuple[str, ...]:  # type: ignore[override]
        raise AttributeError("gone")

    @notes.setter
    def notes(self, value: object) -> None:
        pass


def lazy() -> Image.Image:
    """A picture whose file ends in the middle: it opens, and breaks when it is read."""
    whole = png(Image.effect_noise((64, 64), 50))
    return Image.open(io.BytesIO(whole[: len(whole) // 2]))


def forced(**fields: Any) -> Result:
    """A result with fields that its own check would refuse."""
    made = Result(image=Image.new("RGB", (32, 32)))
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made


def raising(error: BaseException) -> Callable[[list[Result], int], Any]:
    """Raises instead of an answer."""

    def fault(good: list[Result], place: int) -> Any:
        raise error

    return fault


def one(make: Callable[[Result], Any]) -> Callable[[list[Result], int], Any]:
    """One item of the answer is something else."""

    def fault(good: list[Result], place: int) -> Any:
        return [make(result) if k == place else result for k, result in enumerate(good)]

    return fault


def _halfway(good: list[Result], place: int) -> Iterator[Result]:
    yield from good[:place]
    raise RuntimeError("the generator broke")


def _endless(good: list[Result], place: int) -> Iterator[Result]:
    while True:
        yield good[place]


def _deep(good: list[Result], place: int) -> Any:
    return _deep(good, place)


def _exit(good: list[Result], place: int) -> Any:
    sys.exit(3)


SHARED: dict[str, Callable[[list[Result], int], Any]] = {
    "raises ValueError": raising(ValueError("two\nlines \x1b[31m and an escape")),
    "raises OSError": raising(OSError(5, "input/output error")),
    "raises a time-out": raising(TimeoutError()),
    "raises RecursionError": _deep,
    "raises what cannot be printed": raising(Unprintable()),
    "raises no Exception": raising(Own("base")),
    "exits": _exit,
    "raises with a lone surrogate": raising(ValueError("\ud800")),
    "gives None": lambda good, place: None,
    "gives a number": lambda good, place: 7,
    "gives text": lambda good, place: "done",
    "gives a mapping": lambda good, place: {k: result for k, result in enumerate(good)} if len(good) > 1 else {},
    "gives one too few": lambda good, place: good[:-1],
    "gives one too many": lambda good, place: [*good, good[place]],
    "gives an endless answer": _endless,
    "breaks halfway": _halfway,
}
SINGLE: dict[str, Callable[[list[Result], int], Any]] = {
    "an item is None": one(lambda result: None),
    "an item is text": one(lambda result: "a picture"),
    "an item is a bare picture": one(lambda result: result.image),
    "a picture is bytes": one(lambda result: forced(image=b"\x89PNG")),
    "a picture is a number": one(lambda result: forced(image=3)),
    "a picture ends early": one(lambda result: forced(image=lazy())),
    "a picture has no pixel": one(lambda result: forced(image=Image.new("RGB", (0, 0)))),
    "neither picture nor failure": one(lambda result: forced(image=None)),
    "a failure of no kind": one(lambda result: Result(failure=Failure("tired", "\x07bell", math.nan))),  # type: ignore[arg-type]
    "a failure that is text": one(lambda result: Result(failure="no")),  # type: ignore[arg-type]
    "notes that cannot be read": one(lambda result: Slippery(image=result.image)),
    "a refusal": one(lambda result: Result(failure=Failure("refused", "not that"))),
}
COSTS: dict[str, Callable[[list[Result], int], Any]] = {
    "costs NaN": one(lambda result: replace(result, usd=math.nan)),
    "costs infinity": one(lambda result: replace(result, usd=math.inf)),
    "costs less than nothing": one(lambda result: replace(result, usd=-1.0)),
    "costs text": one(lambda result: replace(result, usd="free")),  # type: ignore[arg-type]
    "takes NaN seconds": one(lambda result: replace(result, seconds=math.nan)),
    "takes minus infinity": one(lambda result: replace(result, seconds=-math.inf)),
    "a grey picture": one(lambda result: replace(result, image=result.image.convert("L") if result.image else None)),
    "a clear picture": one(lambda result: replace(result, image=result.image.convert("LA") if result.image else None)),
}
"""The picture is there all the same."""
FAULTS = SHARED | SINGLE | COSTS


class FaultyExpert(FakeExpert):
    """A procedural expert that goes wrong, at `rate` a request, in a way drawn at random; `done` counts the ways."""

    def __init__(self, card: Card, rate: float, seed: int, kinds: Sequence[str] = tuple(FAULTS)) -> None:
        super().__init__(card)
        self.rate, self.kinds, self.draws = rate, list(kinds), random.Random(seed)
        self.done: dict[str, int] = {}

    def __call__(self, requests: Sequence[Request]) -> list[Result]:
        good = super().__call__(requests)
        if not requests or self.draws.random() < (1 - self.rate) ** len(requests):
            return good
        kind = self.draws.choice(self.kinds)
        self.done[kind] = self.done.get(kind, 0) + 1
        answer: Any = FAULTS[kind](good, self.draws.randrange(len(good)))
        return answer  # type: ignore[no-any-return]
