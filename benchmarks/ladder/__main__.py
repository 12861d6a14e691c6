"""What is learning worth? Every honest alternative on the same held-out tasks, at the same budget of expert calls.

`python -m benchmarks.ladder [--tasks 200] [--seeds 5] [--calls N] [--quick] [--ablate] [--new-expert EXPERT]`. Held out
are validation tasks; `--open-test SEED` takes test tasks of a seed that nobody opened before, once, when the code is
frozen. The judge is the exact reader, never the critic that gives the reward. Seconds and dollars are those that cards
declare: all rungs share one store of pictures, and none is cheap because another ran before it. What is trained and
played is kept in --folder: a run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks._judge import JUDGE
from benchmarks._results import command_line, json_lines, publish, track, with_origin
from benchmarks.ladder import changes, opened, picture
from benchmarks.ladder.episodes import COLUMNS, Row, played
from benchmarks.ladder.figures import compared
from benchmarks.ladder.rungs import Rung, all_rungs
from benchmarks.ladder.school import School
from benchmarks.ladder.table import markdown
from benchmarks.ladder.world import LOOK, World
from experts.poster.tasks import CLASSES, EVERY
from poser.config import override
from poser.learning.train_config import DQN, PAPER
from poser.types import PoserError

QUICK = {"tasks": 2, "seeds": 1, "calls": 48, "beam": 1, "oracle_tasks": 1}
FULL = {"tasks": 200, "seeds": 5, "calls": 3000, "beam": 2, "oracle_tasks": 100}
NEW = "poster-ip2p"
"""The expert that --new-expert trains without, where none is named."""
CHOSEN = ("best-fixed", "all-at-once", "best-of-n")
"""Rungs whose choice, made on training tasks, is told."""


class Result(NamedTuple):
    """Figures, and the rows of every episode that they come from."""

    figures: dict[str, Any]
    rows: list[Row]


def climb(world: World, rungs: Sequence[Rung], width: int = 3) -> dict[str, list[Row]]:
    """Every rung with all its seeds on the held-out tasks; `width`: of the oracle's search."""
    found: dict[str, list[Row]] = {rung.id: [] for rung in rungs}
    for rung, seed in track([(r, seed) for r in rungs for seed in range(r.seeds)], "ladder"):
        about = [rung.id, rung.about, seed, rung.price, rung.first, DQN.model_dump(), PAPER.model_dump(), width]
        found[rung.id] += played(world, rung.id, seed, rung.build, about, price=rung.price, first=rung.first)
    return found


def picked(rungs: Sequence[Rung], only: Sequence[str]) -> list[Rung]:
    """The rungs of these ids, all where none is named. Raises `PoserError` for an unknown one."""
    known = {rung.id: rung for rung in rungs}
    for name in only:
        if name not in known:
            raise PoserError(f"no such rung: {name!r}; rungs are {', '.join(known)}")
    return [rung for rung in rungs if not only or rung.id in only]


