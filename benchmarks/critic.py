"""The embedded critic against the exact reader, on held-out pictures: `python -m benchmarks.critic [--json] [--save]`.

Balanced accuracy and calibration error of P(yes) on validation renders, on degraded ones, and on the experts' outputs
for test requests, which are painted first (`--pictures` of each expert).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from benchmarks._results import command_line, publish, table, with_origin

SETS = {
    "rendered posters": "",
    "degraded posters": "worn_",
    "experts' outputs": "experts_",
    "what was asked of them": "wanted_",
}
"""What the questions are about -> how the figures' names begin."""


def page(found: Mapping[str, Any]) -> str:
    """Balanced accuracy and calibration error of each set."""
    rows = [
        [about, f"{found[key + 'n']:.0f}", f"{found[key + 'balanced']:.3f}", f"{found[key + 'calibration_error']:.3f}"]
        for about, key in SETS.items()
        if key + "n" in found
    ]
    return table(["yes/no questions about", "n", "balanced accuracy", "calibration error"], rows)


def main(argv: list[str] | None = None) -> int:
    """Runs, prints, perhaps saves."""
    parser = command_line("critic", __doc__)
    parser.add_argument("--pictures", type=int, default=60, help="test outputs of each expert (default 60)")
    asked = parser.parse_args(argv)
    from experts.poster.train.critic import evaluate
    from experts.poster.train.critic_outputs import collect

    painted = collect(4 * asked.pictures, splits=("test",))
    return publish(asked, "critic", with_origin({"pictures": painted} | evaluate(), "critic"), page)


if __name__ == "__main__":
    sys.exit(main())
