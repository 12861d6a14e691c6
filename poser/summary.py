"""A trajectory in plain words and numbers: what the report shows and `--json` prints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from poser.mdp import handed
from poser.types import Command, Plan, State, Step, Trajectory


def commands_of(step: Step) -> tuple[Command, ...]:
    """The commands that a step was to carry out."""
    return handed(step.before, step.action) if step.request is not None else ()


def outcome(step: Step) -> str:
    """'accepted', 'reverted', 'failed' or 'stopped'."""
    if step.result is None:
        return "stopped"
    if step.result.failure is not None:
        return "failed"
    return "accepted" if step.accepted else "reverted"


def number(value: float, digits: int = 4) -> float | None:
    """A finite number, rounded; None for NaN and the infinities, which JSON cannot hold."""
    return round(value, digits) if math.isfinite(value) else None


@dataclass(frozen=True)
class Summary:
    """What came of a run.

    Attributes:
        ending: why it is over ('satisfied', 'nothing left', 'stopped', 'budget'), or 'unfinished'.
        satisfied, dropped, pending: commands, in the user's words.
        calls: expert calls; `usd`, `seconds`: of experts and critic; `value`: worth of the picture, [0, 1].
    """

    ending: str
    satisfied: tuple[str, ...]
    dropped: tuple[str, ...]
    pending: tuple[str, ...]
    calls: int
    usd: float
    seconds: float
    value: float


def summarise(whole: Trajectory) -> Summary:
    """The summary of a trajectory, finished or not."""
    state: State | None = whole.steps[-1].after if whole.steps else None
    plan = state.plan if state else Plan()
    return Summary(
        ending=_ending(whole, plan),
        satisfied=tuple(command.text for command in plan.done),
        dropped=tuple(command.text for command in plan.dropped),
        pending=tuple(command.text for command in plan.pending),
        calls=sum(step.request is not None for step in whole.steps),
        usd=state.spent.usd if state else 0.0,
        seconds=state.spent.seconds if state else 0.0,
        value=state.value if state else math.nan,
    )


def _ending(whole: Trajectory, plan: Plan) -> str:
    last = whole.steps[-1] if whole.steps else None
    if last is None or not (last.terminated or last.truncated):
        return "unfinished"
    if last.action.scope == "stop":
        return "stopped"
    if plan.pending:
        return "budget"
    return "nothing left" if plan.dropped else "satisfied"


def step_data(step: Step) -> dict[str, Any]:
    """A step as one flat mapping of JSON values."""
    request, result, critique = step.request, step.result, step.critique
    failure = result.failure if result else None
    seconds = (result.seconds if result else 0.0) + (critique.seconds if critique else 0.0)
    usd = (result.usd if result else 0.0) + (critique.usd if critique else 0.0)
    return {
        "command": [command.text for command in commands_of(step)],
        "prompt": request.prompt if request else None,
        "expert": step.action.expert,
        "scope": step.action.scope,
        "outcome": outcome(step),
        "accepted": step.accepted,
        "score": number(critique.score) if critique else None,
        "feedback": critique.feedback if critique else "",
        "failure": f"{failure.kind}: {failure.message}" if failure else None,
        "reward": number(step.reward.get("total", math.nan)),
        "seconds": number(seconds),
        "usd": number(usd, 6),
    }


def scores(step: Step) -> list[tuple[str, str, float]]:
    """(kind, command, score in [0, 1] or NaN) for everything the critic scored: 'now', then 'earlier', then 'kept'."""
    critique = step.critique
    if critique is None:
        return []
    rows = [("now", name, score) for name, score in _named(commands_of(step), critique.wanted)]
    rows += [("earlier", name, score) for name, score in _named(step.before.plan.done, critique.earlier)]
    if not math.isnan(critique.kept):
        rows.append(("kept", "the rest of the input picture is still there", critique.kept))
    if not math.isnan(critique.quality):
        rows.append(("quality", "the picture is clean", critique.quality))
    return rows


def _named(commands: tuple[Command, ...], values: tuple[float, ...]) -> list[tuple[str, float]]:
    """Each score with its command's words."""
    pairs = zip_longest(commands[: len(values)], values)
    return [(command.text if command else "?", value) for command, value in pairs]


def as_data(whole: Trajectory, folder: Path, candidates: Sequence[str | None]) -> dict[str, Any]:
    """The run as one JSON object: pictures' paths, steps, commands, cost, versions.

    `candidates` names each step's picture, relative to `folder`.
    """
    summary = summarise(whole)
    steps = [step_data(step) for step in whole.steps]
    files = [str(folder / path) if path else None for path in candidates]
    return {
        "prompt": whole.task.prompt,
        "pictures": {"final": str(folder / "final.png") if whole.images else None, "steps": files},
        "report": str(folder / "report.html"),
        "ending": summary.ending,
        "satisfied": list(summary.satisfied),
        "dropped": list(summary.dropped),
        "pending": list(summary.pending),
        "steps": steps,
        "calls": summary.calls,
        "seconds": number(summary.seconds),
        "usd": number(summary.usd, 6),
        "value": number(summary.value),
        "seed": whole.task.seed,
        "policy": whole.policy,
        "actions": whole.actions,
        "versions": dict(whole.versions),
    }


def sentence(whole: Trajectory) -> str:
    """'3 of 4 commands satisfied in 5 calls, 3.6 s, $0.06; given up: add a square'."""
    summary = summarise(whole)
    total = len(summary.satisfied) + len(summary.dropped) + len(summary.pending)
    cost = f", ${summary.usd:.2f}" if summary.usd else ""
    done = f"{len(summary.satisfied)} of {total} commands satisfied"
    text = f"{done} in {summary.calls} calls, {summary.seconds:.1f} s{cost}"
    for what, commands in (("given up", summary.dropped), ("not reached", summary.pending)):
        text += f"; {what}: {', '.join(commands)}" if commands else ""
    return text
