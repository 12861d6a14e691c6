"""Rows of the ladder -> figures: means with intervals clustered by task, paired differences, what choosing is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks._stats import estimate, iqm, paired, ratio, superior
from benchmarks.ladder.episodes import Row

OURS = "dqn"
FIGURES = ("share", "exact", "kept", "calls", "seconds", "usd")
SHARES = ("share", "exact", "kept")
Rows = Mapping[str, Sequence[Row]]
"""Rung -> its rows, over seeds and tasks."""


def by_task(rows: Sequence[Row], figure: str = "share") -> dict[str, list[float]]:
    """Task -> a figure's value for each seed, in the order of the rows."""
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row.task, []).append(float(getattr(row, figure)))
    return found


def means(rows: Sequence[Row], figure: str = "share") -> list[float]:
    """Mean over seeds for each task, in the order of the tasks."""
    return [float(np.mean(values)) for values in by_task(rows, figure).values()]


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Every figure of one rung; intervals are clustered by task."""
    names = [row.task for row in rows]
    found: dict[str, Any] = {
        name: estimate([getattr(row, name) for row in rows], names, name in SHARES).to_json() for name in FIGURES
    }
    found["iqm"] = iqm([row.share for row in rows], names).to_json()
    seeds = sorted({row.seed for row in rows})
    found["seeds"] = [round(float(np.mean([r.share for r in rows if r.seed == seed])), 4) for seed in seeds]
    for name in ("kind", "commands"):
        groups = sorted({getattr(row, name) for row in rows})
        parts = {str(group): [row for row in rows if getattr(row, name) == group] for group in groups}
        found[f"by_{name}"] = {
            group: estimate([row.share for row in part], [row.task for row in part]).to_json()
            for group, part in parts.items()
        }
    return found


def within(row: Row, column: int, limit: float) -> float:
    """Share of the picture that an episode would have delivered within a limit; `column` of `Row.curve`."""
    return [point[3] for point in row.curve if point[column] <= limit + 1e-9][-1] if row.curve else row.share


def matched(rows: Rows, column: int, limits: Sequence[float]) -> dict[str, dict[str, float]]:
    """Rung -> limit -> mean share where every episode is cut there (column 0: calls, 1: seconds, 2: USD)."""
    return {
        rung: {f"{limit:g}": round(float(np.mean([within(row, column, limit) for row in part])), 4) for limit in limits}
        for rung, part in rows.items()
    }


def wins(ours: Sequence[Row], theirs: Sequence[Row]) -> dict[str, Any]:
    """Ours against another, task by task over every pair of seeds.

    'rate' = P(ours > theirs) + P(tie) / 2 with its interval by task, and the three shares behind it; 'mean_above': how
    often ours has the higher mean when the tasks are drawn again.
    """
    a, b = by_task(ours), by_task(theirs)
    more, same = [], []
    for task in a:
        gaps = np.subtract.outer(a[task], b[task])
        more.append(float((gaps > 1e-9).mean()))
        same.append(float((np.abs(gaps) <= 1e-9).mean()))
    rate = estimate([m + 0.5 * s for m, s in zip(more, same, strict=True)])
    won, tied = float(np.mean(more)), float(np.mean(same))
    return {
        "rate": rate.to_json(),
        "won": round(won, 4),
        "tied": round(tied, 4),
        "lost": round(1 - won - tied, 4),
        "mean_above": round(superior(means(ours), means(theirs)), 4),
    }


def difference(rows: Rows, ours: str, theirs: str) -> dict[str, Any] | None:
    """Mean paired difference in share, by task; None where a rung is missing."""
    if ours not in rows or theirs not in rows:
        return None
    return paired(means(rows[ours]), means(rows[theirs])).to_json()


def choosing(rows: Rows) -> dict[str, Any]:
    """What choosing brings, and what verifying and retrying brings: share gained, by task.

    Blind: no guard, one attempt a command, so one look decides nothing but what counts as done.
    """
    gains = {
        "choosing, one blind attempt a command": (f"{OURS}:blind", "best-fixed:blind"),
        "choosing, with verifying and retrying": (OURS, "best-fixed"),
        "verifying and retrying, fixed pair": ("best-fixed", "best-fixed:blind"),
        "verifying and retrying, ours": (OURS, f"{OURS}:blind"),
        "looking at several instead of knowing": ("best-of-n", "best-fixed"),
        "a second opinion on top of ours": (f"{OURS}+best-of-2", OURS),
    }
    return {name: gain for name, pair in gains.items() if (gain := difference(rows, *pair))}


def scope(rows: Rows) -> dict[str, Any]:
    """All at once against one at a time, by kind and number of commands; whether ours knows which is better.

    A task counts as decided where the two rungs' shares differ; ours agrees where the first thing it hands over (while
    both scopes are legal) is what the better rung does. 'always_all' is the agreement of handing over everything.
    """
    if "all-at-once" not in rows or "best-fixed" not in rows:
        return {}
    whole, single = rows["all-at-once"], rows["best-fixed"]
    found: dict[str, Any] = {"overall": difference(rows, "all-at-once", "best-fixed")}
    for name in ("kind", "commands"):
        groups = sorted({getattr(row, name) for row in whole})
        found[f"by_{name}"] = {
            str(group): paired(
                *(means([r for r in part if getattr(r, name) == group]) for part in (whole, single))
            ).to_json()
            for group in groups
        }
    gap = {row.task: row.share - other.share for row, other in zip(whole, single, strict=True)}
    better = {task: "all" if value > 0 else "current" for task, value in gap.items() if abs(value) > 1e-9}
    found["decided"] = len(better)
    found["always_all"] = round(float(np.mean([side == "all" for side in better.values()])), 4) if better else None
    for rung in (OURS, "rules", "random"):
        chose = [row for row in rows.get(rung, ()) if row.task in better and row.scope]
        if chose:
            agrees = [float(row.scope == better[row.task]) for row in chose]
            found[f"agreement:{rung}"] = estimate(agrees, [row.task for row in chose]).to_json()
            found[f"chose_all:{rung}"] = round(float(np.mean([row.scope == "all" for row in chose])), 4)
    return found


def oracle_share(rows: Rows) -> dict[str, Any]:
    """Share of the oracle's gain over the best fixed pair that each rung reaches, with its interval by task."""
    if "oracle" not in rows or "best-fixed" not in rows:
        return {}
    base, top = np.asarray(means(rows["best-fixed"])), np.asarray(means(rows["oracle"]))
    return {
        name: ratio(list(np.asarray(means(part)) - base), list(top - base)).to_json()
        for name, part in rows.items()
        if name not in ("oracle", "best-fixed")
    }


def compared(rows: Rows, unit: float, steps: int) -> dict[str, Any]:
    """All figures of a ladder.

    Args:
        unit: mean declared seconds of a call, critic included: the step of the table at matched seconds.
        steps: expert calls of an episode.
    """
    found: dict[str, Any] = {"rungs": {name: figures(part) for name, part in rows.items()}}
    if OURS in rows:
        others = {name: part for name, part in rows.items() if name != OURS}
        found["ours_minus"] = {name: difference(rows, OURS, name) for name in others}
        found["ours_against"] = {name: wins(rows[OURS], part) for name, part in others.items()}
    found["matched_calls"] = matched(rows, 0, range(1, steps + 1))
    found["matched_seconds"] = matched(rows, 1, [round(unit * k, 2) for k in range(1, steps + 1)])
    return found | {"oracle_gain": oracle_share(rows), "gains": choosing(rows), "scope": scope(rows)}
