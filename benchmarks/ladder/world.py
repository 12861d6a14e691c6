"""Where the rungs of the ladder stand: one pool, one critic, declared costs, and the exact reader as judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import poster
from benchmarks._judge import refuse_circular
from experts.poster.tasks import EVERY, PosterTask
from experts.types import Card, Job, Result
from poser import config as configs
from poser.actions import ActionSet
from poser.learned.embedders import Embedder, embedder
from poser.learning.tasks import TaskSource
from poser.learning.tasks import load as load_tasks
from poser.learning.tasks.poster import to_task
from poser.learning.train_config import DQN, TrainConfig
from poser.mdp import MDP, Experts, Rules, Wording
from poser.planning.poster import PosterExtractor
from poser.protocols import Critic
from poser.types import Budget, Critique, Look, PoserError, Price, Task

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
        tasks: what is learned and chosen on; name: the class of it and of the held-out tasks, or 'all'.
        steps: expert calls of an episode; None: those of its task's class.
        calls: expert calls that each learned or chosen rung may learn from.
        folder: where trained policies and played episodes are kept and found again.
        seats: episodes at once.
    """

    pool: Experts
    critic: Critic
    cards: tuple[Card, ...]
    wording: Wording
    rules: configs.Rules
    asked: tuple[PosterTask, ...]
    folder: Path
    tasks: TaskSource = field(default_factory=lambda: load_tasks("poster:train"))
    calls: int = 3000
    size: tuple[int, int] | None = None
    embedder: Embedder = field(default_factory=lambda: embedder("minilm"))
    seats: int = 32
    name: str = "short"
    steps: int | None = None
    extractor: PosterExtractor = field(default_factory=PosterExtractor)

    @property
    def budget(self) -> Budget | None:
        """Of every episode; None: that of its task."""
        return None if self.steps is None else Budget(self.steps)

    @property
    def most(self) -> int:
        """Expert calls of the longest episode."""
        return self.steps or max(asked.calls for asked in self.asked)

    def practice(self, count: int) -> list[PosterTask]:
        """Training tasks with their meaning."""
        return poster.tasks("train", count, name=self.name)

    @property
    def actions(self) -> ActionSet:
        """Slots of the cards."""
        return self.rules.actions(self.cards)

    @property
    def identity(self) -> list[Any]:
        """What episodes here depend on, as plain data."""
        where = [self.rules.model_dump(), self.actions.digest, self.critic.id, self.tasks.id, asdict(self.extractor)]
        return [*where, [asked.id for asked in self.asked], self.calls, self.size, self.name, self.steps]

    def task(self, asked: PosterTask, price: Price = Price()) -> Task:  # noqa: B008  (frozen)
        """A poster task as the agent gets it, within its budget."""
        task = to_task(asked)
        return replace(task, budget=self.budget or task.budget, price=price)

    def mdp(self, config: TrainConfig = DQN) -> MDP:
        """The transition, with the reward of this training."""
        rules = self.rules
        extractor = replace(self.extractor, attempts=rules.attempts, threshold=rules.threshold)
        game = Rules(threshold=rules.threshold, guard=rules.guard, premises=rules.premises)
        return MDP(self.pool, self.critic, extractor, self.wording, self.actions, game, config.reward, self.size)

    def changed(self, rules: Mapping[str, Any] | None = None, without: Sequence[str] = ()) -> World:
        """The same with other rules, or without some experts."""
        new = configs.Rules.model_validate(self.rules.model_dump() | dict(rules or {}))
        return replace(self, rules=new, cards=tuple(card for card in self.cards if card.id not in without))

    @classmethod
    def of(
        cls,
        preset: str,
        tasks: int,
        calls: int,
        folder: Path,
        split: str = "validation",
        seed: int = 0,
        name: str = EVERY,
        overrides: Mapping[str, Any] | None = None,
    ) -> World:
        """That of a preset, with `tasks` held-out tasks of a split, a seed of its generator and a class.

        Raises `PoserError` where the judge is the critic, and for a preset of another world.
        """
        from poser.agent import Poser

        poser = Poser.from_pretrained(
            preset, policy="greedy", overrides={"cache": str(folder / "cache"), **(overrides or {})}
        )
        inner, config = poser.mdp, poser.config
        refuse_circular(inner.critic.id)
        cards = dict(inner.actions.cards)
        if not isinstance(inner.extractor, PosterExtractor):
            raise PoserError(
                f"the ladder plays the embedded world; preset {preset!r} plans with {inner.extractor.id!r}"
            )
        return cls(
            Charged(inner.pool, cards),
            Timed(inner.critic),
            tuple(cards.values()),
            inner.wording,
            config.rules,
            tuple(poster.tasks(split, tasks, seed, name=name)),
            folder,
            load_tasks(f"poster:train:{name}"),
            calls,
            inner.size,
            embedder(config.embedder.name, config.embedder.model),
            name=name,
            extractor=inner.extractor,
        )
