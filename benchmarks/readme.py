"""Writes the README's tables from `benchmarks/results/`: `python -m benchmarks.readme`. No figure is typed by hand."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import ladder_table
from benchmarks.experts import MAIN
from benchmarks.markdown import span, table
from benchmarks.result import RESULTS
from experts.poster.tasks import EDITS, KINDS

README = Path(__file__).parents[1] / "README.md"


def _load(name: str) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return figures


def experts() -> str:
    """Expert x kind of request: the main figure with its interval, and what was kept."""
    found = _load("experts")
    blocks = []
    for title, kinds in (("scene drawn", KINDS), ("command", EDITS)):
        names = [name for name, row in found["experts"].items() if kinds[0] in row]
        rows = []
        for name in names:
            cells = []
            for kind in kinds:
                row = found["experts"][name][kind]
                best = row[MAIN[kind]]["mean"] == max(found["experts"][n][kind][MAIN[kind]]["mean"] for n in names)
                text = f"**{span(row[MAIN[kind]])}**" if best else span(row[MAIN[kind]])
                cells.append(text + (f"<br>kept {row['kept']['mean']:.2f}" if "kept" in row else ""))
            rows.append([f"`{name}`", *cells])
        blocks.append(table([title, *kinds], rows))
    figure = found["autoencoder"]
    beyond = found["editing"]["another_is_better_beyond_the_interval"]
    return "\n\n".join(
        [
            f"n = {found['n']} requests a cell, mean [95 % interval]. Drawn scenes: share of objects right in shape, "
            "colour, size and place (`few`: 1 or 2 items, `crowded`: 4 or 5), `count`: share of scenes with every "
            "number right. Commands: share carried out, and the share of the other objects kept as they were.",
            *blocks,
            f"The shared autoencoder gives back {span(figure, 3)} of the objects of {2 * found['n']} test scenes. "
            f"Best editor overall: `{found['editing']['best_overall']}`; another is better beyond the intervals at "
            + (", ".join(f"{item.split(': ')[0]} (`{item.split(': ')[1]}`)" for item in beyond) or "nothing")
            + ".",
        ]
    )


def policies() -> str:
    """Policy x figure on held-out tasks."""
    order = ("share", "exact", "kept", "calls", "seconds")
    rows, found = [], {}
    for file in sorted(RESULTS.glob("poster-*.json")):
        found = json.loads(file.read_text("utf-8"))
        figures = found["figures"]
        rows.append((figures["share"]["mean"], [f"`{found['policy']}`", *(span(figures[name]) for name in order)]))
    head = ["policy", "target scene reached", "exact", "kept content", "expert calls", "seconds of models"]
    ranking = table(head, [row for _, row in sorted(rows, reverse=True)])
    return (
        f"{found['tasks']} held-out tasks of the test split (half of them text-to-image, half with an input picture), "
        f"judged by the exact reader, never by the critic; mean [95 % interval by task].\n\n{ranking}"
    )


def speed() -> str:
    """Seconds an image, a run, the shell."""
    found = _load("speed")
    rows = [[f"`{n}`", f"{r['alone']:.2f}", f"{r['batch_of_16']:.3f}"] for n, r in found["seconds_an_image"].items()]
    demo, shell = found["demo_run"], found["shell"]
    return (
        f"On {found['machine']['cores']} CPU cores, at default steps:\n\n"
        + table(["expert", "one call, s", "batch of 16, s an image"], rows)
        + f"\n\nThe four-command run takes {demo['seconds']:.1f} s after loading; orchestration adds "
        f"{100 * demo['orchestration_share']:.1f} % to experts and critic. "
        + ", ".join(f"`{name}` {seconds:.2f} s" for name, seconds in shell.items())
        + "."
    )


def residency() -> str:
    """Ratios of memory, scheduling, the critic, and of a GPU where there was one."""
    found, rows = _load("speed"), []
    for part in ("memory", "pool", "critic", "gpu"):
        for figure in found[part]["figures"]:
            value = figure["against"] if figure["value"] is None else f"{figure['value']:.3g}"
            against = "" if figure["value"] is None else figure["against"]
            limit = "" if figure["limit"] is None else f"{figure['limit']:.3g}"
            rows.append([figure["name"], value, limit, f"{figure['reach']:.3g}", against])
    head = ["`python -m benchmarks.speed`", "measured", "limit", "to reach", "against"]
    return table(head, rows)


def critic() -> str:
    """Balanced accuracy and calibration error of the critic."""
    found = _load("critic")
    rows = [
        [label, f"{found[key + 'n']:.0f}", f"{found[key + 'balanced']:.3f}", f"{found[key + 'calibration_error']:.3f}"]
        for label, key in (
            ("rendered posters", ""),
            ("degraded posters", "worn_"),
            ("experts' outputs", "experts_"),
            ("what was asked of them", "wanted_"),
        )
        if key + "n" in found
    ]
    return table(["yes/no questions about", "n", "balanced accuracy", "calibration error"], rows)


def ladder() -> str:
    """Rungs, gains, scope, matched budgets of the ladder."""
    return ladder_table.markdown(_load("ladder"))


def parts() -> str:
    """What each part of the learned policy is worth, and what a new expert brings."""
    found = _load("ladder-parts")
    ours = found["rungs"]["dqn"]["share"]["mean"]
    return (
        f"{found['tasks']} held-out tasks, {found['seeds']} policies each, {found['calls']} expert calls each; ours "
        f"comes to {ours:.3f} there. `{found['command']}`\n\n{ladder_table.further(found)}"
    )


def learning() -> str:
    """What a training run costs."""
    found = _load("learning")
    empty, full = (sum(found[f"seconds_{cache}_cache"].values()) for cache in ("empty", "full"))
    error = found["calibration"]["error"]
    return (
        f"A run of {found['calls']} expert calls (and {found['probe_calls']} of the probe) takes {empty / 60:.1f} "
        f"minutes with an empty cache and {full / 60:.1f} with a full one, on one CPU core, and ends with "
        + ("the same weights" if found["same_weights"] else "OTHER WEIGHTS")
        + f" both times. 90 % of the final held-out return is reached within {found['calls_to_90_percent']} calls. "
        f"Predicted and realised returns, scaled to [0, 1], differ by {error:.3f} on average (expected calibration "
        f"error, {found['calibration']['steps']} steps). `python -m benchmarks.learning` reproduces this."
    )


SECTIONS: dict[str, Callable[[], str]] = {
    **{"experts": experts, "policies": policies, "speed": speed, "critic": critic, "residency": residency},
    **{"learning": learning, "ladder": ladder, "parts": parts},
}


def filled(text: str) -> str:
    """The README with every section between '<!-- NAME -->' and '<!-- /NAME -->' made anew."""
    for name, make in SECTIONS.items():
        before, _, rest = text.partition(f"<!-- {name} -->")
        text = f"{before}<!-- {name} -->\n\n{make()}\n\n<!-- /{name} -->{rest.partition(f'<!-- /{name} -->')[2]}"
    return text


def main() -> int:
    """Rewrites the README."""
    README.write_text(filled(README.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
