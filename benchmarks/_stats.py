"""Means with 95 % intervals, clustered where questions share a source (Miller, arXiv:2411.00640, appendix A)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval; `n` values in `clusters` clusters."""

    mean: float
    low: float
    high: float
    n: int
    clusters: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def to_json(self) -> dict[str, float | int]:
        """Plain data, rounded to 4 places."""
        figures = {"mean": self.mean, "low": self.low, "high": self.high}
        return {name: round(value, 4) for name, value in figures.items()} | {"n": self.n, "clusters": self.clusters}


def clustered_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Standard error of the mean with clusters: sqrt(C/(C-1) * sum over clusters of (sum of deviations)^2) / n.

    With one value a cluster it is sd(ddof=1)/sqrt(n). Raises `ValueError` for fewer than two clusters.
    """
    array = np.asarray(values, dtype=float)
    names = {name: k for k, name in enumerate(dict.fromkeys(clusters))}
    if len(names) < 2:
        raise ValueError("an interval needs at least two clusters")
    sums = np.zeros(len(names))
    np.add.at(sums, [names[name] for name in clusters], array - array.mean())
    count = len(names)
    return math.sqrt(count / (count - 1) * float((sums**2).sum())) / len(array)


def estimate(values: Sequence[float], clusters: Sequence[Hashable] | None = None, proportion: bool = True) -> Estimate:
    """Mean and t interval of `values` (NaN values are left out); every value is its own cluster by default.

    A mean without an error (all values equal, as 0 of 50) gets Wilson's interval for a proportion, where the values are
    proportions: an observed 100 % is no certainty. Fewer than two clusters: the interval is NaN.
    """
    rows = [(v, c) for v, c in zip(values, clusters or range(len(values)), strict=True) if not math.isnan(v)]
    if not rows:
        return Estimate(math.nan, math.nan, math.nan, 0, 0)
    kept, names = [v for v, _ in rows], [c for _, c in rows]
    mean, count = float(np.mean(kept)), len(set(names))
    if count < 2:
        return Estimate(mean, math.nan, math.nan, len(kept), count)
    error = clustered_error(kept, names)
    if proportion and error == 0.0 and mean in (0.0, 1.0):
        interval = stats.binomtest(round(mean * count), count).proportion_ci(method="wilson")
        return Estimate(mean, float(interval.low), float(interval.high), len(kept), count)
    reach = float(stats.t.ppf(0.975, count - 1)) * error
    return Estimate(mean, mean - reach, mean + reach, len(kept), count)


def paired(ours: Sequence[float], theirs: Sequence[float], clusters: Sequence[Hashable] | None = None) -> Estimate:
    """Mean difference ours - theirs, item by item, with its interval."""
    return estimate([a - b for a, b in zip(ours, theirs, strict=True)], clusters)


def iqm(values: Sequence[float], clusters: Sequence[Hashable] | None = None, draws: int = 2000) -> Estimate:
    """Interquartile mean (Agarwal et al., arXiv:2108.13264): the mean of the middle half of `values`.

    The interval holds 95 % of `draws` resamples of whole clusters (seeded: the same at every call). NaN values are left
    out; fewer than two clusters: the interval is NaN.
    """
    groups: dict[Hashable, list[float]] = {}
    for value, name in zip(values, clusters or range(len(values)), strict=True):
        if not math.isnan(value):
            groups.setdefault(name, []).append(value)
    parts = [np.asarray(group) for group in groups.values()]
    if not parts:
        return Estimate(math.nan, math.nan, math.nan, 0, 0)
    whole, low, high = np.concatenate(parts), math.nan, math.nan
    if len(parts) > 1:
        picks = np.random.default_rng(0).integers(len(parts), size=(draws, len(parts)))
        again = [_middle(np.concatenate([parts[k] for k in row])) for row in picks]
        low, high = (float(edge) for edge in np.quantile(again, (0.025, 0.975)))
    return Estimate(_middle(whole), low, high, len(whole), len(parts))


def _middle(values: np.ndarray) -> float:
    """Mean without the lowest and the highest quarter, each rounded down (as `scipy.stats.trim_mean(values, 0.25)`)."""
    cut = len(values) // 4
    return float(np.sort(values)[cut : len(values) - cut].mean())


def ratio(tops: Sequence[float], bottoms: Sequence[float], draws: int = 2000) -> Estimate:
    """Mean of `tops` over mean of `bottoms`, item by item the same clusters; 95 % of seeded resamples of the items.

    NaN where the mean of `bottoms` is not above 0; resamples where it is not are left out.
    """
    top, bottom, count = np.asarray(tops, float), np.asarray(bottoms, float), len(tops)
    if not count or bottom.mean() <= 1e-9:
        return Estimate(math.nan, math.nan, math.nan, count, count)
    picks = np.random.default_rng(0).integers(count, size=(draws, count))
    above, below = top[picks].mean(axis=1), bottom[picks].mean(axis=1)
    again = above[below > 1e-9] / below[below > 1e-9]
    low, high = (float(edge) for edge in np.quantile(again, (0.025, 0.975)))
    return Estimate(float(top.mean() / bottom.mean()), low, high, count, count)


def superior(ours: Sequence[float], theirs: Sequence[float], draws: int = 2000) -> float:
    """Share of seeded resamples of the items in which the mean of `ours` is above that of `theirs`, ties as a half."""
    gaps = np.asarray(ours, float) - np.asarray(theirs, float)
    means = gaps[np.random.default_rng(0).integers(len(gaps), size=(draws, len(gaps)))].mean(axis=1)
    return float((means > 1e-12).mean() + 0.5 * (np.abs(means) <= 1e-12).mean())
