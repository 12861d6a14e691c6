"""The rungs of the ladder. One entry each: an id, a line about it, and `build(seed) -> (transition, policy)`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np

from benchmarks.ladder import oracle
from benchmarks.ladder.chosen import LOOKS, Chosen, pairs, run
from benchmarks.ladder.cloning import clone
from benchmarks.ladder.episodes import Built, worth_of
from benchmarks.ladder.linear import CardLearner
from benchmarks.ladder.school import School
from benchmarks.ladder.world import World
from poser import policies
from poser.best_of import BestOf, Propose
from poser.learned.exploring import Explorer
from poser.learned.observation import Encoder, Observer
from poser.learning.train_config import DQN, PAPER, PPO
from poser.policies import planner
from poser.policies import scope_table as table
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
        first: it plays so many of the held-out tasks; None: all.
    """

    id: str
    about: str
    build: Callable[[int], Built]
    seeds: int = 1
    price: Price = Price()
    first: int | None = None


def ranked(policy: Any) -> Propose:
    """Proposals in the order of a policy's values."""

    def propose(states: Sequence[State], mask: np.ndarray) -> list[list[int]]:
        best = np.argsort(-policy.values(states, mask), axis=1, kind="stable")
        return [[int(slot) for slot in row] for row in best]

    return propose


def explored(world: World, learner: Explorer[Any], seed: int) -> Any:
    """What a learner comes to from `World.calls` of its own expert calls on training tasks."""
    run(world, world.mdp(DQN), learner, seed, learner.learn, lambda: learner.seen)
    return learner.policy


def bandit(world: World, seed: int) -> Policy:
    """The greedy contextual bandit: what the learned policy sees of a state, and its reward, one step ahead."""
    encoder = Encoder(world.embedder, DQN.extras, DQN.remaining)
    return cast(Policy, explored(world, Learner(encoder, world.actions, world.calls, seed), seed))


def card_bandit(world: World, seed: int) -> Policy:
    """The same, with the cards."""
    observer = Observer(Encoder(world.embedder, DQN.extras, DQN.remaining), world.actions)
    return cast(Policy, explored(world, CardLearner(observer, world.calls, seed), seed))


def scope_table(world: World, seed: int) -> Policy:
    """The table over section, scarcity of calls, kind, number of things, attempt, and slot."""
    return cast(Policy, explored(world, table.Learner(world.actions, world.calls, seed), seed))


def found(world: World, width: int, first: int | None = None) -> Policy:
    """The oracle's choices for the first of the held-out tasks."""
    tasks = [world.task(asked) for asked in world.asked[:first]]
    slots = oracle.search(world.mdp(), tasks, lambda k, state: worth_of(world.asked[k], state), width)
    return oracle.Script({task.id: way for task, way in zip(tasks, slots, strict=True)})


def asked_planner(world: World) -> list[Rung]:
    """The planner, where an endpoint is configured."""
    try:
        planner.endpoint("", os.environ)
    except PoserError:
        return []
    about = f"{os.environ.get('POSER_PLANNER_MODEL', 'a language model')} reads cards and commands, and chooses"
    return [Rung("planner", about, lambda _: (world.mdp(), policies.load("planner", world.actions)))]


def all_rungs(school: School, seeds: int, width: int = 3, oracle_tasks: int | None = None) -> list[Rung]:
    """Every rung, from the ground up; `seeds` of what is learned, `width` of the oracle's search over its tasks."""
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

    simple: dict[str, Callable[[], Policy]] = {
        "two-lines": lambda: policies.load("two-lines", world.actions),
        "rules": lambda: policies.load("greedy", world.actions),
        "table": lambda: scope_table(world, 0),
    }
    teacher = lru_cache(maxsize=1)(lambda: chosen.best_of({name: make() for name, make in simple.items()}))

    def named(name: str, about: str, id: str = "") -> Rung:
        return Rung(id or name, about, one(lambda: policies.load(name, world.actions)))

    return [
        named("random", "any legal slot"),
        *(named(f"fixed:{'+'.join(pair)}", "always these two") for pair in pairs(world.actions)),
        Rung("best-fixed", "the best pair of the training split", one(lambda: chosen.fixed)),
        Rung("all-at-once", "the best pair that gets every command at once", one(lambda: chosen.whole)),
        Rung("per-verb", "the best expert a kind of command", one(lambda: chosen.table)),
        Rung("bandit", "linear, contextual, one step ahead", lambda s: (world.mdp(), bandit(world, s)), seeds),
        Rung("bandit+cards", "the same, sees the cards", lambda s: (world.mdp(), card_bandit(world, s)), seeds),
        Rung("table", "returns by kind, things, attempt", lambda s: (world.mdp(), scope_table(world, s)), seeds),
        named("two-lines", "draw everything at once; edit with the best for each kind"),
        named("greedy", "by the skills on the cards", "rules"),
        named("dqn:untrained", "the skills on the cards, in the network of ours", "untrained"),
        *asked_planner(world),
        Rung("best-of-n", f"{LOOKS} experts a step, the critic keeps the best", lambda _: chosen.looks),
        Rung("paper-dqn", "the paper's: text, fixed head", lambda s: (world.mdp(), school.learned(PAPER, s)), seeds),
        Rung("clone", "ours, copies the best simple rung", lambda s: (world.mdp(), clone(world, teacher, s)), seeds),
        Rung("ppo", "MaskablePPO, the network of ours", lambda s: (world.mdp(), school.learned(PPO, s)), seeds),
        Rung("dqn", "ours", ours, seeds),
        Rung("dqn+best-of-2", "ours, its two best at each step", second, seeds),
        Rung(
            "oracle",
            "searches with the exact reader",
            one(lambda: found(world, width, oracle_tasks)),
            first=oracle_tasks,
        ),
        Rung("best-fixed:blind", "the best pair, no guard, one attempt", one(lambda: chosen.fixed, blind)),
        Rung("dqn:blind", "ours, no guard, one attempt", lambda s: ours(s, blind), seeds),
        *(Rung(f"dqn:second={p:g}", f"ours, a second costs {p:g}", ours, seeds, Price(p)) for p in PRICES),
    ]
