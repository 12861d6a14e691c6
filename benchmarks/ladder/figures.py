"""Rows of the ladder -> figures: intervals over tasks and seeds, paired differences, what choosing is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks._bootstrap import crossed, difference, holm, improvement, profile, share_of_gain
from benchmarks.ladder.episodes import Row

OURS = "dqn"
SCORE = "worth"
"""What rungs are compared by: the share of the target, and what must stay (`_judge.worth`)."""
FIGURES = (SCORE, "share", "exact", "identity", "kept", "claim", "false_claim", "calls", "seconds", "usd")
SIMPLE = ("two-lines", "table", "rules", "bandit+cards")
"""The honest alternatives that are not learned by a network: what ours has to beat."""
TIE = 0.005
"""Worths that differ by less are a tie of a task: the likeness of what must stay is a number of pixels."""
LEVELS = tuple(round(k / 20, 2) for k in range(21))
"""Of the performance profiles."""
Rows = Mapping[str, Sequence[Row]]
"""Rung -> its rows, over seeds and tasks."""


def matrix(rows: Sequence[Row], figure: str = SCORE, tasks: Iterable[str] | None = None) -> np.ndarray:
    """A figure as float64 [seeds, tasks]: seeds in order, `tasks` (by default all, as they come); NaN where there is no
    such episode."""
    wanted = list(dict.fromkeys(row.task for row in rows) if tasks is None else tasks)
    seeds = sorted({row.seed for row in rows})
    at, line = {task: k for k, task in enumerate(wanted)}, {seed: k for k, seed in enumerate(seeds)}
    found = np.full((len(seeds), len(wanted)), np.nan)
    for row in rows:
        if row.task in at:
            found[line[row.seed], at[row.task]] = getattr(row, figure)
    return found


def aligned(*parts: Sequence[Row], figure: str = SCORE) -> list[np.ndarray]:
    """The matrices of several rungs over the tasks that all of them played."""
    played = [{row.task for row in part} for part in parts]
    common = [task for task in dict.fromkeys(row.task for row in parts[0]) if all(task in p for p in played)]
    return [matrix(part, figure, common) for part in parts]


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Every figure of one rung."""
    found: dict[str, Any] = {name: crossed(matrix(rows, name)).to_json() for name in FIGURES}
    found["seeds"] = [round(float(mean), 4) for mean in matrix(rows).mean(axis=1)]
    found["profile"] = [round(share, 4) for share in profile(matrix(rows), LEVELS)]
    for name in ("kind", "name"):
        groups = sorted({getattr(row, name) for row in rows})
        parts = {group: [row for row in rows if getattr(row, name) == group] for group in groups}
        found[f"by_{name}"] = {group: crossed(matrix(part)).to_json() for group, part in parts.items()}
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
    """Ours against another on a task, over every pair of seeds: 'rate' = P(ours better) + P(tie) / 2 with its interval
    (the probability of improvement), and the three shares behind it."""
    a, b = aligned(ours, theirs)
    gaps = a[:, None, :] - b[None, :, :]
    won, tied = float((gaps > TIE).mean()), float((np.abs(gaps) <= TIE).mean())
    shares = {"won": won, "tied": tied, "lost": 1 - won - tied}
    return {"rate": improvement(a, b, TIE).to_json()} | {name: round(share, 4) for name, share in shares.items()}


def gap(rows: Rows, ours: str, theirs: str, figure: str = SCORE) -> dict[str, Any] | None:
    """The paired difference of two rungs with its p; None where a rung is missing."""
    if ours not in rows or theirs not in rows:
        return None
    found, p = difference(*aligned(rows[ours], rows[theirs], figure=figure))
    return found.to_json() | {"p": round(p, 5)}


def against(rows: Rows) -> dict[str, Any]:
    """Ours less every other rung; 'holm': p corrected for their number."""
    found = {name: part for name in rows if name != OURS and (part := gap(rows, OURS, name))}
    right = holm({name: part["p"] for name, part in found.items()})
    return {name: part | {"holm": round(right[name], 5)} for name, part in found.items()}


