"""Best of N: several experts are tried at each step, the best result in the critic's eyes is kept, all are charged.

`BestOf` is an `MDP`: `rollout`, the environments and the benchmarks run it in place of another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from experts.types import Card
from poser.mdp import MDP
from poser.types import PoserError, Spent, State, Step

Propose = Callable[[Sequence[State], np.ndarray], list[list[int]]]
"""B states and their mask, bool [B, K] -> for each state the slots to try beside the chosen one, best first."""


def _nothing(states: Sequence[State], mask: np.ndarray) -> list[list[int]]:
    return [[] for _ in states]


CHARGES = ("step", "failed", "usd", "seconds", "price")
"""Terms of the reward that every call costs; the others are those of the step that is kept."""


@dataclass(frozen=True)
class BestOf(MDP):
    """Runs the chosen slot and up to `n` - 1 proposed ones, those of all states in one batch, and keeps the best step.

    The best step is the one with the highest `after.value` (the critic's); of equal ones the first, and a failed call
    is never better than one that gave a picture. The kept step counts every call: in `after.spent`, in its charges and
    in whether the budget ended the episode; every expert that failed is masked for a while. The kept action may be
    another than the chosen one. 'stop' is tried alone. Proposals that are illegal, repeated or beyond the budget (of
    calls, USD, seconds as declared) are skipped.

    Attributes:
        n: calls a step at most, >= 1.
        propose: gives the further slots; it may name the chosen one too.
    """

    n: int = 1
    propose: Propose = _nothing

    @classmethod
    def of(cls, mdp: MDP, n: int, propose: Propose) -> BestOf:
        """The same transition with up to `n` calls a step. Raises `PoserError` for an `n` below 1."""
        if n < 1:
            raise PoserError(f"best of {n}: it takes 1 call a step or more; give 2 for a second opinion")
        return cls(**{part.name: getattr(mdp, part.name) for part in fields(MDP)}, n=n, propose=propose)

    def step(self, states: Sequence[State], slots: Sequence[int], mask: np.ndarray | None = None) -> list[Step]:
        """One step of each state: same length and order. Raises `InvalidAction` before anything runs."""
        if not states:
            return []
        mask = self.mask(states) if mask is None else mask
        proposed = self.propose(states, mask) if self.n > 1 else [[] for _ in states]
        groups = [self._tried(*row) for row in zip(states, mask, slots, proposed, strict=True)]
        flat = [(state, slot) for state, group in zip(states, groups, strict=True) for slot in group]
        steps = iter(super().step([state for state, _ in flat], [slot for _, slot in flat]))
        return [_kept([next(steps) for _ in group]) for group in groups]

    def _tried(self, state: State, row: np.ndarray, slot: int, proposed: Sequence[int]) -> list[int]:
        """The chosen slot, and the proposed ones that the mask and the budget allow."""
        actions, budget = self.actions, state.task.budget
        if not 0 <= slot < len(row) or actions.slots[slot].expert is None:
            return [slot]
        tried, card = [slot], self._card(slot)
        usd, seconds = state.spent.usd + card.usd, state.spent.seconds + card.seconds
        room = min(self.n, budget.steps - state.spent.steps)
        for other in proposed:
            if len(tried) >= room:
                break
            if other in tried or not 0 <= other < len(row) or not row[other] or actions.slots[other].expert is None:
                continue
            card = self._card(other)
            if usd + card.usd > budget.usd or seconds + card.seconds > budget.seconds:
                continue
            tried.append(other)
            usd, seconds = usd + card.usd, seconds + card.seconds
        return tried

    def _card(self, slot: int) -> Card:
        return self.actions.cards[self.actions.slots[slot].expert or ""]


def _kept(steps: list[Step]) -> Step:
    """The best of several steps from one state, charged for all."""
    if len(steps) == 1:
        return steps[0]
    best = max(steps, key=lambda step: (step.critique is not None, step.after.value))
    before = best.before
    spent = Spent(
        before.spent.steps + sum(step.after.spent.steps - before.spent.steps for step in steps),
        before.spent.usd + sum(step.after.spent.usd - before.spent.usd for step in steps),
        before.spent.seconds + sum(step.after.spent.seconds - before.spent.seconds for step in steps),
    )
    truncated = before.task.budget.over(spent) and not best.terminated
    down = tuple(dict.fromkeys(entry for step in steps for entry in step.after.down))
    terms = dict(best.reward) | {name: sum(step.reward[name] for step in steps) for name in CHARGES}
    terms["total"] = sum(value for name, value in terms.items() if name != "total")
    after = replace(best.after, spent=spent, down=down, ended=best.terminated or truncated)
    return replace(best, reward=terms, after=after, truncated=truncated)
