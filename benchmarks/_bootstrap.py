"""Intervals over tasks and seeds at once, and what a ladder of many rungs needs: Holm, profiles, improvement.

A rung is a matrix float64 [S, T]: a row a seed (a policy trained or drawn anew), a column a task. Tasks and seeds are
drawn again together, crossed: whole rows and whole columns (Owen, 'The pigeonhole bootstrap', Annals of Applied
Statistics 2007, doi:10.1214/07-AOAS122). Two rungs share the tasks of a draw, not its seeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from benchmarks._stats import Estimate

DRAWS = 4000
"""Resamples: a p-value is no less than 2 / (DRAWS + 1)."""


@lru_cache(maxsize=16)
def _weights(salt: int, count: int) -> np.ndarray:
    """How often each of `count` is drawn, as a share of the draw, [DRAWS, count]; the same at every call."""
    rng = np.random.default_rng((salt, count))
    return rng.multinomial(count, np.full(count, 1 / count), size=DRAWS) / count


def _tasks(count: int) -> np.ndarray:
    return _weights(0, count)


def _means(matrix: np.ndarray, salt: int) -> np.ndarray:
    """The mean of every resample, [DRAWS]; NaN entries are left out."""
    seeds, tasks = _weights(salt, len(matrix)), _tasks(matrix.shape[1])
    there = ~np.isnan(matrix)
    top = ((seeds @ np.where(there, matrix, 0.0)) * tasks).sum(axis=1)
    bottom = ((seeds @ there.astype(float)) * tasks).sum(axis=1)
    return np.divide(top, bottom, out=np.full(DRAWS, np.nan), where=bottom > 0)


def _spanned(mean: float, again: np.ndarray, matrix: np.ndarray) -> Estimate:
    known = again[~np.isnan(again)]
    count, clusters = int((~np.isnan(matrix)).sum()), int((~np.isnan(matrix)).any(axis=0).sum())
    if clusters < 2 or not len(known):
        return Estimate(mean, math.nan, math.nan, count, clusters)
    low, high = (float(edge) for edge in np.quantile(known, (0.025, 0.975)))
    return Estimate(mean, low, high, count, clusters)


def crossed(matrix: np.ndarray) -> Estimate:
    """Mean of a rung with its interval over tasks and seeds; fewer than two tasks: the interval is NaN."""
    mean = float(np.nanmean(matrix)) if (~np.isnan(matrix)).any() else math.nan
    return _spanned(mean, _means(matrix, 1), matrix)


def difference(ours: np.ndarray, theirs: np.ndarray) -> tuple[Estimate, float]:
    """Mean of ours less theirs, task by task, with its interval, and the two-sided p of 'there is none'.

    p is twice the share of resamples on the other side of 0, one counted on top: 1 where both are alike everywhere.
    """
    again = _means(ours, 1) - _means(theirs, 2)
    mean = float(np.nanmean(ours) - np.nanmean(theirs))
    less, more = (float(((again <= 0).sum() + 1) / (DRAWS + 1)), float(((again >= 0).sum() + 1) / (DRAWS + 1)))
    return _spanned(mean, again, ours), min(1.0, 2 * min(less, more))


def share_of_gain(rung: np.ndarray, base: np.ndarray, top: np.ndarray) -> Estimate:
    """(rung - base) / (top - base), means over the same tasks; NaN where top gains nothing over base."""
    whole = float(np.nanmean(top) - np.nanmean(base))
    if not whole > 1e-9:
        return Estimate(math.nan, math.nan, math.nan, rung.size, rung.shape[1])
    low = _means(base, 2)
    above = _means(top, 3) - low
    again = np.divide(_means(rung, 1) - low, above, out=np.full(DRAWS, np.nan), where=above > 1e-9)
    return _spanned(float(np.nanmean(rung) - np.nanmean(base)) / whole, again, rung)


def improvement(ours: np.ndarray, theirs: np.ndarray, tie: float = 1e-9) -> Estimate:
    """P(ours better) + half of the ties on a task, over every pair of seeds (Agarwal et al., arXiv:2108.13264); what
    differs by `tie` at most is one."""
    gaps = ours[:, None, :] - theirs[None, :, :]
    wins = np.where(np.abs(gaps) <= tie, 0.5, (gaps > 0).astype(float))
    tasks = _tasks(ours.shape[1])
    first, second = _weights(1, len(ours)), _weights(2, len(theirs))
    again = np.zeros(DRAWS)
    for k in range(len(theirs)):
        again += second[:, k] * ((first @ wins[:, k]) * tasks).sum(axis=1)
    return _spanned(float(wins.mean()), again, wins.mean(axis=(0, 1))[None])


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P-values corrected for their number (Holm 1979): all below .05 hold with at most 5 % chance of a false one."""
    found, last = dict[str, float](), 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        last = max(last, min(1.0, (len(p_values) - rank) * p_values[name]))
        found[name] = last
    return {name: found[name] for name in p_values}


def profile(matrix: np.ndarray, levels: Sequence[float]) -> list[float]:
    """The performance profile: share of runs that come to at least each level (Agarwal et al., figure 4)."""
    return [float((matrix >= level - 1e-9).mean()) for level in levels]
