"""The rules to beat: which expert first, which after it failed, when to stop; fitted on what the critic saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.replay.world import Replay
from poser.actions import ActionSet
from poser.learned.embedders import Embedder
from poser.protocols import Policy
from poser.types import State

RIDGE = 10.0
"""Weight of the squared coefficients in the text router."""


def order(seen: np.ndarray) -> list[tuple[int, float]]:
    """Experts by what each adds to the best of those before it, with that gain: [items, experts] -> (expert, gain).

    Where outcomes are a yes or a no: the best one, then the best one for the items at which it failed, and so on.
    """
    best, left, found = np.zeros(len(seen)), list(range(seen.shape[1])), []
    while left:
        gains = {k: float(np.maximum(best, seen[:, k]).mean() - best.mean()) for k in left}
        k = max(gains, key=lambda name: gains[name])
        found.append((k, gains[k]))
        best = np.maximum(best, seen[:, k])
        left.remove(k)
    return found


def lasting(found: Sequence[tuple[int, float]], seen: np.ndarray, enough: float) -> list[tuple[int, float]]:
    """The same with each gain divided by the share of items that still needed a try: the gain of a call."""
    best, rows = np.zeros(len(seen)), []
    for k, gain in found:
        open_items = float((best < enough).mean())
        rows.append((k, gain / open_items if open_items else 0.0))
        best = np.maximum(best, seen[:, k])
    return rows


@dataclass(frozen=True)
class Ordered:
    """By the group of a task, its next expert in a fixed order; stops where that gains less than a call costs."""

    id: str
    groups: Mapping[str, Sequence[tuple[int, float]]]
    group_of: Sequence[str]
    actions: ActionSet

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        return [self._one(state, row) for state, row in zip(states, mask, strict=True)]

    def _one(self, state: State, row: np.ndarray) -> int:
        steps = self.groups[self.group_of[int(state.task.id)]]
        stop = self.actions.slot(None, "stop")
        if state.turn >= len(steps):
            return stop if row[stop] else int(row.argmax())
        expert, gain = steps[state.turn]
        if gain < state.task.price.second and row[stop]:
            return stop
        return self.actions.slot(list(self.actions.cards)[expert])


def by_group(replay: Replay, numbers: Sequence[int], grouped: bool) -> Policy:
    """'per-kind': an order for each group; 'one-order': the same for all."""
    items, seen = replay.deck.items, replay.seen(numbers)
    names = [item.group if grouped else "all" for item in items]
    orders = {}
    for name in sorted(set(names)):
        rows = seen[[names[number] == name for number in numbers]]
        rows = rows if len(rows) else seen
        orders[name] = lasting(order(rows), rows, replay.deck.enough)
    return Ordered("per-kind" if grouped else "one-order", orders, names, replay.mdp.actions)


def by_text(replay: Replay, numbers: Sequence[int], embedder: Embedder) -> Policy:
    """'text-router': ridge regression from a prompt's embedding to each expert's score, by forecast."""
    items, seen = replay.deck.items, replay.seen(numbers)
    vectors = embedder.embed([item.prompt for item in items])
    known = vectors[list(numbers)]
    centre, mean = known.mean(axis=0), seen.mean(axis=0)
    square = (known - centre).T @ (known - centre) + RIDGE * np.eye(known.shape[1])
    weights = np.linalg.solve(square, (known - centre).T @ (seen - mean))
    forecast = mean + (vectors - centre) @ weights
    rows = {
        str(k): [(int(j), float(row[j])) for j in np.argsort(-row, kind="stable")] for k, row in enumerate(forecast)
    }
    return Ordered("text-router", rows, [str(k) for k in range(len(items))], replay.mdp.actions)
