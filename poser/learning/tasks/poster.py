"""Tasks of the embedded world: 'SPLIT', 'SPLIT:CLASS', 'SPLIT:CLASS:SEED'.

Splits are 'train' (a fixed number of tasks), 'validation', 'test'; classes those of `experts.poster.tasks`, or 'all'; a
seed of the generator gives other tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from experts.poster.phrases import SPLITS
from experts.poster.render import render
from experts.poster.tasks import CLASSES, EVERY, Deck, PosterTask
from poser.types import Budget, PoserError, Task

SIZE = 1000
"""Different tasks of a split: with a fixed number, what one training run has paid for another finds in the cache."""


def to_task(asked: PosterTask) -> Task:
    """A poster task as the agent gets it: prompt, input picture and budget of calls, without its meaning."""
    picture = render(asked.start, np.random.default_rng(asked.seed)) if asked.start is not None else None
    return Task(asked.prompt, picture, asked.seed, Budget(asked.calls), asked.id)


@lru_cache(maxsize=8)
def _asked(split: str, name: str, seed: int, count: int) -> tuple[PosterTask, ...]:
    return tuple(Deck(split, None, name).first(count, seed))


@dataclass(frozen=True)
class PosterTasks:
    """Tasks of one split, text-to-image and image-to-image, of one class (or 'all') and one seed of the generator."""

    split: str = "train"
    name: str = "short"
    seed: int = 0

    @property
    def id(self) -> str:
        """'poster:SPLIT', with the class and the seed where they are not the usual ones."""
        more = f":{self.name}:{self.seed}" if self.seed else f":{self.name}" if self.name != "short" else ""
        return f"poster:{self.split}{more}"

    def draw(self, rng: np.random.Generator) -> Task:
        """One of the first `SIZE` tasks."""
        return to_task(_asked(self.split, self.name, self.seed, SIZE)[int(rng.integers(SIZE))])

    def first(self, count: int) -> list[Task]:
        """The first tasks of the sequence."""
        return [to_task(asked) for asked in _asked(self.split, self.name, self.seed, count)]


def load(argument: str) -> PosterTasks:
    """What `argument` names; by default 'train:short:0'. Raises `PoserError` for another split, class or seed."""
    split, _, rest = argument.partition(":")
    name, _, seed = rest.partition(":")
    if split and split not in SPLITS:
        raise PoserError(f"no such split {split!r}; splits are {', '.join(SPLITS)}")
    if name and name not in (*CLASSES, EVERY):
        raise PoserError(f"no such class of tasks {name!r}; classes are {', '.join((*CLASSES, EVERY))}")
    if seed and not (seed.isascii() and seed.isdigit() and len(seed) < 10):
        raise PoserError(f"the seed of the tasks is {seed!r}; give a whole number from 0")
    return PosterTasks(split or "train", name or "short", int(seed or 0))
