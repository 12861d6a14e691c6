"""The linear bandit that sees the cards too: one regression over cards for all slots, and one a slot over the state for
what that leaves (the hybrid model of Li et al., arXiv:1003.0146, section 3.2, fitted greedily)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from poser.learned.exploring import Explorer
from poser.learned.observation import Observer
from poser.policies.bandit import ridge
from poser.types import State, Step


@dataclass(frozen=True)
class CardBandit:
    """The legal slot with the highest predicted reward.

    Attributes:
        shared: float64 [F], of the cards; weights: [K, D], of the state; bias: [K].
    """

    observer: Observer
    shared: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    id: str = "bandit+cards"

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        seen = self.observer(states, mask)
        values = seen["cards"] @ self.shared + seen["state"] @ self.weights.T + self.bias
        return [int(slot) for slot in np.where(np.asarray(mask, bool), values, -np.inf).argmax(axis=1)]


class CardLearner(Explorer[CardBandit]):
    """A bandit over cards that explores and is fitted as it goes."""

    def __init__(self, observer: Observer, calls: int, seed: int = 0, strength: float = 1.0, **more: Any) -> None:
        self.observer, self.strength = observer, strength
        self._seen: list[tuple[int, np.ndarray, np.ndarray, float]] = []
        super().__init__(observer.actions, calls, seed, **more)

    def _remember(self, step: Step) -> None:
        seen, slot = self.observer([step.before]), self.actions.slots.index(step.action)
        self._seen.append((slot, seen["state"][0], seen["cards"][0, slot], float(step.reward["total"])))

    def _fitted(self) -> CardBandit:
        count, width = len(self.actions.slots), len(self.observer.names)
        weights, bias = np.zeros((count, self.observer.encoder.dim)), np.zeros(count)
        if not self._seen:
            return CardBandit(self.observer, np.zeros(width), weights, bias)
        slots = np.asarray([slot for slot, *_ in self._seen])
        states, cards = (np.stack([row[k] for row in self._seen]).astype(np.float64) for k in (1, 2))
        rewards = np.asarray([reward for *_, reward in self._seen])
        shared, level = ridge(cards, rewards, self.strength)
        left = rewards - cards @ shared - level
        bias[:] = level
        for k in np.unique(slots):
            own = slots == k
            shrunk = own.sum() / (own.sum() + 8.0)  # a slot that was seldom tried keeps to what its card says
            weights[k], offset = ridge(states[own], left[own], self.strength)
            weights[k], bias[k] = shrunk * weights[k], level + shrunk * offset
        return CardBandit(self.observer, shared, weights, bias)
