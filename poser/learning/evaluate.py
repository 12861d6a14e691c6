"""What a policy is worth on tasks, in the critic's eyes; how well its own values predict it; the learning curve."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experts.files import write_whole
from poser.learned.abstain import Valued, scaled
from poser.mdp import MDP
from poser.protocols import Policy
from poser.rollout import rollout
from poser.types import Task, Trajectory

BINS = 10
"""Of predicted returns, equally wide."""


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
    episodes = dict(rollout(mdp, policy, tasks, seats))
    return [episodes[k] for k in range(len(tasks))]


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
    """How well the policy's values predicted what followed, over every step of episodes that it played itself.

    `discount`: of a step, as in its training.
    """
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


def draw_curve(rows: Sequence[Mapping[str, Any]], path: Path, title: str = "") -> Path:
    """The learning curve as a PNG: held-out return, value and satisfied commands against expert calls (`train.Row`)."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.6), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    calls = [row["calls"] for row in rows]
    left.plot(calls, [row["returns"] for row in rows], "o-", color="#b5322a", label="return")
    if rows:
        last = rows[-1]["returns"]
        left.axhline(0.9 * last, color="#999", lw=0.8, ls="--", label="90 % of the last")
    left.set(xlabel="expert calls", title="held-out return")
    left.legend(frameon=False)
    right.plot(calls, [row["value"] for row in rows], "o-", color="#235ab0", label="value of the picture")
    right.plot(calls, [row["satisfied"] for row in rows], "o-", color="#2c8a4b", label="commands satisfied")
    right.set(xlabel="expert calls", title="in the critic's eyes", ylim=(0, 1))
    right.legend(frameon=False)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    if title:
        figure.suptitle(title, fontsize=10)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_whole(path, buffer.getvalue())
    return path
