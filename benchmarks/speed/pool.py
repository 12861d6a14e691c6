"""Scheduling: how often experts are switched, what batching gains, what orchestration costs. Experts here only wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.speed.figure import Figure
from experts.fake import fake_entries
from experts.memory import Residency
from experts.pool import Pool
from experts.registry import Registry
from experts.types import Job, Request
from poser.actions import ActionSet
from poser.mdp import MDP
from poser.planning.rules import RulesExtractor
from poser.rollout import rollout
from poser.types import Critique, Look, State, Task
from poser.wording import load as wording

EPISODES, EXPERTS, ROUNDS = 32, 10, 30
SECONDS = 0.25
"""Latency of an expert, s."""
GROUPED = 0.336
"""Switches, as a share of those in order of coming, where the calls of a turn are grouped by expert: 10 experts and 32
episodes load about 10 (1 - 0.9^32) a turn, against 0.9 x 32."""
PROMPT = "Draw a cat. Make it blue. Add a hat. Remove the tail."
"""Four commands."""


def _pool(count: int, seconds: float, room: int | None = None, remote: bool = False, **options: Any) -> Pool:
    """Experts of 1 GiB each, room for `room` of them."""
    fakes = fake_entries(count, 0 if room else count, seconds)
    entries = [replace(entry, remote=remote, card=replace(entry.card, vram_gib=1.0)) for entry in fakes]
    return Pool(Registry(entries), Residency("cpu", vram_gib=room), **options)


def _job(draws: np.random.Generator, seed: int) -> Job:
    return Job(f"fake-draw-{draws.integers(EXPERTS) + 1}", Request("x", size=(16, 16), seed=seed))


def _switches(order: Sequence[str]) -> int:
    return sum(one != other for one, other in zip(["", *order], order, strict=False))


def lockstep() -> Figure:
    """All episodes step together, as in a rollout; room for one expert."""
    draws, first_come = np.random.default_rng(7), list[str]()
    pool = _pool(EXPERTS, 0.0, room=1)
    for turn in range(ROUNDS):
        jobs = [_job(draws, turn * EPISODES + k) for k in range(EPISODES)]
        first_come += [job.expert for job in jobs]
        pool.run(jobs)
    loads = sum(event.kind == "load" for event in pool.residency.log)
    plain = _switches(first_come)
    more = {"grouped": pool.stats.switches, "first_come": plain, "loads": loads, "calls": len(first_come)}
    name, ratio = "switches grouped / first come, in step", pool.stats.switches / plain
    return Figure(name, ratio, GROUPED, 0.40, "the same calls in order", more)


def concurrent(max_wait: float = 2.0) -> list[Figure]:
    """Each episode is a caller of its own in a thread; room for one expert; a call takes 5 ms."""
    first_come, lock = list[str](), threading.Lock()
    pool = _pool(EXPERTS, 0.005, room=1, max_wait=max_wait)

    def episode(number: int) -> None:
        draws = np.random.default_rng(number)
        for step in range(ROUNDS):
            job = _job(draws, number * ROUNDS + step)
            with lock:
                first_come.append(job.expert)
            pool.run([job])

    threads = [threading.Thread(target=episode, args=(number,)) for number in range(EPISODES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    plain = _switches(first_come)
    more = {"grouped": pool.stats.switches, "first_come": plain, "calls": pool.stats.calls, "jobs": pool.stats.jobs}
    waits = {"waited_s": round(pool.stats.waited, 3), "max_wait_s": max_wait}
    name, ratio = "switches grouped / first come, 32 callers", pool.stats.switches / plain
    return [
        Figure(name, ratio, GROUPED, 0.40, "order of asking", more),
        Figure("longest wait for a turn / maximum wait", pool.stats.waited / max_wait, 0, 1, "the limit given", waits),
    ]


class _Satisfied:
    """A critic that takes its time and finds everything done."""

    id = "satisfied:1"

    def __init__(self, seconds: float) -> None:
        self.seconds, self.spent = seconds, 0.0

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """Same length and order."""
        start = time.perf_counter()
        time.sleep(self.seconds)
        self.spent += time.perf_counter() - start
        return [Critique((1.0,) * len(look.wanted), (1.0,) * len(look.earlier)) for look in looks]


class _Spread:
    """One command after the other, each by an expert of its own choice."""

    id = "spread"

    def __init__(self, mdp: MDP) -> None:
        self.mdp = mdp

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        slots = self.mdp.actions.slots
        legal = [[k for k in np.flatnonzero(row) if slots[k].scope == "current"] for row in mask]
        return [int(row[state.task.seed % len(row)]) for row, state in zip(legal, states, strict=True)]


def _world(remote: bool, critic: float) -> MDP:
    pool = _pool(5, SECONDS, remote=remote)
    actions = ActionSet.of(pool.registry.cards, redraw=False)
    return MDP(pool, _Satisfied(critic), RulesExtractor(), wording("plain"), actions, size=(64, 64))


def _played(mdp: MDP, count: int, seats: int) -> tuple[float, int]:
    """Seconds and steps of that many episodes."""
    start = time.perf_counter()
    found = list(rollout(mdp, _Spread(mdp), [Task(PROMPT, seed=k) for k in range(count)], seats))
    return time.perf_counter() - start, sum(len(trajectory.steps) for _, trajectory in found)


def rollouts(seats: int = 16) -> Figure:
    """Experts that somebody else computes: 16 episodes at once, over five experts a command."""
    single, steps = _played(_world(True, 0.0), seats, 1)
    batched, same = _played(_world(True, 0.0), seats, seats)
    assert steps == same == 4 * seats, (steps, same)
    more = {"one_by_one_s": round(single, 2), "batched_s": round(batched, 3), "steps": steps, "latency_s": SECONDS}
    name = "batched / one-by-one rollouts, 16 seats"
    return Figure(name, single / batched, seats, 14, "the same episodes", more, True)


def orchestration(episodes: int = 20) -> Figure:
    """Sleeping experts (0.25 s) and critic (0.05 s), one episode after the other."""
    mdp = _world(False, 0.05)
    wall, steps = _played(mdp, episodes, 1)
    pool: Any = mdp.pool
    critic: Any = mdp.critic
    models = pool.stats.seconds + critic.spent
    more = {"wall_s": round(wall, 2), "experts_and_critic_s": round(models, 2), "steps": steps}
    return Figure("orchestration / (expert + critic)", (wall - models) / models, 0, 0.02, "time inside of models", more)


def figures() -> list[Figure]:
    """All of it."""
    return [lockstep(), *concurrent(), rollouts(), orchestration()]
