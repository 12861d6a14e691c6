"""The learning curve of a training run, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def draw(rows: Sequence[Mapping[str, Any]], path: Path, title: str = "") -> Path:
    """Held-out return, value and calls an episode against expert calls (rows of `train`'s log), as a PNG."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.6), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    calls = [row["calls"] for row in rows]
    left.plot(calls, [row["returns"] for row in rows], "o-", color="#b5322a", label="return")
    if rows:
        last = rows[-1]["returns"]
        left.axhline(0.9 * last, color="#999", lw=0.8, ls="--", label="90 % of the last")
    left.set(xlabel="expert calls", title="held-out return")
    left.legend(frameon=False)
    right.plot(calls, [row["value"] for row in rows], "o-", color="#235ab0", label="value of the picture")
    right.plot(calls, [row["satisfied"] for row in rows], "o-", color="#2c8a4b", label="commands satisfied")
    right.set(xlabel="expert calls", title="in the critic's eyes", ylim=(0, 1))
    right.legend(frameon=False)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    if title:
        figure.suptitle(title, fontsize=10)
    part = path.with_suffix(".part.png")
    figure.savefig(part)
    part.replace(path)
    return path
