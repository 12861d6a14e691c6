"""Where the rungs of the ladder stand: one pool, one critic, declared costs, and the exact reader as judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import poster
from benchmarks.ladder_school import School
from experts.poster.reader import read
from experts.poster.scene import match
from experts.poster.tasks import PosterTask
from experts.types import Card, Job, Result
from poser import config as configs
from poser.actions import ActionSet
from poser.extract.rules import RulesExtractor
from poser.learned.embedders import Embedder, embedder
from poser.learning import tasks as sources
from poser.learning.evaluate import play
from poser.learning.tasks import TaskSource
from poser.learning.tasks.poster import to_task
from poser.learning.train_config import DQN, TrainConfig
from poser.mdp import MDP, Experts, Rules, Wording
from poser.types import Budget, Critic, Critique, Look, Policy, Price, State, Task, Trajectory

LOOK = 0.1
"""Seconds that a look of the critic is charged: what the embedded one takes for one picture on a CPU core, rounded."""
NOT_RUN = ("unsupported", "unavailable")
"""Failures that took no time of a model."""


@dataclass(frozen=True)
class Charged:
    """A pool that charges what cards declare: a rung is not cheap because another one filled the cache before it.

    Failures are charged the declared seconds too, but for those that never reached a model.
    """

    pool: Experts
    cards: Mapping[str, Card]

    def run(self, jobs: list[Job]) -> list[Result]:
        """Same length and order."""
        return [self._one(job, result) for job, result in zip(jobs, self.pool.run(jobs), strict=True)]

    def _one(self, job: Job, result: Result) -> Result:
        card = self.cards[job.expert]
        if result.failure is not None:
            return replace(result, seconds=0.0 if result.failure.kind in NOT_RUN else card.seconds)
        return replace(result, seconds=card.seconds, usd=card.usd, cached=False)


@dataclass(frozen=True)
class Timed:
    """A critic that charges `LOOK` seconds a look."""

    critic: Critic

    @property
    def id(self) -> str:
        """The critic's."""
        return self.critic.id

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """Same length and order."""
        return [replace(critique, seconds=LOOK) for critique in self.critic(looks)]


@dataclass(frozen=True)
class World:
    """Everything that rungs share.

    Attributes:
        pool, critic: charging declared costs; `cards`: of the experts that may be chosen.
        rules: of the config: steps, attempts, threshold, guard, redraw.
        asked: held-out tasks with their meaning.
        deck: what is learned and chosen on.
        calls: expert calls that each learned or chosen rung may learn from.
        folder: where trained policies are kept and found again; `school`: what trains and loads them.
        seats: episodes at once.
    """

    pool: Experts
    critic: Critic
    cards: tuple[Card, ...]
    wording: Wording
    rules: configs.Rules
    asked: tuple[PosterTask, ...]
    folder: Path
    deck: TaskSource = field(default_factory=lambda: sources.load("poster:train"))
    calls: int = 3000
    size: tuple[int, int] | None = None
    embedder: Embedder = field(default_factory=lambda: embedder("minilm"))
    seats: int = 32
    school: School = field(default_factory=School)

    @property
    def budget(self) -> Budget:
        """Expert calls of an episode."""
        return Budget(self.rules.steps)

    @property
    def actions(self) -> ActionSet:
        """Slots of the cards."""
        return ActionSet.of(self.cards, redraw=self.rules.redraw)

    @property
    def identity(self) -> list[Any]:
        """What episodes here depend on, as plain data."""
        tasks = [asked.id for asked in self.asked]
        return [
            self.rules.model_dump(),
            self.actions.digest,
            self.critic.id,
            self.deck.id,
            tasks,
            self.calls,
            self.size,
        ]

    def task(self, asked: PosterTask, price: Price = Price()) -> Task:  # noqa: B008  (frozen)
        """A poster task as the agent gets it, within this budget."""
        return replace(to_task(asked), budget=self.budget, price=price)

    def mdp(self, train_config: TrainConfig = DQN) -> MDP:
        """The transition, with the reward of this training."""
        rules = self.rules
        extractor = RulesExtractor(attempts=rules.attempts, threshold=rules.threshold)
        game = Rules(threshold=rules.threshold, guard=rules.guard)
        return MDP(self.pool, self.critic, extractor, self.wording, self.actions, game, train_config.reward, self.size)

    def changed(self, rules: Mapping[str, Any] | None = None, without: Sequence[str] = ()) -> World:
        """The same with other rules, or without some experts."""
        new = configs.Rules.model_validate(self.rules.model_dump() | dict(rules or {}))
        return replace(self, rules=new, cards=tuple(card for card in self.cards if card.id not in without))

    @classmethod
    def of(cls, preset: str, tasks: int, calls: int, folder: Path) -> World:
        """That of a preset, with the first `tasks` test tasks. Raises `PoserError` where the judge is the critic."""
        from poser.agent import Poser

        poser = Poser.from_pretrained(preset, policy="greedy", overrides={"cache": str(folder / "cache")})
        inner, config = poser.mdp, poser.config
        poster.refuse_circular(inner.critic.id)
        cards = dict(inner.actions.cards)
        return cls(
            Charged(inner.pool, cards),
            Timed(inner.critic),
            tuple(cards.values()),
            inner.wording,
            config.rules,
            tuple(poster.tasks("test", tasks)),
            folder,
            calls=calls,
            size=inner.size,
            embedder=embedder(config.embedder.name, config.embedder.model),
        )


