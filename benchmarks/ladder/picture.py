"""docs/ladder.png: how far each rung gets, against calls and seconds; docs/ladder-profiles.png: profiles and wins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.ladder.figures import LEVELS, OURS

PICTURE = Path(__file__).parents[2] / "docs" / "ladder.png"
PROFILES = PICTURE.with_name("ladder-profiles.png")
FRONT = "dqn:second="
STYLES = {
    "random": ("x", "0.45"),
    "best-fixed": ("s", "tab:brown"),
    "all-at-once": ("D", "tab:olive"),
    "per-verb": ("^", "tab:cyan"),
    "bandit": ("v", "tab:purple"),
    "bandit+cards": ("v", "tab:pink"),
    "table": ("<", "tab:blue"),
    "two-lines": (">", "tab:green"),
    "clone": ("d", "salmon"),
    "ppo": ("H", "navy"),
    "rules": ("P", "tab:green"),
    "planner": ("X", "tab:gray"),
    "best-of-n": ("h", "tab:orange"),
    "paper-dqn": ("o", "tab:blue"),
    "dqn": ("*", "tab:red"),
    "dqn+best-of-2": ("p", "darkred"),
    "oracle": ("_", "black"),
}
"""Marker and colour of every rung that has a name of its own."""


def _panel(axes: Any, rungs: Mapping[str, Any], figure: str) -> None:
    """Worth against one figure; the bars are 95 % intervals."""

    def point(name: str, **style: Any) -> None:
        share, x = rungs[name]["worth"], rungs[name][figure]["mean"]
        bars = [[max(0.0, share["mean"] - share["low"])], [max(0.0, share["high"] - share["mean"])]]
        axes.errorbar([x], [share["mean"]], yerr=bars, linestyle="none", capsize=2, **style)

    fixed = [name for name in rungs if name.startswith("fixed:")]
    for k, name in enumerate(fixed):
        point(name, marker=".", color="0.75", elinewidth=0.7, label="every fixed pair" if k == 0 else None)
    front = sorted(
        (rungs[name][figure]["mean"], rungs[name]["worth"]["mean"])
        for name in rungs
        if name == "dqn" or name.startswith(FRONT)
    )
    if len(front) > 1:
        axes.plot(*zip(*front, strict=True), ".--", color="tab:red", linewidth=1, label="dqn, dearer seconds", zorder=1)
    for name, (marker, colour) in STYLES.items():
        if name in rungs:
            size = 14 if marker in "*_" else 7
            point(name, marker=marker, color=colour, markersize=size, elinewidth=1, label=name, zorder=3)
    axes.grid(alpha=0.25)


def draw(figures: Mapping[str, Any], path: Path) -> Path:
    """Writes the picture of a result."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    page, (left, right) = pyplot.subplots(1, 2, figsize=(11.5, 4.8), sharey=True)
    _panel(left, figures["rungs"], "calls")
    _panel(right, figures["rungs"], "seconds")
    left.set_xlabel("expert calls an episode")
    right.set_xlabel("seconds an episode, as declared (experts and critic)")
    left.set_ylabel("worth of the picture, by the exact reader")
    page.suptitle(
        f"{figures['tasks']} held-out tasks, {figures['seeds']} seed(s) of what is learned; bars: 95 %",
        fontsize=10,
    )
    handles, labels = right.get_legend_handles_labels()
    page.legend(handles, labels, loc="center right", fontsize=8, frameon=False)
    page.tight_layout(rect=(0, 0, 0.85, 1))
    path.parent.mkdir(exist_ok=True)
    page.savefig(path, dpi=130)
    pyplot.close(page)
    return path


def draw_profiles(figures: Mapping[str, Any], path: Path) -> Path:
    """Writes the performance profiles of a result, and the probability that ours improves on each rung (Agarwal et al.,
    arXiv:2108.13264, figures 4 and 5)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    page, (left, right) = pyplot.subplots(1, 2, figsize=(11.5, 4.8))
    for name in (name for name in STYLES if name in figures["rungs"]):
        width = 2.2 if name == OURS else 1.1
        left.plot(LEVELS, figures["rungs"][name]["profile"], color=STYLES[name][1], linewidth=width, label=name)
    left.set_xlabel("worth of the picture")
    left.set_ylabel("share of episodes that come to at least as much")
    left.legend(fontsize=7, frameon=False, loc="lower left")
    wins = {name: row["rate"] for name, row in figures.get("ours_against", {}).items() if name in STYLES}
    for k, name in enumerate(sorted(wins, key=lambda name: wins[name]["mean"])):
        row, colour = wins[name], STYLES[name][1]
        right.plot([row["low"], row["high"]], [k, k], color=colour, linewidth=6, alpha=0.35, solid_capstyle="butt")
        right.plot([row["mean"]], [k], "|", color=colour, markersize=12, markeredgewidth=2)
    right.set_yticks(range(len(wins)), sorted(wins, key=lambda name: wins[name]["mean"]), fontsize=8)
    right.axvline(0.5, color="0.6", linewidth=0.8, linestyle="--")
    right.set_xlabel("P(ours better on a task), ties as halves, 95 %")
    for axes in (left, right):
        axes.grid(alpha=0.25)
    page.suptitle(f"{figures['tasks']} {figures['split']} tasks, {figures['seeds']} seed(s)", fontsize=10)
    page.tight_layout()
    path.parent.mkdir(exist_ok=True)
    page.savefig(path, dpi=130)
    pyplot.close(page)
    return path
