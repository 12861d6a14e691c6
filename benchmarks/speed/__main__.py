"""How fast it is: the embedded preset, memory, scheduling, the critic, and a GPU where there is one.

`python -m benchmarks.speed [--part NAME ...] [--json] [--save]`. Every ratio is measured side by side in one run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks._results import command_line, load, publish, table, with_origin
from benchmarks.speed import critic, gpu, harness, library, memory, pool, preset

PARTS = {
    "memory": memory.figures,
    "library": library.figures,
    "pool": pool.figures,
    "critic": critic.figures,
    "harness": harness.figures,
    "gpu": gpu.figures,
}
ORIGIN = ("command", "commit", "versions", "machine")


def measured(parts: Sequence[str], repeats: int) -> dict[str, Any]:
    """The parts asked for; every ratio is printed for people as soon as it is there."""
    found: dict[str, Any] = preset.figures(repeats) if "preset" in parts else {}
    for name, figures in PARTS.items():
        if name in parts:
            found[name] = {"figures": []}
            for figure in figures():
                print(figure, file=sys.stderr, flush=True)
                found[name]["figures"].append(figure.data())
    return found


def merged(found: dict[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    """What was measured now laid over what the file holds; the origin on top is the preset's, each part has its own."""
    if "preset" in parts:
        return found
    try:
        kept = load("speed")
    except FileNotFoundError:
        return found
    return kept | {name: found[name] | {part: found[part] for part in ORIGIN} for name in parts}


def ratios(found: Mapping[str, Any]) -> str:
    """Ratios of memory, scheduling, the critic, and of a GPU where there was one."""
    rows = []
    for figure in (figure for part in PARTS if part in found for figure in found[part]["figures"]):
        value = figure["against"] if figure["value"] is None else f"{figure['value']:.3g}"
        against = "" if figure["value"] is None else figure["against"]
        limit = "" if figure["limit"] is None else f"{figure['limit']:.3g}"
        rows.append([figure["name"], value, limit, f"{figure['reach']:.3g}", against])
    return table(["`python -m benchmarks.speed`", "measured", "limit", "to reach", "against"], rows)


def page(found: Mapping[str, Any]) -> str:
    """Everything that was measured."""
    return "\n\n".join(([preset.page(found)] if "demo_run" in found else []) + [ratios(found)])


def main(argv: list[str] | None = None) -> int:
    """Runs, prints, perhaps saves; the parts that are not run stay in the file as they were."""
    names = ["preset", *PARTS]
    parser = command_line("speed", __doc__)
    parser.add_argument("--part", action="append", choices=names, help="only this part; may be given several times")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args(argv)
    parts = asked.part or names
    found = with_origin(measured(parts, asked.repeats), "speed")
    return publish(asked, "speed", merged(found, parts) if asked.save else found, page)


if __name__ == "__main__":
    sys.exit(main())
