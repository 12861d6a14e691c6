"""Intervals: values worked out by hand, and the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks._stats import clustered_error, estimate, paired


def test_one_value_a_cluster_is_the_textbook_error() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0]
    assert clustered_error(values, range(5)) == pytest.approx(np.std(values, ddof=1) / math.sqrt(5))


def test_equal_values_in_a_cluster_count_once() -> None:
    doubled = [v for v in (0.0, 1.0, 1.0, 0.0) for _ in range(2)]
    names = [k for k in range(4) for _ in range(2)]
    assert clustered_error(doubled, names) == pytest.approx(clustered_error([0.0, 1.0, 1.0, 0.0], range(4)))


def test_clustered_and_plain_errors_by_hand() -> None:
    """Clusters (1 1), (0 0), (1 0): their sums of deviations from 1/2 are 1, -1 and 0."""
    values, names = [1.0, 1.0, 0.0, 0.0, 1.0, 0.0], ["a", "a", "b", "b", "c", "c"]
    found = estimate(values, names)
    assert (found.mean, found.n, found.clusters) == (0.5, 6, 3)
    assert clustered_error(values, names) == pytest.approx(math.sqrt(3 / 2 * 2) / 6)
    assert clustered_error(values, range(6)) == pytest.approx(math.sqrt(6 * 0.25 / 5) / math.sqrt(6))
    assert found.high - found.mean == pytest.approx(4.302653 * math.sqrt(3) / 6, rel=1e-6)  # t of 2 degrees, 97.5 %


def test_clusters_of_different_sizes_by_hand() -> None:
    """Clusters (1 0 1), (0): the mean is 1/2, their sums of deviations are 1/2 and -1/2."""
    assert clustered_error([1.0, 0.0, 1.0, 0.0], ["a", "a", "a", "b"]) == pytest.approx(math.sqrt(2 * 0.5) / 4)


def test_missing_values_are_left_out_and_never_zeros() -> None:
    found = estimate([1.0, math.nan, 0.0, 1.0])
    assert found.n == 3 and found.mean == pytest.approx(2 / 3)
    assert estimate([math.nan]).n == 0


def test_all_right_is_no_certainty() -> None:
    found = estimate([1.0] * 50)
    assert found.mean == 1.0 and 0.9 < found.low < 1.0


def test_paired_differences() -> None:
    found = paired([0.9, 0.8, 0.7], [0.5, 0.5, 0.5])
    assert found.mean == pytest.approx(0.3) and found.low < 0.3 < found.high


def test_one_cluster_has_no_interval() -> None:
    with pytest.raises(ValueError, match="two clusters"):
        clustered_error([1.0, 0.0], ["a", "a"])
    assert math.isnan(estimate([1.0, 0.0], ["a", "a"]).low)
