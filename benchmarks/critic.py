"""The embedded critic against the exact reader, on held-out pictures: `python -m benchmarks.critic [--json] [--save]`.

Balanced accuracy and calibration error of P(yes) on validation renders, on degraded ones, and on the experts' outputs
for test requests, which are painted first (`--pictures` of each expert).
"""

from __future__ import annotations

import argparse
import json
import sys

from benchmarks.result import save, with_origin


def main(argv: list[str] | None = None) -> int:
    """Runs, prints, perhaps saves."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.critic", description=__doc__)
    parser.add_argument("--pictures", type=int, default=60, help="test outputs of each expert (default 60)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/critic.json")
    asked = parser.parse_args(argv)
    from experts.poster.train.critic import evaluate
    from experts.poster.train.critic_outputs import collect

    painted = collect(4 * asked.pictures, splits=("test",))
    figures = with_origin({"pictures": painted} | evaluate(), "benchmarks.critic")
    if asked.save:
        save("critic", figures)
    print(json.dumps(figures) if asked.json else json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
