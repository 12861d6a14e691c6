"""What the tests of the doors share: a source of tasks that needs no world, an observer, and random legal choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experts.types import Failure, Request
from poser.learned.embedders import HashEmbedder
from poser.learned.extras import EXTRAS
from poser.learned.observation import Encoder, Observer
from poser.mdp import MDP
from poser.types import Budget, State, Task
from tests.poser.world import PICTURE, PROMPTS


class Tasks:
    """Prompts, pictures, budgets and seeds by chance; the seed is the id."""

    id = "tests:1"

    def __init__(self, budgets: Sequence[Budget] = (Budget(2), Budget(5), Budget(6, usd=0.35))) -> None:
        self.budgets = budgets

    def draw(self, rng: np.random.Generator) -> Task:
        seed = int(rng.integers(2**31))
        prompt, image = PROMPTS[int(rng.integers(len(PROMPTS)))], (None, PICTURE)[int(rng.integers(2))]
        return Task(prompt, image, seed, self.budgets[int(rng.integers(len(self.budgets)))], str(seed))

    def first(self, count: int) -> list[Task]:
        rng = np.random.default_rng(0)
        return [self.draw(rng) for _ in range(count)]


def sometimes(request: Request) -> Failure | None:
    """Every fifth call fails, decided by its seed."""
    return Failure("timeout", "too slow") if request.seed % 5 == 0 else None


def observer(mdp: MDP) -> Observer:
    return Observer(Encoder(HashEmbedder(16), tuple(EXTRAS)), mdp.actions)


def choose(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random legal slot a row."""
    return np.argmax(np.where(mask > 0, rng.random(mask.shape), -1.0), axis=1)


class Script:
    """A policy that takes the slots it was given, by task and turn."""

    id = "script"

    def __init__(self, slots: Mapping[tuple[str, int], int]) -> None:
        self.slots = slots

    def __call__(self, states: Sequence[State], mask: Any) -> list[int]:
        return [self.slots[state.task.id, state.turn] for state in states]


def plain(value: Any) -> bool:
    """Numbers, words, arrays of numbers, and containers of them."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and plain(inner) for key, inner in value.items())
    if isinstance(value, np.ndarray):
        return value.dtype != object and value.ndim <= 2
    return type(value) in (bool, int, float, str)
