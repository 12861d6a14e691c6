"""Sources of tasks to train and to measure on, one file each: `load("poster:train")`, `load("prompts.txt")`."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from poser.types import Budget, PoserError, Price, Task


class TaskSource(Protocol):
    """A source of tasks. `id` names it in records."""

    @property
    def id(self) -> str:
        """Name and split."""
        ...

    def draw(self, rng: np.random.Generator) -> Task:
        """A random task; all randomness comes from `rng`."""
        ...

    def first(self, count: int) -> list[Task]:
        """A fixed list: the same at every call, shorter where the source has fewer."""
        ...


def load(name: str) -> TaskSource:
    """'NAME' or 'NAME:SPLIT' of a source that there is a file for, or the path of a file of prompts (`prompt_file`).

    Raises `PoserError` where it is neither.
    """
    kind, _, split = name.partition(":")
    known = {module.name for module in pkgutil.iter_modules(__path__)} - {"prompt_file"}
    if kind not in known and not Path(name).is_file():
        raise PoserError(f"no tasks or file of prompts {name!r}; give poster:train, poster:validation or poster:test")
    module = importlib.import_module(f"poser.learning.tasks.{kind if kind in known else 'prompt_file'}")
    source: TaskSource = module.load(split if kind in known else name)
    return source


@dataclass(frozen=True)
class PricedTasks:
    """A source whose tasks get a budget and random prices, drawn from [0, highest] with half of the mass near 0 (u^2).

    `budget` None: that of each task; `highest` None: the prices of `fixed`.
    """

    source: TaskSource
    budget: Budget | None = Budget()
    highest: Price | None = None
    fixed: Price = Price()

    @property
    def id(self) -> str:
        """That of the source."""
        return self.source.id

    def draw(self, rng: np.random.Generator) -> Task:
        """A task of the source with its budget and prices."""
        task, price = self.source.draw(rng), self.fixed
        if self.highest is not None:
            second, usd = rng.random(2) ** 2
            price = Price(self.highest.second * float(second), self.highest.usd * float(usd))
        return replace(task, budget=self.budget or task.budget, price=price)

    def first(self, count: int) -> list[Task]:
        """The source's list, at the prices of `fixed`."""
        return [replace(task, budget=self.budget or task.budget, price=self.fixed) for task in self.source.first(count)]
