"""Held-out poster tasks from prompt to picture, judged by the exact reader.

`python -m benchmarks.poster --policy greedy --tasks 100 [--json] [--save]`. The judge is never the critic that gave the
reward: the benchmark refuses to run otherwise.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from benchmarks.result import save, with_origin
from benchmarks.stats import Estimate, estimate
from experts.poster.reader import read
from experts.poster.render import render
from experts.poster.scene import match
from experts.poster.tasks import Deck, PosterTask
from poser.learning.tasks.poster import to_task
from poser.types import PoserError, Trajectory

JUDGE = "reader"


def tasks(split: str = "test", count: int = 100, seed: int = 0, kind: str | None = None) -> list[PosterTask]:
    """The first `count` tasks of a split's sequence."""
    return Deck(split, kind).first(count, seed)


def score(asked: PosterTask, trajectory: Trajectory) -> dict[str, float]:
    """By the reader: share of the target scene reached [0, 1], exact or not, share of untouched input items kept (NaN
    without any); steps, calls, s, USD of the episode."""
    images = trajectory.images
    found = match(read(images[0]), asked.target) if images else None
    last = trajectory.steps[-1].after if trajectory.steps else None
    kept = float("nan")
    if asked.kept and images:
        scene = read(images[0])
        kept = sum(scene.at(item.place or 0) == item for item in asked.kept) / len(asked.kept)
    return {
        "share": found.share if found else 0.0,
        "exact": float(found.exact) if found else 0.0,
        "kept": kept,
        "satisfied": len(last.plan.done) / max(1, len(last.plan.commands)) if last else 0.0,
        "steps": float(len(trajectory.steps)),
        "calls": float(last.spent.steps) if last else 0.0,
        "seconds": last.spent.seconds if last else 0.0,
        "usd": last.spent.usd if last else 0.0,
    }


def gold(asked: PosterTask) -> dict[str, float]:
    """What the judge says of a perfect picture: a test of the benchmark itself; share and exact must be 1."""
    found = match(read(render(asked.target)), asked.target)
    return {"share": found.share, "exact": float(found.exact)}


def refuse_circular(critic: str, judge: str = JUDGE) -> None:
    """Raises `PoserError` where the judge is the critic that gave the reward (law 11)."""
    if critic.split(":")[0] == judge.split(":")[0]:
        raise PoserError(f"the judge {judge!r} is the critic that gave the reward; choose another critic")


def summary(asked: Sequence[PosterTask], rows: Sequence[dict[str, float]]) -> dict[str, Estimate]:
    """Mean of every figure with its interval, clustered by task."""
    names = [task.id for task in asked]
    shares = ("share", "exact", "kept", "satisfied")
    return {name: estimate([row[name] for row in rows], names, name in shares) for name in rows[0]}


def main(argv: list[str] | None = None) -> int:
    """Runs, prints, perhaps saves."""
    from poser.agent import Poser
    from poser.rollout import rollout

    parser = argparse.ArgumentParser(prog="python -m benchmarks.poster", description=__doc__)
    parser.add_argument("--preset", default="poster")
    parser.add_argument("--policy", default="greedy")
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"))
    parser.add_argument("--kind", choices=("t2i", "i2i"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seats", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/poster-POLICY.json")
    asked = parser.parse_args(argv)
    try:
        poser = Poser.from_pretrained(asked.preset, policy=asked.policy)
        refuse_circular(poser.mdp.critic.id)
        held_out = tasks(asked.split, asked.tasks, asked.seed, asked.kind)
        budget = poser.config.budget_of()
        found: dict[int, Trajectory] = {}
        given = [replace(to_task(task), budget=budget) for task in held_out]
        with tqdm(total=len(given), desc=asked.policy, disable=None) as bar:
            for number, trajectory in rollout(poser.mdp, poser.policy, given, asked.seats):
                found[number] = trajectory
                bar.update()
    except PoserError as error:
        print(error, file=sys.stderr)
        return 2
    rows = [score(task, found[k]) for k, task in enumerate(held_out)]
    by_kind = {
        kind: summary([t for t in held_out if t.id.startswith(kind)], part)
        for kind in ("t2i", "i2i")
        if (part := [row for t, row in zip(held_out, rows, strict=True) if t.id.startswith(kind)])
    }
    overall = summary(held_out, rows)
    figures: dict[str, Any] = {"policy": poser.policy_id, "tasks": len(rows), "split": asked.split, "seed": asked.seed}
    figures |= {"judge": JUDGE, "critic": poser.mdp.critic.id, "actions": poser.mdp.actions.digest}
    figures |= {"figures": {name: e.to_json() for name, e in overall.items()}}
    figures |= {"by_kind": {k: {name: e.to_json() for name, e in part.items()} for k, part in by_kind.items()}}
    figures = with_origin(figures, "benchmarks.poster") | {"config": poser.config.dump()}
    if asked.save:
        save("poster-" + asked.policy.replace(":", "-").replace("+", "-"), figures)
    if asked.json:
        print(json.dumps(figures))
    else:
        print(
            f"{poser.policy_id}, {len(rows)} {asked.split} tasks, judged by the {JUDGE}; mean [95 % interval by task]"
        )
        for name, value in overall.items():
            parts = "   ".join(f"{kind} {by_kind[kind][name].mean:.3f}" for kind in by_kind)
            print(f"  {name:10} {value}   {parts}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
