"""How fast it is: the embedded preset, memory, scheduling, the critic, and a GPU where there is one.

`python -m benchmarks.speed [--part NAME ...] [--json] [--save]`. Every ratio is measured side by side in one run.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from benchmarks import speed_critic, speed_gpu, speed_memory, speed_pool, speed_preset
from benchmarks.result import RESULTS, save, with_origin
from benchmarks.speed_figure import Figure

PARTS = {"memory": speed_memory.figures, "pool": speed_pool.figures, "gpu": speed_gpu.figures}


def critic() -> list[Figure]:
    """What sharing a picture saves a critic."""
    found = speed_critic.figures()
    against = "10 questions about one picture, each with the picture of its own (tokens)"
    return [Figure("critic: shared prefix / one by one", found["ratio"], found["limit"], 0.2, against, found)]


def measured(parts: list[str], repeats: int) -> dict[str, Any]:
    """The parts asked for."""
    found: dict[str, Any] = {}
    if "preset" in parts:
        found |= speed_preset.figures(repeats)
    for name, figures in {**PARTS, "critic": critic}.items():
        if name in parts:
            found[name] = {"figures": [figure.data() for figure in show(figures())]}
    return found


def show(figures: list[Figure]) -> list[Figure]:
    """The same, printed for people."""
    for figure in figures:
        print(figure, file=sys.stderr, flush=True)
    return figures


def main(argv: list[str] | None = None) -> int:
    """Runs, prints, perhaps saves; the parts that are not run stay in the file as they were."""
    names = ("preset", *PARTS, "critic")
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--part", action="append", choices=names, help="only this part; may be given several times")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/speed.json")
    asked = parser.parse_args(argv)
    parts = asked.part or list(names)
    found = measured(parts, asked.repeats)
    if "preset" in parts and not asked.json:
        print("\n".join(speed_preset.lines(found)))
    with_their_origin = with_origin(found, "benchmarks.speed")
    if asked.save:
        save("speed", merged(with_their_origin, parts))
    if asked.json:
        print(json.dumps(with_their_origin))
    return 0


def merged(found: dict[str, Any], parts: list[str]) -> dict[str, Any]:
    """What was measured now laid over what the file holds; the origin on top is the preset's, each part has its own."""
    path = RESULTS / "speed.json"
    if "preset" in parts or not path.exists():
        return found
    origin = {name: found[name] for name in ("command", "commit", "versions", "machine")}
    kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
    for name in parts:
        kept[name] = found[name] | origin
    return kept


if __name__ == "__main__":
    sys.exit(main())
