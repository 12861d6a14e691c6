"""A trajectory in plain words and numbers: what the report shows and `--json` prints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from poser.actions import carried_out
from poser.runs.ends import Ended, claimed, ends_of, plan_of
from poser.types import Command, End, State, Step, Trajectory


def commands_of(step: Step) -> tuple[Command, ...]:
    """The commands that a step was to carry out."""
    return carried_out(step.before.plan, step.action.scope) if step.request is not None else ()


def outcome(step: Step) -> str:
    """'accepted', 'reverted', 'unjudged' (kept or not, nobody gave a verdict), 'failed' or 'stopped'."""
    if step.result is None:
        return "stopped"
    if step.result.failure is not None:
        return "failed"
    if step.critique is None or math.isnan(step.critique.score):
        return "unjudged"
    return "accepted" if step.accepted else "reverted"


def number(value: float, digits: int = 4) -> float | None:
    """A finite number, rounded; None for NaN and the infinities, which JSON cannot hold."""
    return round(value, digits) if math.isfinite(value) else None


Standing = Literal["all", "some", "none", "unfinished"]


@dataclass(frozen=True)
class Summary:
    """What came of a run.

    Attributes:
        standing: 'all' (the claim that everything is done and nothing was harmed), 'some', 'none', or 'unfinished'.
        ends: what became of every stretch of the prompt, in its order.
        harmed: what the delivered picture has lost that was to be kept.
        notes: what was chosen where the words left it open, and what of a kept picture is not as it was asked for.
        calls: expert calls; `usd`, `seconds`: of experts and critic; `value`: worth of the picture, [0, 1].
    """

    standing: Standing
    ends: tuple[Ended, ...]
    harmed: tuple[str, ...]
    notes: tuple[str, ...]
    calls: int
    usd: float
    seconds: float
    value: float

    def of(self, end: End) -> tuple[Ended, ...]:
        """Those that ended so."""
        return tuple(ended for ended in self.ends if ended.end == end)


def summarise(whole: Trajectory) -> Summary:
    """The summary of a trajectory, finished or not."""
    state: State | None = whole.steps[-1].after if whole.steps else None
    return Summary(
        standing=_standing(whole),
        ends=ends_of(whole),
        harmed=state.verdict.harmed if state and state.verdict else (),
        notes=tuple(dict.fromkeys((*plan_of(whole).notes, *_adjusted(whole)))),
        calls=sum(step.request is not None for step in whole.steps),
        usd=state.spent.usd if state else 0.0,
        seconds=state.spent.seconds if state else 0.0,
        value=state.value if state else math.nan,
    )


def _adjusted(whole: Trajectory) -> list[str]:
    return [note for step in whole.steps if step.accepted and step.result for note in step.result.notes]


def _standing(whole: Trajectory) -> Standing:
    plan, last = plan_of(whole), whole.steps[-1] if whole.steps else None
    if plan.pending and not (last and (last.terminated or last.truncated)):
        return "unfinished"
    if claimed(whole):
        return "all"
    return "some" if plan.done or plan.settled else "none"


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
        "satisfied": summary.standing == "all",
        "standing": summary.standing,
        "ends": [ended._asdict() for ended in summary.ends],
        "harmed": list(summary.harmed),
        "notes": list(summary.notes),
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
    """'Done: 3 of 4 in 5 calls, 3.6 s, $0.06.', and a line for each that is not done, with its reason."""
    summary = summarise(whole)
    cost = f", ${summary.usd:.2f}" if summary.usd else ""
    spent = f"{summary.calls} call{'' if summary.calls == 1 else 's'}, {summary.seconds:.1f} s{cost}"
    done = len(summary.of("done"))
    if summary.standing == "all":
        head = f"all satisfied ({done} of {done}) in {spent}"
    else:
        head = f"{done} of {len(summary.ends)} done in {spent}"
    lines = [f"  {ended.end}: {ended.command!r}: {ended.reason}" for ended in summary.ends if ended.end != "done"]
    lines += [f"  harmed: {harm}" for harm in summary.harmed]
    lines += [f"  note: {note}" for note in summary.notes]
    return "\n".join([head, *lines])
