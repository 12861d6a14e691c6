"""A policy that explores and is fitted as it goes: what bandits and tables share. `rollout`'s `on_step` tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np

from poser.actions import ActionSet, anything
from poser.protocols import Policy
from poser.types import State, Step

P = TypeVar("P", bound=Policy)


class Explorer(Generic[P]):
    """Chooses as the policy fitted so far, or at random.

    Args:
        actions: what it chooses from.
        calls: expert calls to learn from; later steps are ignored. 'stop' is no call.
        seed: of its random choices.
        every: steps between fits.
        exploration_initial_eps, exploration_final_eps: chance of a random legal slot at the start and at the end.
        exploration_fraction: share of `calls` over which that chance falls in a straight line.

    Attributes:
        policy: of all steps up to the last fit.
        seen: expert calls so far.
    """

    id = "explorer"
    policy: P

    def __init__(
        self,
        actions: ActionSet,
        calls: int,
        seed: int = 0,
        every: int = 64,
        exploration_initial_eps: float = 1.0,
        exploration_final_eps: float = 0.05,
        exploration_fraction: float = 0.5,
    ) -> None:
        self.actions, self.calls, self.seed, self.every = actions, calls, seed, every
        self._eps, self._fraction = (exploration_initial_eps, exploration_final_eps), exploration_fraction
        self._rng = np.random.default_rng(seed)
        self.seen = self._steps = 0
        self.policy = self._fitted()

    @property
    def done(self) -> bool:
        """Whether `calls` expert calls have been learned from."""
        return self.seen >= self.calls

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state: a random one with the chance that is due, else the policy's."""
        part = min(1.0, self.seen / max(1.0, self._fraction * self.calls))
        chance = self._eps[0] + part * (self._eps[1] - self._eps[0])
        coins, drawn = self._rng.random(len(states)), anything(mask, self._rng)
        best = self.policy(states, mask)
        return [int(a) if coin < chance else b for coin, a, b in zip(coins, drawn, best, strict=True)]

    def learn(self, _: int, step: Step) -> None:
        """Remembers a step; fits again after every `every` steps, and after the last call."""
        if self.done:
            return
        self._remember(step)
        self.seen += step.result is not None
        self._steps += 1
        if self.done or self._steps % self.every == 0:
            self.policy = self._fitted()

    def _remember(self, step: Step) -> None:
        raise NotImplementedError

    def _fitted(self) -> P:
        """The policy of what is remembered; of nothing at first."""
        raise NotImplementedError