def measure(school: School, asked: argparse.Namespace) -> Result:
    """The whole result. Raises `PoserError`: an unknown rung or expert, ablations that could tell nothing."""
    world, every = school.world, all_rungs(school, asked.seeds, asked.beam, asked.oracle_tasks)
    rungs = picked(every, asked.only)
    if asked.ablate and not asked.quick:
        changes.tells(world.calls)
    found = climb(world, rungs, asked.beam)
    rows = [row for part in found.values() for row in part]
    unit = float(np.mean([card.seconds for card in world.cards])) + LOOK
    figures: dict[str, Any] = {"tasks": len(world.asked), "seeds": asked.seeds, "calls": world.calls}
    figures |= {"split": asked.split, "seed": asked.seed, "class": world.name, "oracle_tasks": asked.oracle_tasks}
    figures |= {"judge": JUDGE, "critic": world.critic.id, "actions": world.actions.digest}
    figures |= {"steps": world.most, "seconds_of_a_look": LOOK, "about": {r.id: r.about for r in rungs}}
    figures["chosen"] = {rung.id: rung.build(0)[1].id for rung in rungs if rung.id in CHOSEN}
    figures |= compared(found, unit, world.most)
    complete = asked.only or any(rung.id == "planner" for rung in rungs)
    figures["skipped"] = [] if complete else ["planner: no endpoint is configured"]
    if asked.ablate:
        parts = {
            change.name: changes.changed(school, change, asked.seeds)
            for change in track((changes.BASE, *changes.ABLATIONS), "ablations")
        }
        figures["ablations"] = changes.worth(parts)
        rows += [row for part in parts.values() for row in part]
    if asked.new_expert:
        figures["new_expert"] = changes.newcomer(school, asked.new_expert, asked.seeds)
    return Result(figures, rows)


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line; what it does not say is that of --quick or of the full run."""
    parser = command_line("ladder", __doc__)
    parser.add_argument("--preset", default="poster")
    parser.add_argument("--tasks", type=int, help="held-out tasks (200)")
    parser.add_argument("--class", dest="name", default=EVERY, choices=(*CLASSES, EVERY), help="of the tasks (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the validation tasks' generator (0)")
    parser.add_argument(
        "--open-test", type=int, metavar="SEED", help="test tasks of this seed, which nobody opened yet"
    )
    parser.add_argument("--seeds", type=int, help="policies of everything that is learned (5)")
    parser.add_argument("--calls", type=int, help="expert calls that a rung may learn from (3000)")
    parser.add_argument("--beam", type=int, help="width of the oracle's search (2)")
    parser.add_argument("--oracle-tasks", type=int, metavar="N", help="the first tasks that the oracle searches (100)")
    parser.add_argument("--only", nargs="+", default=[], metavar="RUNG", help="these rungs only")
    parser.add_argument("--quick", action="store_true", help="a few tasks, one seed: does it run")
    parser.add_argument("--ablate", action="store_true", help="also ours without each of its parts")
    parser.add_argument("--new-expert", nargs="?", const=NEW, metavar="EXPERT", help=f"also one that is new ({NEW})")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="of the preset: rules.guard=false"
    )
    parser.add_argument("--folder", type=Path, default=Path("runs/ladder"), help="stored pictures and policies")
    parser.add_argument("--rows", type=Path, help="write every figure of every episode, a JSON line each")
    asked = parser.parse_args(argv)
    for name, value in (QUICK if asked.quick else FULL).items():
        if getattr(asked, name) is None:
            setattr(asked, name, value)
        if getattr(asked, name) < 1:
            parser.error(f"--{name.replace('_', '-')} is {getattr(asked, name)}; give 1 or more")
    if asked.seed < 0 or (asked.open_test or 0) < 0:
        parser.error("a seed of the tasks is a whole number from 0")
    asked.split = "validation" if asked.open_test is None else "test"
    asked.seed = asked.seed if asked.open_test is None else asked.open_test
    return asked


def main(argv: Sequence[str] | None = None) -> int:
    """Runs, prints, perhaps saves."""
    asked = arguments(argv)
    try:
        overrides = dict(override(text) for text in asked.set)
        place = asked.folder, asked.split, asked.seed, asked.name, overrides
        school = School(World.of(asked.preset, asked.tasks, asked.calls, *place))
        picked(all_rungs(school, asked.seeds), asked.only)
        if asked.open_test is not None:
            about = {name: getattr(asked, name) for name in (*FULL, "name", "only", "preset", "set")}
            opened.opened(asked.open_test, about, asked.folder)
        figures, rows = measure(school, asked)
    except PoserError as error:
        print(error, file=sys.stderr)
        return 2
    figures = with_origin(figures, "ladder")
    if asked.rows:
        asked.rows.write_bytes(json_lines([row.to_json() for row in rows]))
    if asked.save is True:
        picture.draw(figures, picture.PICTURE)
        picture.draw_profiles(figures, picture.PROFILES)
    for word in figures["skipped"]:
        print(f"skipped: {word}", file=sys.stderr)
    done = publish(asked, "ladder", figures, markdown, [list(COLUMNS), *(row.published() for row in rows)])
    if asked.open_test is not None:
        opened.finish(asked.folder)
    return done


if __name__ == "__main__":
    sys.exit(main())
