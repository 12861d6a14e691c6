"""Tasks of the embedded world, by split: 'train' (a fixed number of them), 'validation', 'test'."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from experts.poster.phrases import SPLITS
from experts.poster.render import render
from experts.poster.tasks import Deck, PosterTask
from poser.types import PoserError, Task

SIZE = 1000
"""Different tasks of a split: with a fixed number, what one training run has paid for another finds in the cache."""


def to_task(asked: PosterTask) -> Task:
    """A poster task as the agent gets it: prompt and input picture, without its meaning."""
    picture = render(asked.start, np.random.default_rng(asked.seed)) if asked.start is not None else None
    return Task(asked.prompt, picture, asked.seed, id=asked.id)


@lru_cache(maxsize=8)
def _asked(split: str, count: int) -> tuple[PosterTask, ...]:
    return tuple(Deck(split, None).first(count, 0))


@dataclass(frozen=True)
class PosterTasks:
    """Tasks of one split, text-to-image and image-to-image."""

    split: str = "train"

    @property
    def id(self) -> str:
        """'poster:SPLIT'."""
        return f"poster:{self.split}"

    def draw(self, rng: np.random.Generator) -> Task:
        """One of the split's first `SIZE` tasks."""
        return to_task(_asked(self.split, SIZE)[int(rng.integers(SIZE))])

    def first(self, count: int) -> list[Task]:
        """The first tasks of the split's sequence."""
        return [to_task(asked) for asked in _asked(self.split, count)]


def load(argument: str) -> PosterTasks:
    """'train' (default), 'validation' or 'test'. Raises `PoserError` for another split."""
    if argument and argument not in SPLITS:
        raise PoserError(f"no such split {argument!r}; splits are {', '.join(SPLITS)}")
    return PosterTasks(argument or "train")
