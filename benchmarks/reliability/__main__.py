"""Faults on purpose, counted: `python -m benchmarks.reliability --part faults --n 10000 [--json] [--save]`.

Saved as reliability-PART, one row of the table each.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks._results import command_line, publish, table, with_origin

PARTS = ("faults", "services", "order", "pixels", "runs", "trainings", "operations", "signals", "folders", "hostile")
"""Files of this folder, in the order of the table."""


def page(results: Sequence[Mapping[str, Any]]) -> str:
    """Test x what came of it x the command."""
    order = {name: k for k, name in enumerate(PARTS)}
    ranked = sorted(results, key=lambda found: order.get(found["part"], len(order)))
    rows = [[found["test"], found["found"], f"`{found['command']}`"] for found in ranked]
    return table(["test", "found", "command"], rows)


def main(argv: list[str] | None = None) -> int:
    """Runs one part, prints its row, perhaps saves it."""
    parser = command_line("reliability", __doc__)
    parser.add_argument("--part", required=True, choices=PARTS)
    parser.add_argument("--n", type=int, help="how much of it: steps, calls, tasks or megapixels")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(argv)
    part = importlib.import_module(f"benchmarks.reliability.{asked.part}")
    measured = part.measure(asked.n or part.USUAL, asked.seed)
    figures = with_origin({"part": asked.part, **measured}, "reliability")
    return publish(asked, f"reliability-{asked.part}", figures, lambda found: page([found]))


if __name__ == "__main__":
    sys.exit(main())
