"""What a verdict means for a state: the picture's worth, what was harmed, what cannot be carried out. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from poser.types import Command, Critique, Plan, State


def value_of(plan: Plan, critique: Critique) -> float:
    """A picture's worth, [0, 1]: mean score over all commands (0 for those not yet tried) and over what was to be kept.

    An earlier command without a verdict counts as still satisfied.
    """
    scores = [1.0 if math.isnan(score) else score for score in critique.earlier] + list(critique.wanted)
    parts = len(plan.commands)
    if not math.isnan(critique.kept):
        scores, parts = [*scores, critique.kept], parts + 1
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
