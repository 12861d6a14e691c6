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
