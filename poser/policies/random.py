"""Any legal slot, with equal chance; a function of the task's seed and the turn, so that a resumed run repeats it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from poser.actions import ActionSet
from poser.types import Policy, State


@dataclass(frozen=True)
class Random:
    """See the module."""

    id: str = "random"

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        return [
            int(np.random.default_rng((state.task.seed, state.turn)).choice(np.flatnonzero(row)))
            for state, row in zip(states, mask, strict=True)
        ]


def load(argument: str, actions: ActionSet) -> Policy:
    """`random`."""
    return Random()
