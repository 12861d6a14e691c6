"""The rungs of the ladder. One entry each: an id, a line about it, and `build(seed) -> (transition, policy)`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.ladder import oracle
from benchmarks.ladder.chosen import LOOKS, Chosen, pairs, run
from benchmarks.ladder.episodes import Built, share_of
from benchmarks.ladder.school import School
from benchmarks.ladder.world import World
from poser import policies
from poser.best_of import BestOf, Propose
from poser.learned.observation import Encoder
from poser.learning.train_config import DQN, PAPER
from poser.policies import planner
from poser.policies.bandit import Learner
from poser.protocols import Policy
from poser.types import PoserError, Price, State

PRICES = (0.1, 0.3, 1.0)
"""Prices of a second, in units of reward, at which the learned policy is asked for something cheaper."""


@dataclass(frozen=True)
class Rung:
    """One way to choose.

    Attributes:
        build: seed -> transition and policy; trained or chosen when it is called, never on the held-out tasks.
        seeds: how many policies there are; 1 where nothing is random about it.
        price: what its tasks say that a second and a dollar cost.
    """

    id: str
    about: str
    build: Callable[[int], Built]
    seeds: int = 1
    price: Price = Price()


def ranked(policy: Any) -> Propose:
    """Proposals in the order of a policy's values."""

    def propose(states: Sequence[State], mask: np.ndarray) -> list[list[int]]:
        best = np.argsort(-policy.values(states, mask), axis=1, kind="stable")
        return [[int(slot) for slot in row] for row in best]

    return propose


def bandit(world: World, seed: int) -> Policy:
    """The greedy contextual bandit: what the learned policy sees of a state, and its reward, one step ahead."""
    learner = Learner(Encoder(world.embedder, DQN.extras, DQN.remaining), world.actions, world.calls, seed)
    run(world, world.mdp(DQN), learner, seed, learner.learn, lambda: learner.seen)
    return learner.bandit


def found(world: World, width: int) -> Policy:
    """The oracle's choices for the held-out tasks."""
    tasks = [world.task(asked) for asked in world.asked]
    slots = oracle.search(world.mdp(), tasks, lambda k, state: share_of(world.asked[k], state), width)
    return oracle.Script({task.id: way for task, way in zip(tasks, slots, strict=True)})


def asked_planner(world: World) -> list[Rung]:
    """The planner, where an endpoint is configured."""
    try:
        planner.endpoint("", os.environ)
    except PoserError:
        return []
    about = f"{os.environ.get('POSER_PLANNER_MODEL', 'a language model')} reads cards and commands, and chooses"
    return [Rung("planner", about, lambda _: (world.mdp(), policies.load("planner", world.actions)))]


def all_rungs(school: School, seeds: int, width: int = 3) -> list[Rung]:
    """Every rung, from the ground up; `seeds` of what is learned, `width` of the oracle's search."""
    world = school.world
    chosen = Chosen(world)
    blind = world.changed(rules={"guard": False, "attempts": 1})

    def one(policy: Callable[[], Policy], place: World = world) -> Callable[[int], Built]:
        return lambda _: (place.mdp(), policy())

    def ours(seed: int, place: World = world) -> Built:
        return place.mdp(), school.learned(DQN, seed)

    def second(seed: int) -> Built:
        mdp, policy = ours(seed)
        return BestOf.of(mdp, 2, ranked(policy)), policy

    def named(name: str, about: str, id: str = "") -> Rung:
        return Rung(id or name, about, one(lambda: policies.load(name, world.actions)))

    return [
        named("random", "any legal slot"),
        *(named(f"fixed:{'+'.join(pair)}", "always these two") for pair in pairs(world.actions)),
        Rung("best-fixed", "the best pair of the training split", one(lambda: chosen.fixed)),
        Rung("all-at-once", "the best pair that gets every command at once", one(lambda: chosen.whole)),
        Rung("per-verb", "the best expert a kind of command", one(lambda: chosen.table)),
        Rung("bandit", "linear, contextual, one step ahead", lambda s: (world.mdp(), bandit(world, s)), seeds),
        named("greedy", "by the skills on the cards", "rules"),
        *asked_planner(world),
        Rung("best-of-n", f"{LOOKS} experts a step, the critic keeps the best", lambda _: chosen.looks),
        Rung("paper-dqn", "the paper's: text, fixed head", lambda s: (world.mdp(), school.learned(PAPER, s)), seeds),
        Rung("dqn", "ours", ours, seeds),
        Rung("dqn+best-of-2", "ours, its two best at each step", second, seeds),
        Rung("oracle", "searches with the exact reader", one(lambda: found(world, width))),
        Rung("best-fixed:blind", "the best pair, no guard, one attempt", one(lambda: chosen.fixed, blind)),
        Rung("dqn:blind", "ours, no guard, one attempt", lambda s: ours(s, blind), seeds),
        *(Rung(f"dqn:second={p:g}", f"ours, a second costs {p:g}", ours, seeds, Price(p)) for p in PRICES),
    ]
