"""What a policy is worth on a list of tasks, in the critic's eyes, and how well it knows what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from poser.learned.abstain import Valued, scaled
from poser.mdp import MDP
from poser.rollout import rollout
from poser.types import Policy, Task, Trajectory

BINS = 10


@dataclass(frozen=True)
class Report:
    """Means over tasks: return (sum of rewards), value [0, 1] of the delivered picture, share of commands satisfied,
    and per task expert calls (`steps`), seconds and USD."""

    returns: float
    value: float
    satisfied: float
    steps: float
    seconds: float
    usd: float


def play(mdp: MDP, policy: Policy, tasks: Sequence[Task], seats: int = 32) -> list[Trajectory]:
    """Every task to its end, in order."""
    found = dict(rollout(mdp, policy, tasks, seats))
    return [found[k] for k in range(len(tasks))]


def report(episodes: Sequence[Trajectory]) -> Report:
    """The means of some episodes; those without a step count as 0."""
    rows = []
    for whole in episodes:
        if not whole.steps:
            rows.append((0.0,) * 6)
            continue
        last = whole.steps[-1].after
        satisfied = len(last.plan.done) / max(1, len(last.plan.commands))
        total = sum(step.reward["total"] for step in whole.steps)
        rows.append((total, last.value, satisfied, float(last.spent.steps), last.spent.seconds, last.spent.usd))
    return Report(*(float(mean) for mean in np.mean(rows, axis=0))) if rows else Report(*(0.0,) * 6)


def realised(whole: Trajectory, discount: float) -> list[float]:
    """The discounted return from each step of an episode on."""
    returns, ahead = list[float](), 0.0
    for step in reversed(whole.steps):
        ahead = step.reward["total"] + discount * ahead
        returns.append(ahead)
    return returns[::-1]


@dataclass(frozen=True)
class Calibration:
    """Predicted against realised return, both scaled to [0, 1]: a row (mean predicted, mean realised, steps) a bin that
    holds any step, and `error`: the mean of their distance, weighted by steps (expected calibration error)."""

    error: float
    table: tuple[tuple[float, float, int], ...]
    steps: int


def calibration(mdp: MDP, policy: Valued, episodes: Sequence[Trajectory], discount: float) -> Calibration:
    """How well the policy's values foretell what followed, over every step of episodes that it played itself."""
    pairs = []
    for whole in episodes:
        states = [step.before for step in whole.steps]
        if states:
            best = policy.values(states, mdp.mask(states)).max(axis=1)
            after = realised(whole, discount)
            pairs += [(scaled(float(b), s), scaled(r, s)) for b, r, s in zip(best, after, states, strict=True)]
    rows, error = [], 0.0
    for k in range(BINS):
        part = [(p, r) for p, r in pairs if min(BINS - 1, int(p * BINS)) == k]
        if part:
            predicted, real = (float(np.mean([pair[side] for pair in part])) for side in (0, 1))
            rows.append((round(predicted, 4), round(real, 4), len(part)))
            error += len(part) / len(pairs) * abs(predicted - real)
    return Calibration(round(error, 4), tuple(rows), len(pairs))
