"""A learned policy that leaves the choice to another one where it predicts a low return (`--abstain-below`).

A wrapper around two policies: it has no name of its own in `poser.policies`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from poser.protocols import Policy
from poser.types import PoserError, State


class Valued(Policy, Protocol):
    """A policy that predicts what its choices return."""

    def values(self, states: Sequence[State], mask: Any) -> np.ndarray:
        """Predicted return of every slot, float64 [B, K], in commands carried out; illegal slots are -inf."""
        ...


def scaled(value: float, state: State) -> float:
    """A return, in commands carried out, as a share of those that are pending, [0, 1]."""
    return min(1.0, max(0.0, value / max(1, len(state.plan.pending))))


@dataclass(frozen=True)
class Abstain:
    """The choice of `policy`, or that of `fallback` where `confidence` is less than `below`.

    Attributes:
        policy: the learned one; it predicts returns.
        fallback: chooses where `policy` abstains.
        below: the least share of the pending commands that must be predicted, [0, 1]; with 0 it never abstains.

    Raises `PoserError` for a `below` out of range.
    """

    policy: Valued
    fallback: Policy
    below: float

    def __post_init__(self) -> None:
        if not 0 <= self.below <= 1:
            raise PoserError(f"abstain below {self.below}: the predicted share is in [0, 1]; give a number in it")

    @property
    def id(self) -> str:
        """'POLICY|BELOW|FALLBACK'."""
        return f"{self.policy.id}|{self.below:g}|{self.fallback.id}"

    def confidence(self, states: Sequence[State], mask: np.ndarray) -> np.ndarray:
        """The highest predicted return over the number of pending commands, clipped to [0, 1]: float64 [B]."""
        best = np.asarray(self.policy.values(states, mask), np.float64).max(axis=1)
        return np.asarray([scaled(float(value), state) for value, state in zip(best, states, strict=True)])

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        slots = list(self.policy(states, mask))
        unsure = [k for k, sure in enumerate(self.confidence(states, mask)) if sure < self.below]
        if unsure:
            others = self.fallback([states[k] for k in unsure], np.asarray(mask)[unsure])
            for k, slot in zip(unsure, others, strict=True):
                slots[k] = slot
        return slots
