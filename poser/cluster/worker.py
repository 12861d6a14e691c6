"""What stands on another machine: a local pool with its memory, and perhaps the critic, made of a config.

It is a plain class: `joined` makes a Ray actor of it. Lists of plain data come in and go out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, NamedTuple, TypeVar

from experts.memory import Residency
from experts.memory.devices import GIB
from experts.pool import Pool
from experts.types import Job, Result
from poser import config as configs
from poser import critics
from poser.actions import ActionSet
from poser.cluster import pictures
from poser.cluster.about import About, about
from poser.plugins import Context, named
from poser.roster import playable, registry_of, residency_of
from poser.types import Critique, Look
from poser.verdicts import verdicts

T = TypeVar("T")


class Answered(NamedTuple):
    """The answers to a call; the experts that are on the device after it; seconds that the call took here, and that the
    calls which are still here (of any driver) are expected to take."""

    answers: list[Any]
    resident: tuple[str, ...]
    seconds: float
    held: float = 0.0


class Worker:
    """One process, one device.

    Args:
        config: of the run, resolved, as plain data.
        experts: ids of those that it holds; critic: whether it holds the critic.
        share: part of a GPU that is its own, (0, 1); 0: all that it sees.
    """

    def __init__(self, config: Mapping[str, Any], experts: Sequence[str], critic: bool, share: float = 0.0) -> None:
        pictures.register()
        settings = configs.checked(dict(config), "of the driver")
        every = registry_of(settings)
        registry = every.only(experts)
        pins = tuple(id for id in settings.memory.pin if id in registry)
        memory = settings.memory.model_copy(update={"pin": pins})
        residency = residency_of(settings.model_copy(update={"memory": memory}), registry)
        _limit(residency, share)
        self._pool = Pool(registry, residency)
        rules = settings.rules
        actions = ActionSet.of(playable(every), redraw=rules.redraw)
        context = Context(actions, residency, rules.attempts, rules.threshold, settings.cache)
        self._critic = critics.load(*named(settings.critic), context) if critic else None
        self._judging, self._counting = Lock(), Lock()
        self._begun: dict[int, tuple[float, float]] = {}

    def about(self) -> About:
        """What is installed and held here."""
        return about(self._pool.registry, self._critic, str(self._pool.residency.device))

    def process(self) -> int:
        """The id of this process."""
        return os.getpid()

    def longest(self) -> float:
        """For how long the oldest call that runs here has been running, s; 0: none runs."""
        with self._counting:
            return time.monotonic() - min((start for start, _ in self._begun.values()), default=time.monotonic())

    def draw(self, jobs: Sequence[Job]) -> Answered:
        """`Pool.run`."""
        cards = [self._pool.registry[job.expert].card for job in jobs if job.expert in self._pool.registry]
        return self._timed(lambda: self._pool.run(jobs), sum(card.seconds for card in cards))

    def judge(self, looks: Sequence[Look]) -> Answered:
        """`verdicts` of the critic. Raises PoserError: what the user has to mend."""

        def judged() -> list[Critique]:
            assert self._critic is not None, "joined asks those that have one"
            with self._judging:
                return verdicts(self._critic, looks)

        return self._timed(judged, float(len(looks)))

    def _timed(self, work: Callable[[], list[Result] | list[Critique]], expected: float) -> Answered:
        start = time.monotonic()
        key = id(work)
        with self._counting:
            self._begun[key] = start, expected
        try:
            answers = work()
        finally:
            with self._counting:
                del self._begun[key]
                held = sum(expected for _, expected in self._begun.values())
        return Answered(answers, self._pool.residency.resident, time.monotonic() - start, held)


def _limit(residency: Residency, share: float) -> None:
    """Weights take no more than this worker's share of a GPU's memory."""
    if 0 < share < 1 and residency.backend.separate:
        residency.vram_gib = min(residency.vram_gib, share * residency.backend.memory() / GIB)
