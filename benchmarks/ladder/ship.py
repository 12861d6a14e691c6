"""The shipped policy, and by which rule its seed is chosen: `python -m benchmarks.ladder.ship --out FOLDER`.

Several seeds are trained alike; the one with the median return on validation tasks, as the critic sees it, is taken:
what ships is what a training gives, not the luckiest of many.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.ladder.school import School
from benchmarks.ladder.world import World
from experts.poster.tasks import CLASSES, EVERY
from poser.learned import policy_file
from poser.learning.evaluate import play, report
from poser.learning.tasks import PricedTasks
from poser.learning.tasks import load as load_tasks
from poser.learning.train_config import DQN
from poser.types import PoserError

RULE = "the median of {} seeds by return on {} validation tasks, in the critic's eyes"


def median(returns: Sequence[float]) -> int:
    """The number of the median, of two the lower; ties go to the first."""
    return sorted(range(len(returns)), key=lambda k: returns[k])[(len(returns) - 1) // 2]


def ship(school: School, seeds: int, count: int, out: Path) -> dict[str, Any]:
    """Trains, measures, and writes the chosen policy to `out`, its rule beside its weights; gives what was measured."""
    world, returns, folders = school.world, list[float](), list[Path]()
    tasks = PricedTasks(load_tasks(f"poster:validation:{world.name}"), world.budget).first(count)
    for seed in range(seeds):
        folders.append(school.trained(DQN, seed))
        returns.append(round(report(play(world.mdp(), school.load(folders[-1]), tasks)).returns, 4))
    seed = median(returns)
    chosen = {"rule": RULE.format(seeds, count), "seed": seed, "returns": returns}
    about, tensors = policy_file.load(folders[seed])
    policy_file.save(out, tensors, {**about, "chosen": chosen})
    return chosen


def main(argv: Sequence[str] | None = None) -> int:
    """Ships."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ladder.ship", description=__doc__)
    parser.add_argument("--preset", default="poster")
    parser.add_argument("--seeds", type=int, default=5, help="policies that are trained")
    parser.add_argument("--calls", type=int, default=DQN.total_timesteps, help="expert calls of each")
    parser.add_argument("--tasks", type=int, default=200, help="validation tasks")
    parser.add_argument("--class", dest="name", default=EVERY, choices=(*CLASSES, EVERY), help="of the tasks (all)")
    parser.add_argument("--folder", type=Path, default=Path("runs/ladder"), help="stored pictures and policies")
    parser.add_argument("--out", type=Path, required=True, help="where the policy goes")
    asked = parser.parse_args(argv)
    try:
        world = World.of(asked.preset, 1, asked.calls, asked.folder, name=asked.name)
        print(json.dumps(ship(School(world), asked.seeds, asked.tasks, asked.out)))
    except PoserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
