"""What is learning worth? Every honest alternative on the same held-out tasks, at the same budget of expert calls.

`python -m benchmarks.ladder [--tasks 200] [--seeds 10] [--calls N] [--quick] [--ablate] [--new-expert EXPERT]`. The
judge is the exact reader, never the critic that gives the reward. Seconds and dollars are those that cards declare: all
rungs share one store of pictures, and none is cheap because another ran before it. What is trained and played is kept
in --folder: a run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks import ladder_changes, ladder_picture, poster
from benchmarks.ladder_figures import compared
from benchmarks.ladder_rows import kept
from benchmarks.ladder_table import markdown
from benchmarks.ladder_world import LOOK, Row, World, rows
from benchmarks.result import save, with_origin
from benchmarks.rungs import Rung, all_rungs
from poser.learning.train_config import DQN, PAPER
from poser.types import PoserError

QUICK = {"tasks": 6, "seeds": 1, "calls": 200, "beam": 1}
FULL = {"tasks": 200, "seeds": 10, "calls": 3000, "beam": 3}
NEW = "poster-ip2p"
"""The expert that --new-expert trains without, where none is named."""


def climb(world: World, rungs: Sequence[Rung], width: int = 3) -> dict[str, list[Row]]:
    """Every rung with all its seeds on the held-out tasks."""
    found: dict[str, list[Row]] = {}
    with tqdm(total=sum(rung.seeds for rung in rungs), desc="ladder", disable=None) as bar:
        for rung in rungs:
            bar.set_postfix_str(rung.id)
            found[rung.id] = []
            for seed in range(rung.seeds):
                about = [rung.id, rung.about, seed, rung.price, DQN.model_dump(), PAPER.model_dump(), width]
                found[rung.id] += kept(world, about, lambda rung=rung, seed=seed: _played(world, rung, seed))  # type: ignore[misc]
                bar.update()
    return found


def _played(world: World, rung: Rung, seed: int) -> list[Row]:
    mdp, policy = rung.build(seed)
    return rows(world, rung.id, seed, mdp, policy, price=rung.price)


def picked(rungs: Sequence[Rung], only: Sequence[str]) -> list[Rung]:
    """The rungs of these ids, all where none is named. Raises `PoserError` for an unknown one."""
    known = {rung.id: rung for rung in rungs}
    for name in only:
        if name not in known:
            raise PoserError(f"no such rung: {name!r}; rungs are {', '.join(known)}")
    return [rung for rung in rungs if not only or rung.id in only]


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line; what it does not say is that of --quick or of the full run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ladder", description=__doc__)
    parser.add_argument("--preset", default="poster")
    parser.add_argument("--tasks", type=int, help="held-out tasks (200)")
    parser.add_argument("--seeds", type=int, help="policies of everything that is learned (10)")
    parser.add_argument("--calls", type=int, help="expert calls that a rung may learn from (3000)")
    parser.add_argument("--beam", type=int, help="width of the oracle's search (3)")
    parser.add_argument("--only", nargs="+", default=[], metavar="RUNG", help="these rungs only")
    parser.add_argument("--quick", action="store_true", help="a few tasks, one seed: does it run")
    parser.add_argument("--ablate", action="store_true", help="also ours without each of its parts")
    parser.add_argument("--new-expert", nargs="?", const=NEW, metavar="EXPERT", help=f"also one that is new ({NEW})")
    parser.add_argument("--folder", type=Path, default=Path("runs/ladder"), help="stored pictures and policies")
    parser.add_argument("--rows", type=Path, help="write every episode's figures, a JSON line each")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--save", nargs="?", const="ladder", metavar="NAME", help="write benchmarks/results/NAME.json")
    asked = parser.parse_args(argv)
    for name, value in (QUICK if asked.quick else FULL).items():
        if getattr(asked, name) is None:
            setattr(asked, name, value)
        if getattr(asked, name) < 1:
            parser.error(f"--{name} is {getattr(asked, name)}; give 1 or more")
    return asked


def measure(world: World, asked: argparse.Namespace) -> dict[str, Any]:
    """The whole result. Raises `PoserError` for an unknown rung or expert."""
    rungs = picked(all_rungs(world, asked.seeds, asked.beam), asked.only)
    found = climb(world, rungs, asked.beam)
    unit = float(np.mean([card.seconds for card in world.cards])) + LOOK
    figures: dict[str, Any] = {"tasks": len(world.asked), "seeds": asked.seeds, "calls": world.calls}
    figures |= {"judge": poster.JUDGE, "critic": world.critic.id, "actions": world.actions.digest}
    figures |= {"steps": world.rules.steps, "seconds_of_a_look": LOOK, "about": {r.id: r.about for r in rungs}}
    chosen = {rung.id: rung.build(0)[1].id for rung in rungs if rung.id in ("best-fixed", "all-at-once", "best-of-n")}
    figures |= {"chosen": chosen} | compared(found, unit, world.rules.steps)
    skipped = (
        [] if any(rung.id == "planner" for rung in rungs) or asked.only else ["planner: no endpoint is configured"]
    )
    figures["skipped"] = skipped
    every = dict(found)
    if asked.ablate:
        changes = {
            change.name: list(ladder_changes.changed(world, change, asked.seeds))
            for change in tqdm(ladder_changes.ABLATIONS, desc="ablations", disable=None)
        }
        ours = found.get("dqn") or climb(world, picked(all_rungs(world, asked.seeds), ["dqn"]), asked.beam)["dqn"]
        figures["ablations"] = ladder_changes.worth(ours, changes)
        every |= changes
    if asked.new_expert:
        figures["new_expert"] = ladder_changes.newcomer(world, asked.new_expert, asked.seeds)
    if asked.rows:
        asked.rows.write_text("".join(json.dumps(row.to_json()) + "\n" for part in every.values() for row in part))
    return figures


def plain(data: Any) -> Any:
    """The same with None for every number that is none: NaN is no JSON."""
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [plain(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def main(argv: Sequence[str] | None = None) -> int:
    """Runs, prints, perhaps saves."""
    asked = arguments(argv)
    try:
        world = World.of(asked.preset, asked.tasks, asked.calls, asked.folder)
        figures = plain(with_origin(measure(world, asked), "benchmarks.ladder"))
    except PoserError as error:
        print(error, file=sys.stderr)
        return 2
    if asked.save:
        save(asked.save, figures)
    if asked.save == "ladder":
        ladder_picture.draw(figures, ladder_picture.PICTURE)
    print(json.dumps(figures, allow_nan=False) if asked.json else markdown(figures))
    for word in figures["skipped"]:
        print(f"skipped: {word}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
