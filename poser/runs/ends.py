"""What became of every command of a run, and whether the agent may claim that all is as it was asked for. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from poser.types import Command, Critique, End, Plan, Trajectory

ORDER: tuple[End, ...] = ("not understood", "not possible", "failed", "left over", "done")
"""Ends, the one that counts first where a stretch of the prompt made several commands."""


class Ended(NamedTuple):
    """A stretch of the prompt in the user's words, how it ended, and why ('' where there is nothing to say)."""

    command: str
    end: End
    reason: str = ""


def plan_of(whole: Trajectory) -> Plan:
    """The plan as the run left it."""
    return whole.steps[-1].after.plan if whole.steps else whole.plan


def _closed(whole: Trajectory) -> list[Command]:
    """Every command with its end, in the order of the prompt."""
    plan = plan_of(whole)
    over = bool(whole.steps) and (whole.steps[-1].terminated or whole.steps[-1].truncated)
    stopped = over and whole.steps[-1].action.scope == "stop"
    why = "the policy delivered the picture before it" if stopped else "the budget was used up before it"
    waiting = [
        replace(command, end="left over", reason=why if over else "the run is not finished") for command in plan.pending
    ]
    done = [replace(command, end="done") for command in plan.done]
    every = [*plan.settled, *done, *plan.dropped, *waiting]
    return sorted(every, key=lambda command: command.span or (0, 0))


def ends_of(whole: Trajectory) -> tuple[Ended, ...]:
    """What became of every stretch of the prompt. One that made several commands is done where all of them are."""
    found: dict[tuple[str, tuple[int, int] | None], Ended] = {}
    for command in _closed(whole):
        key = (command.text, command.span)
        ended = Ended(command.text, command.end or "left over", command.reason)
        if key not in found or ORDER.index(ended.end) < ORDER.index(found[key].end):
            found[key] = ended
    return tuple(found.values())


def threshold_of(config: Mapping[str, object]) -> float:
    """The score from which a command of a run counts as carried out."""
    rules = config.get("rules")
    return float(rules.get("threshold", 0.5)) if isinstance(rules, Mapping) else 0.5


def _holds(verdict: Critique | None, threshold: float) -> bool:
    """Whether a verdict says that everything is there and nothing was harmed; NaN anywhere is no yes."""
    if verdict is None or verdict.harmed:
        return False
    scores = (*verdict.wanted, *verdict.earlier)
    return all(score >= threshold for score in scores) and not verdict.kept < threshold


def claimed(whole: Trajectory) -> bool:
    """'All satisfied': every command is done, and the verdict on the delivered picture says that nothing is missing
    and nothing that had to be kept was harmed."""
    plan = plan_of(whole)
    if plan.pending or plan.dropped or not (plan.done or plan.settled):
        return False
    verdict = whole.steps[-1].after.verdict if whole.steps else None
    return not plan.done or (_holds(verdict, threshold_of(whole.config)) and not _kept_unseen(whole, plan, verdict))


def _kept_unseen(whole: Trajectory, plan: Plan, verdict: Critique | None) -> bool:
    """Whether something of an input picture had to be kept, and nobody said whether it was."""
    redrawn = any(command.verb == "generate" for command in plan.done)
    return whole.task.image is not None and not redrawn and (verdict is None or math.isnan(verdict.kept))