@dataclass(frozen=True)
class Row:
    """One episode of one rung.

    Attributes:
        kind: 't2i' or 'i2i'; `commands`: how many the task has.
        share, exact, kept: by the reader; `calls`, `seconds`, `usd`: spent, as declared.
        curve: (calls, seconds, usd, share) before the first step and after each.
        scope: what was first handed over where both scopes were legal; '' where that never was.
    """

    rung: str
    seed: int
    task: str
    kind: str
    commands: int
    share: float
    exact: float
    kept: float
    calls: float
    seconds: float
    usd: float
    curve: tuple[tuple[float, float, float, float], ...]
    scope: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def share_of(asked: PosterTask, state: State) -> float:
    """The reader's share of the target in a state's picture, [0, 1]."""
    return match(read(state.image), asked.target).share if state.image is not None else 0.0


def _curve(asked: PosterTask, whole: Trajectory) -> tuple[tuple[float, float, float, float], ...]:
    if not whole.steps:
        return ()
    share = share_of(asked, whole.steps[0].before)
    points = [(0.0, 0.0, 0.0, share)]
    for step in whole.steps:
        if step.after.image is not step.before.image:
            share = share_of(asked, step.after)
        spent = step.after.spent
        points.append((float(spent.steps), spent.seconds, spent.usd, share))
    return tuple(points)


def _scope(mdp: MDP, whole: Trajectory) -> str:
    """The first choice between 'current' and 'all'."""
    for step in whole.steps:
        legal = {mdp.actions.slots[k].scope for k in np.flatnonzero(mdp.mask([step.before])[0])}
        if {"current", "all"} <= legal and step.action.expert is not None:
            return step.action.scope
    return ""


def rows(
    world: World,
    id: str,
    seed: int,
    mdp: MDP,
    policy: Policy,
    asked: Sequence[PosterTask] | None = None,
    price: Price | None = None,
) -> list[Row]:
    """Plays the held-out tasks (or `asked`) and judges every episode by the reader."""
    given = list(world.asked if asked is None else asked)
    tasks = [world.task(a, price or Price()) for a in given]
    found = []
    for a, whole in zip(given, play(mdp, policy, tasks, world.seats), strict=True):
        figures = poster.score(a, whole)
        spent = {name: figures[name] for name in ("share", "exact", "kept", "calls", "seconds", "usd")}
        kind, count = a.id.partition("-")[0], len(a.instructions)
        found.append(Row(id, seed, a.id, kind, count, **spent, curve=_curve(a, whole), scope=_scope(mdp, whole)))
    return found
