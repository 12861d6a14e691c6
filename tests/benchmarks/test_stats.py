"""Intervals: known values, golden vectors where they are at hand, and the edges."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.stats import clustered_error, estimate, paired

GOLDEN = Path(__file__).parents[3] / "shared" / "bench_data" / "golden" / "inspect_stderr.json"


def test_one_value_a_cluster_is_the_textbook_error() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0]
    assert clustered_error(values, range(5)) == pytest.approx(np.std(values, ddof=1) / math.sqrt(5))


def test_equal_values_in_a_cluster_count_once() -> None:
    doubled = [v for v in (0.0, 1.0, 1.0, 0.0) for _ in range(2)]
    names = [k for k in range(4) for _ in range(2)]
    assert clustered_error(doubled, names) == pytest.approx(clustered_error([0.0, 1.0, 1.0, 0.0], range(4)))


@pytest.mark.skipif(not GOLDEN.exists(), reason="golden vectors are not beside this checkout")
def test_golden_vectors() -> None:
    cases = json.loads(GOLDEN.read_text())
    for case in cases["vectors"] if isinstance(cases, dict) else cases:
        values = [v for cluster in case["clusters"] for v in cluster]
        names = [k for k, cluster in enumerate(case["clusters"]) for _ in cluster]
        assert np.mean(values) == pytest.approx(case["mean"])
        assert clustered_error(values, names) == pytest.approx(case["clustered_se"])
        assert clustered_error(values, range(len(values))) == pytest.approx(case["clt_se"])


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
