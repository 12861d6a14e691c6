"""What hand-made rungs take from the training split: the best pair, the best expert a kind, the best way to look."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.ladder.episodes import Built, rows
from benchmarks.ladder.world import World
from experts.types import Mode
from poser import policies
from poser.actions import ActionSet
from poser.best_of import BestOf
from poser.learning.tasks import PricedTasks
from poser.mdp import MDP
from poser.policies import table
from poser.policies.fixed import Fixed
from poser.policies.random import Random
from poser.protocols import Policy
from poser.rollout import rollout
from poser.types import Scope, State, Step

LOOKS = 3
"""Calls of a step in best-of-N."""


def order(actions: ActionSet, names: Sequence[str], scope: Scope, redraw: bool = False) -> tuple[int, ...]:
    """Slots of some experts, the most wanted first: editors before drawers (after them with `redraw`); 'all' before
    'current' where `scope` is 'all', else 'current' alone."""
    first: Mode = "text-to-image" if redraw else "image-to-image"
    scopes: tuple[Scope, ...] = ("all", "current") if scope == "all" else ("current",)
    modes = sorted({actions.cards[name].mode for name in names}, key=lambda mode: mode != first)
    grouped = [[name for name in names if actions.cards[name].mode == mode] for mode in modes]
    return tuple(actions.slot(name, scope) for group in grouped for scope in scopes for name in group)


def pairs(actions: ActionSet) -> list[tuple[str, str]]:
    """Every (text-to-image, image-to-image) pair of experts."""
    draw, edit = (
        [c.id for c in actions.cards.values() if c.mode == mode] for mode in ("text-to-image", "image-to-image")
    )
    return list(itertools.product(draw, edit))


@dataclass(frozen=True)
class Current:
    """Any legal slot that hands over one command: what the table is measured with."""

    actions: ActionSet
    id: str = "random-current"

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        one = np.asarray([action.scope == "current" for action in self.actions.slots])
        allowed = mask & one
        return Random()(states, np.where(allowed.any(axis=1, keepdims=True), allowed, mask))


class Chosen:
    """The choices, each made once, with about `World.calls` expert calls on training tasks.

    Fixed choices are judged there by the reader: the strongest form of a rule that looks at no state.
    """

    def __init__(self, world: World) -> None:
        self.world, self.actions = world, world.actions

    def _best(self, builds: dict[Any, Built]) -> Any:
        """The key with the highest mean worth on training tasks; ties: the first."""
        asked = self.world.practice(max(1, self.world.calls // (len(builds) * self.world.most)))
        found = {key: rows(self.world, "chosen", 0, *built, asked=asked) for key, built in builds.items()}
        return max(found, key=lambda key: float(np.mean([row.worth for row in found[key]])))

    def best_of(self, policies: Mapping[str, Policy]) -> Policy:
        """The best of some policies."""
        return policies[self._best({name: (self.world.mdp(), policy) for name, policy in policies.items()})]

    def _pair(self, pair: tuple[str, str]) -> Policy:
        return policies.load(f"fixed:{'+'.join(pair)}", self.actions)

    def whole_of(self, pair: tuple[str, str], redraw: bool) -> Policy:
        """Hands over everything with one pair."""
        slots = order(self.actions, pair, "all", redraw)
        return Fixed(f"whole:{'+'.join(pair)}{':redraw' if redraw else ''}", slots)

    def looks_of(self, scope: Scope, redraw: bool) -> Built:
        """Several experts at each step, the critic's favourite is kept."""
        slots = order(self.actions, tuple(self.actions.cards), scope, redraw)
        several = BestOf.of(self.world.mdp(), LOOKS, lambda states, mask: [list(slots)] * len(states))
        return several, Fixed(f"best-of-{LOOKS}:{scope}{':redraw' if redraw else ''}", slots)

    @cached_property
    def fixed(self) -> Policy:
        """The best pair, one command at a time."""
        mdp = self.world.mdp()
        return self._pair(self._best({pair: (mdp, self._pair(pair)) for pair in pairs(self.actions)}))

    @cached_property
    def whole(self) -> Policy:
        """The best pair that gets everything at once, with or without drawing anew."""
        mdp, options = self.world.mdp(), itertools.product(pairs(self.actions), (False, True))
        return self.whole_of(*self._best({option: (mdp, self.whole_of(*option)) for option in options}))

    @cached_property
    def looks(self) -> Built:
        """The best way to look at several."""
        scopes: tuple[Scope, ...] = ("current", "all")
        builds = {option: self.looks_of(*option) for option in itertools.product(scopes, (False, True))}
        return builds[self._best(builds)]

    @cached_property
    def table(self) -> Policy:
        """The best expert a kind of command, by the critic, from `World.calls` random choices."""
        steps: list[Step] = []
        mdp = self.world.mdp()
        run(self.world, mdp, Current(self.actions), 0, lambda _, step: steps.append(step), lambda: len(steps))
        return table.make(table.fit(steps[: self.world.calls], self.actions), self.actions, "per-verb")


def run(
    world: World, mdp: MDP, policy: Policy, seed: int, on_step: Callable[[int, Step], None], seen: Callable[[], int]
) -> None:
    """Plays training tasks until `on_step` has seen `World.calls` expert calls."""
    rng = np.random.default_rng(seed)
    source = PricedTasks(world.tasks, world.budget)
    tasks = (source.draw(rng) for _ in itertools.takewhile(lambda _: seen() < world.calls, itertools.count()))
    for _ in rollout(mdp, policy, tasks, world.seats, on_step):
        if seen() >= world.calls:
            return
