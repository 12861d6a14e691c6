"""The page of a training run: how far it is, its learning curve, the pictures of the last measurement.

One file that stands alone in the run's folder, written anew at every measurement; while the run goes on it loads itself
again, wherever it is opened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from experts.files import write_whole
from poser.runs import report
from poser.runs.summary import Summary, summarise
from poser.runs.templates import environment
from poser.types import Trajectory

PAGE = "progress.html"
State = Literal["under way", "stopped", "done"]
SHOWN = 12
"""Pictures, of the first held-out tasks."""
WIDTH, HEIGHT = 420, 200
"""Of a curve's plot, in the picture's own units."""
CURVES = (
    ("held-out return", ("returns",), None),
    ("in the critic's eyes", ("value", "satisfied"), (0.0, 1.0)),
)
"""Title, keys of the rows, and the ends of the axis where they are fixed."""


class Line(NamedTuple):
    """One curve: its key, its points 'x,y x,y', and its last value."""

    name: str
    points: str
    last: float


class Plot(NamedTuple):
    """Some curves over expert calls, with the ends of both axes."""

    title: str
    lines: tuple[Line, ...]
    low: float
    high: float
    calls: int


def write(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    episodes: Sequence[Trajectory],
    total: int,
    about: Mapping[str, Any],
    state: State = "under way",
) -> Path:
    """Writes the page.

    Args:
        rows: the log, at least one row; episodes: those of its last row.
        total: expert calls of the whole run.
        about: what is trained, by name.
        state: while it is under way, the page loads itself again.
    """
    page = environment(Path(__file__).parent, Path(report.__file__).parent)
    page.filters["url"] = report.url_of
    pictures = [_shown(whole) for whole in episodes[:SHOWN]]
    text = page.get_template("progress.html.j2").render(
        rows=rows,
        last=rows[-1],
        total=total,
        plots=[plot(rows, *curve) for curve in CURVES],
        pictures=pictures,
        about=about,
        state=state,
        size=(WIDTH, HEIGHT),
    )
    write_whole(folder / PAGE, text.encode())
    return folder / PAGE


def _shown(whole: Trajectory) -> tuple[Trajectory, Summary]:
    return whole, summarise(whole)


def plot(rows: Sequence[Mapping[str, Any]], title: str, keys: Sequence[str], ends: tuple[float, float] | None) -> Plot:
    """The curves of some keys; values that are no finite number are left out."""
    found = {key: [(row["calls"], float(row[key])) for row in rows if math.isfinite(row[key])] for key in keys}
    values = [value for points in found.values() for _, value in points] or [0.0]
    low, high = ends or (min(values), max(values))
    calls = max(1, *(int(row["calls"]) for row in rows), 1)
    reach = high - low or 1.0

    def place(at: float, value: float) -> str:
        return f"{WIDTH * at / calls:.1f},{HEIGHT * (1 - (value - low) / reach):.1f}"

    lines = [
        Line(key, " ".join(place(*p) for p in points), points[-1][1] if points else math.nan)
        for key, points in found.items()
    ]
    return Plot(title, tuple(lines), low, high, calls)
