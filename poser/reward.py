"""The reward of a step, term by term. Pure.

The paper rewards the critic's score of the step and takes a penalty a step; the other terms can be switched on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from experts.types import Result
from poser.types import Critique, Price, State

FREE = Price()
PAPER = {"score": 1.0, "step": -0.05, "price": -1.0}
"""The paper's reward: the critic's score, minus 0.05 a step (and what the task itself puts a price on, by default
nothing)."""

TERMS = ("score", "progress", "regression", "step", "failed", "usd", "seconds", "price")
"""score: sum of the scores of the commands carried out, 0 where the candidate was reverted (one command: the paper's) ·
progress: gain of the picture's value times the number of commands · regression: sum of what earlier commands lack of 1,
on an accepted candidate · step: 1 · failed: 1 after a failed call · usd, seconds: what the step cost, as measured ·
price: what it cost at the task's own prices, its seconds as the expert's card declares them (a clock would make no two
runs alike)."""


def gain(before: State, after: State) -> float:
    """What a step added to the picture's value, times the number of commands: 0 where it was reverted or failed."""
    return (after.value - before.value) * len(before.plan.commands)


def _sum(scores: Sequence[float]) -> float:
    return sum(score for score in scores if not math.isnan(score))


def reward(
    weights: Mapping[str, float],
    result: Result | None,
    critique: Critique | None,
    accepted: bool,
    progress: float,
    price: Price = FREE,
    seconds: float = 0.0,
) -> dict[str, float]:
    """Weighted terms of one step and their 'total'. Without a result (after 'stop') every term is 0.

    `progress` is `gain` of the states before and after; `price` the task's prices, `seconds` what the
    expert's card declares.
    """
    raw = dict.fromkeys(TERMS, 0.0)
    if result is not None:
        raw |= {"step": 1.0, "failed": float(result.failure is not None), "usd": result.usd}
        raw["seconds"] = result.seconds + (critique.seconds if critique else 0.0)
        if critique is not None and accepted:
            raw["score"], raw["progress"] = _sum(critique.wanted), progress
            raw["regression"] = _sum([1.0 - score for score in critique.earlier])
        if critique is not None:
            raw["usd"] += critique.usd
        raw["price"] = price.usd * raw["usd"] + price.second * seconds
    terms = {name: weights.get(name, 0.0) * raw[name] for name in TERMS}
    return terms | {"total": sum(terms.values())}
