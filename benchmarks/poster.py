"""Held-out poster tasks from prompt to picture, judged by the exact reader.

`python -m benchmarks.poster --policy greedy --tasks 100 [--json] [--save]`. The judge is never the critic that gave the
reward: the benchmark refuses to run otherwise.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks._judge import JUDGE, identity, kept, reached, refuse_circular, worth
from benchmarks._results import command_line, publish, span, table, track, with_origin
from benchmarks._stats import estimate
from experts.poster.reader import read
from experts.poster.render import render
from experts.poster.tasks import Deck, PosterTask
from poser.learning.tasks.poster import to_task
from poser.runs.ends import claimed
from poser.types import PoserError, Trajectory

SHARES = ("share", "exact", "worth", "identity", "kept", "satisfied", "claimed", "false_claims")
"""Figures that are proportions."""
Figures = Mapping[str, Any]


def tasks(
    split: str = "test", count: int = 100, seed: int = 0, kind: str | None = None, name: str = "short"
) -> list[PosterTask]:
    """The first `count` tasks of the sequence of a split, a seed and a class."""
    return Deck(split, kind, name).first(count, seed)


def score(asked: PosterTask, trajectory: Trajectory) -> dict[str, float]:
    """By the reader: share of the target scene reached [0, 1], exact or not, share of untouched input items kept (NaN
    without any), how much the untouched places look as they did (NaN without an input picture), the worth of share and
    looks, whether a claim that all is satisfied is false: the picture is not exact (NaN without a claim); steps, calls,
    s, USD of the episode."""
    picture = trajectory.images[0] if trajectory.images else None
    last = trajectory.steps[-1].after if trajectory.steps else None
    found, claim = reached(picture, asked.target), claimed(trajectory)
    alike = identity(trajectory.task.image, picture, asked)
    return {
        **found,
        "worth": worth(found["share"], alike, len(asked.instructions)),
        "identity": alike,
        "kept": kept(read(picture), asked.kept) if picture is not None else math.nan,
        "satisfied": len(last.plan.done) / max(1, len(last.plan.commands)) if last else 0.0,
        "claimed": float(claim),
        "false_claims": 1.0 - found["exact"] if claim else math.nan,
        "steps": float(len(trajectory.steps)),
        "calls": float(last.spent.steps) if last else 0.0,
        "seconds": last.spent.seconds if last else 0.0,
        "usd": last.spent.usd if last else 0.0,
    }


def gold(asked: PosterTask) -> dict[str, float]:
    """What the judge says of a perfect picture: a test of the benchmark itself; share and exact must be 1."""
    return reached(render(asked.target), asked.target)


def summary(asked: Sequence[PosterTask], rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Mean of every figure with its interval, clustered by task."""
    names = [task.id for task in asked]
    return {name: estimate([row[name] for row in rows], names, name in SHARES).to_json() for name in rows[0]}


def page(results: Sequence[Figures]) -> str:
    """Policy x figure, the best on top."""
    order = ("share", "exact", "claimed", "false_claims", "kept", "identity", "calls", "seconds")
    ranked = sorted(results, key=lambda found: found["figures"]["share"]["mean"], reverse=True)
    rows = [[f"`{found['policy']}`", *(_cell(found["figures"], name) for name in order)] for found in ranked]
    head = ["policy", "target scene reached", "exact", "claimed", "false claims"]
    head += ["kept content", "looks as it did", "expert calls", "seconds of models"]
    first = ranked[0]
    return (
        f"{first['tasks']} held-out tasks of the {first['split']} split (half of them text-to-image, half with an "
        f"input picture), judged by the exact {first['judge']}, never by the critic; mean [95 % interval by task]. "
        "'claimed': the agent says that all is satisfied; 'false claims': those of them whose picture is not exact.\n\n"
        + table(head, rows)
    )


def _cell(figures: Figures, name: str) -> str:
    """A figure with its interval; 'not measured' where an older result has none."""
    return span(figures[name]) if name in figures else "not measured"


def main(argv: list[str] | None = None) -> int:
    """Runs, prints, perhaps saves, with one row an episode."""
    from poser.agent import Poser
    from poser.rollout import rollout

    parser = command_line("poster", __doc__)
    parser.add_argument("--preset", default="poster")
    parser.add_argument("--policy", default="greedy", help="saved under this name too: poster-POLICY")
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"))
    parser.add_argument("--kind", choices=("t2i", "i2i"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seats", type=int, default=16)
    asked = parser.parse_args(argv)
    try:
        poser = Poser.from_pretrained(asked.preset, policy=asked.policy)
        refuse_circular(poser.mdp.critic.id)
        held_out = tasks(asked.split, asked.tasks, asked.seed, asked.kind)
        budget = poser.config.budget_of()
        given = [replace(to_task(task), budget=budget) for task in held_out]
        played = rollout(poser.mdp, poser.policy, given, asked.seats, config=poser.config.dump())
        found = dict(track(played, asked.policy, len(given)))
    except PoserError as error:
        print(error, file=sys.stderr)
        return 2
    rows = [score(task, found[k]) for k, task in enumerate(held_out)]
    kinds = [kind for kind in ("t2i", "i2i") if any(task.id.startswith(kind) for task in held_out)]
    parts = {kind: [k for k, task in enumerate(held_out) if task.id.startswith(kind)] for kind in kinds}
    figures: dict[str, Any] = {"policy": poser.policy_id, "tasks": len(rows), "split": asked.split, "seed": asked.seed}
    figures |= {"judge": JUDGE, "critic": poser.mdp.critic.id, "actions": poser.mdp.actions.digest}
    figures |= {"figures": summary(held_out, rows)}
    figures |= {"by_kind": {k: summary([held_out[i] for i in at], [rows[i] for i in at]) for k, at in parts.items()}}
    figures = with_origin(figures, "poster") | {"config": poser.config.dump()}
    episodes = [{"task": task.id, **row} for task, row in zip(held_out, rows, strict=True)]
    name = "poster-" + asked.policy.replace(":", "-").replace("+", "-")
    return publish(asked, name, figures, lambda figures: page([figures]), episodes)


if __name__ == "__main__":
    sys.exit(main())
