"""Figures of rows: means with intervals clustered by source, what could have been seen at all, paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from benchmarks._harness.types import WHOLE, Row
from benchmarks._stats import Estimate, estimate, paired

POWER, LEVEL = 0.8, 0.05
"""Chance of seeing a difference that is there, and of seeing one that is not."""


def whole(rows: Sequence[Row]) -> list[Row]:
    """The rows of whole items."""
    return [row for row in rows if row.question == WHOLE]


def means(rows: Sequence[Row], by: str) -> dict[str, Estimate]:
    """The mean of the rows for each value of their attribute `by` ('' apart), clustered by source; values in order."""
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(getattr(row, by), []).append(row)
    return {
        name: estimate([r.score for r in parts[name]], [r.cluster for r in parts[name]], _shares(parts[name]))
        for name in sorted(parts)
        if name
    }


def _shares(rows: Sequence[Row]) -> bool:
    return all(0.0 <= row.score <= 1.0 for row in rows if not math.isnan(row.score))


def smallest(spread: float, clusters: int) -> float:
    """The smallest paired difference that this many clusters show with `POWER`, at a standard deviation of `spread`.

    Miller, arXiv:2411.00640, equation 9 with one answer a question; NaN for fewer than two clusters.
    """
    if clusters < 2:
        return math.nan
    reach = float(stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(POWER))
    return reach * spread / math.sqrt(clusters)


def visible(rows: Sequence[Row]) -> float:
    """`smallest` before there is a second system: differences are taken to vary as much as the scores themselves."""
    sources: dict[str, list[float]] = {}
    for row in whole(rows):
        if not math.isnan(row.score):
            sources.setdefault(row.cluster, []).append(row.score)
    values = [float(np.mean(scores)) for scores in sources.values()]
    return smallest(float(np.std(values, ddof=1)), len(values)) if len(values) > 1 else math.nan


def against(ours: Sequence[Row], theirs: Sequence[Row]) -> dict[str, Any]:
    """The paired difference of whole items that both have, with its interval, a sign-flip test, wins, and a word.

    'word' is 'better' or 'worse' only where the interval does not contain 0. Raises `ValueError` without a common item.
    """
    left, right = ({(r.item, r.seed): r for r in whole(rows) if not math.isnan(r.score)} for rows in (ours, theirs))
    common = [key for key in left if key in right]
    if not common:
        raise ValueError("the two have no item in common")
    first, second = ([side[key].score for key in common] for side in (left, right))
    clusters = [left[key].cluster for key in common]
    found = paired(first, second, clusters)
    sources: dict[str, list[float]] = {}
    for key, gap in zip(clusters, np.subtract(first, second), strict=True):
        sources.setdefault(key, []).append(float(gap))
    gaps = [float(np.mean(values)) for values in sources.values()]
    wins, ties = sum(a > b for a, b in zip(first, second, strict=True)), sum(map(_same, first, second))
    word = "better" if found.low > 0 else "worse" if found.high < 0 else "not told apart"
    return {
        "difference": found.to_json(),
        "p": sign_flip(gaps),
        "wins": wins,
        "ties": ties,
        "losses": len(common) - wins - ties,
        "win_rate": (wins + 0.5 * ties) / len(common),
        "smallest": smallest(float(np.std(gaps, ddof=1)), len(gaps)) if len(gaps) > 1 else math.nan,
        "word": word,
    }


def _same(a: float, b: float) -> bool:
    return a == b


def sign_flip(gaps: Sequence[float], draws: int = 9_999) -> float:
    """P of a mean at least as far from 0 if the sign of every difference were a coin's; exact for up to 13 of them."""
    if not any(gaps):
        return 1.0
    found = stats.permutation_test(
        (np.asarray(gaps),),
        lambda x, axis=-1: np.mean(x, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=draws,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)
