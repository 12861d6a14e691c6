"""What a step came to, in numbers: the picture's value, what was harmed, what cannot be carried out, the reward. Pure.

The paper rewards the critic's score of the step and takes a penalty a step; the other terms can be switched on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from experts.types import Result
from poser.types import Command, Critique, Plan, Price, State

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


def value_of(plan: Plan, critique: Critique) -> float:
    """A picture's worth, [0, 1]: mean score over all commands (0 for those not yet tried) and over what was to be kept.

    What was to be kept counts as the share of it that is there, times how much it looks as it did: a picture drawn anew
    may hold the same things and be another picture. An earlier command without a verdict counts as still satisfied.
    """
    scores = [1.0 if math.isnan(score) else score for score in critique.earlier] + list(critique.wanted)
    parts = len(plan.commands)
    if not math.isnan(critique.kept):
        alike = 1.0 if math.isnan(critique.identity) else critique.identity
        scores, parts = [*scores, critique.kept * alike], parts + 1
    return sum(scores) / max(1, parts)


def harmed(state: State, critique: Critique, threshold: float) -> tuple[str, ...]:
    """What of that which had to be kept a candidate lacks, in words.

    Args:
        state: before the step.
        critique: the verdict on the candidate; what it names itself, or else the earlier commands and the share of the
            input picture's content that it scores below `threshold`.
    """
    lost = list(critique.harmed)
    if not lost:
        lost = [
            f"no longer so: {command.text}"
            for command, score in zip(state.plan.done, critique.earlier, strict=False)
            if score < threshold
        ]
        lost += ["the rest of the input picture is not as it was"] if critique.kept < threshold else []
    if not lost and critique.identity < threshold:
        lost.append("the rest does not look like the input picture")
    return tuple(dict.fromkeys(lost))


def spoiled(state: State, critique: Critique) -> bool:
    """Whether a candidate lacks something of that which the picture before still had."""
    before = state.verdict.harmed if state.verdict else ()
    return any(harm not in before for harm in critique.harmed)


def refuted(following: Sequence[Command], critique: Critique, threshold: float) -> tuple[tuple[Command, str], ...]:
    """Those of the `following` commands whose premises score below `threshold`, each with what is to be said."""
    pairs = zip(following, critique.premises, strict=False)
    return tuple((command, premise.reason) for command, premise in pairs if premise.score < threshold)


def ready(state: State) -> State:
    """The state with a current command whose premises hold: those before it end as 'not possible'."""
    plan, attempts, reasons = state.plan, state.attempts, dict(state.refuted)
    while plan.current is not None and plan.current in reasons:
        gone = replace(plan.current, end="not possible", reason=reasons[plan.current])
        current, remaining = (plan.remaining[0], plan.remaining[1:]) if plan.remaining else (None, ())
        plan, attempts = replace(plan, current=current, remaining=remaining, dropped=(*plan.dropped, gone)), 0
    return replace(state, plan=plan, attempts=attempts)


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
