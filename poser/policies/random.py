"""Any legal slot, with equal chance; a function of the task's seed and the turn, so that a resumed run repeats it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from poser.plugins import Context
from poser.protocols import Policy
from poser.types import State

KEYS: tuple[str, ...] = ()
"""It takes no argument."""


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


def load(settings: Mapping[str, Any], context: Context) -> Policy:
    """`random`."""
    return Random()