def classes(rows: Rows) -> dict[str, Any]:
    """Class of tasks -> ours less each of `SIMPLE`, and the lowest win rate against a fixed pair."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(row.name for row in rows[OURS]):
        part = {rung: [row for row in every if row.name == name] for rung, every in rows.items()}
        part = {rung: some for rung, some in part.items() if some}
        told = {rung: gap(part, OURS, rung) for rung in SIMPLE if rung in part}
        fixed = {rung: wins(part[OURS], some) for rung, some in part.items() if rung.startswith("fixed:")}
        found[name] = {"minus": told, "tasks": len({row.task for row in part[OURS]})}
        if fixed:
            worst = min(fixed, key=lambda rung: fixed[rung]["rate"]["mean"])
            found[name] |= {"hardest": worst, "wins": fixed[worst]}
    return found


def choosing(rows: Rows) -> dict[str, Any]:
    """What choosing brings, and what verifying and retrying brings: worth gained, by task.

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
    return {name: found for name, pair in gains.items() if (found := gap(rows, *pair))}


def scope(rows: Rows) -> dict[str, Any]:
    """All at once against one at a time, by kind and class of tasks; whether ours knows which is better.

    A task counts as decided where the two rungs' worths differ; ours agrees where the first thing it hands over (while
    both scopes are legal) is what the better rung does. 'always_all' is the agreement of handing over everything.
    """
    if "all-at-once" not in rows or "best-fixed" not in rows:
        return {}
    whole, single = rows["all-at-once"], rows["best-fixed"]
    found: dict[str, Any] = {"overall": gap(rows, "all-at-once", "best-fixed")}
    for name in ("kind", "name"):
        groups = sorted({getattr(row, name) for row in whole})
        found[f"by_{name}"] = {
            group: difference(*aligned(*([r for r in p if getattr(r, name) == group] for p in (whole, single))))[
                0
            ].to_json()
            for group in groups
        }
    gaps = {row.task: row.worth - other.worth for row, other in zip(whole, single, strict=True)}
    better = {task: "all" if value > 0 else "current" for task, value in gaps.items() if abs(value) > 1e-9}
    found["decided"] = len(better)
    found["always_all"] = round(float(np.mean([side == "all" for side in better.values()])), 4) if better else None
    for rung in (OURS, "rules", "random"):
        chose = [row for row in rows.get(rung, ()) if row.task in better and row.scope]
        if chose:
            agrees = np.full((len({row.seed for row in chose}), len(better)), np.nan)
            at = {task: k for k, task in enumerate(better)}
            line = {seed: k for k, seed in enumerate(sorted({row.seed for row in chose}))}
            for row in chose:
                agrees[line[row.seed], at[row.task]] = float(row.scope == better[row.task])
            found[f"agreement:{rung}"] = crossed(agrees).to_json()
            found[f"chose_all:{rung}"] = round(float(np.mean([row.scope == "all" for row in chose])), 4)
    return found


def oracle_share(rows: Rows) -> dict[str, Any]:
    """Share of the oracle's gain over the best fixed pair that each rung reaches, on tasks that all three played."""
    if "oracle" not in rows or "best-fixed" not in rows:
        return {}
    return {
        name: share_of_gain(*aligned(part, rows["best-fixed"], rows["oracle"])).to_json()
        for name, part in rows.items()
        if name not in ("oracle", "best-fixed")
    }


def compared(rows: Rows, unit: float, steps: int) -> dict[str, Any]:
    """All figures of a ladder.

    Args:
        unit: mean declared seconds of a call, critic included: the step of the table at matched seconds.
        steps: expert calls of the longest episode.
    """
    found: dict[str, Any] = {"rungs": {name: figures(part) for name, part in rows.items()}}
    if OURS in rows:
        found["ours_minus"] = against(rows)
        found["ours_against"] = {name: wins(rows[OURS], part) for name, part in rows.items() if name != OURS}
        found["classes"] = classes(rows)
    found["matched_calls"] = matched(rows, 0, range(1, steps + 1))
    found["matched_seconds"] = matched(rows, 1, [round(unit * k, 2) for k in range(1, steps + 1)])
    return found | {"oracle_gain": oracle_share(rows), "gains": choosing(rows), "scope": scope(rows)}
