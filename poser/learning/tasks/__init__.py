"""Decks: where tasks to train and to measure on come from, one file each: `load("poster:train")`, `load("a.txt")`."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from poser.types import Budget, PoserError, Price, Task


class Deck(Protocol):
    """A source of tasks. `id` names it in records."""

    @property
    def id(self) -> str:
        """Name and split."""
        ...

    def draw(self, rng: np.random.Generator) -> Task:
        """A random task; all randomness comes from `rng`."""
        ...

    def first(self, count: int) -> list[Task]:
        """A fixed list: the same at every call, shorter where the deck has fewer."""
        ...


def load(name: str) -> Deck:
    """'NAME' or 'NAME:SPLIT' of a deck that there is a file for, or the path of a file of prompts (`lines`).

    Raises `PoserError` where it is neither.
    """
    kind, _, split = name.partition(":")
    known = sorted(module.name for module in pkgutil.iter_modules(__path__))
    if kind in known and kind != "prompt_file":
        deck: Deck = importlib.import_module(f"poser.learning.tasks.{kind}").load(split)
        return deck
    if Path(name).is_file():
        found: Deck = importlib.import_module("poser.learning.tasks.prompt_file").load(name)
        return found
    raise PoserError(f"no deck or file of prompts {name!r}; decks are poster:train, poster:validation, poster:test")


@dataclass(frozen=True)
class Priced:
    """A deck whose tasks get a budget and random prices, drawn from [0, highest] with half of the mass near 0 (u^2).

    `highest` None: the prices of `fixed`.
    """

    deck: Deck
    budget: Budget = Budget()
    highest: Price | None = None
    fixed: Price = Price()

    @property
    def id(self) -> str:
        """The deck's."""
        return self.deck.id

    def draw(self, rng: np.random.Generator) -> Task:
        """A task of the deck with its budget and prices."""
        task, price = self.deck.draw(rng), self.fixed
        if self.highest is not None:
            second, usd = rng.random(2) ** 2
            price = Price(self.highest.second * float(second), self.highest.usd * float(usd))
        return replace(task, budget=self.budget, price=price)

    def first(self, count: int) -> list[Task]:
        """The deck's list, at the prices of `fixed`."""
        return [replace(task, budget=self.budget, price=self.fixed) for task in self.deck.first(count)]
