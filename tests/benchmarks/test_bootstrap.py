"""Intervals over tasks and seeds, Holm, profiles: on values whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks._bootstrap import crossed, difference, holm, improvement, profile, share_of_gain


def test_seeds_that_differ_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    tasks = rng.normal(0.5, 0.1, (1, 400))
    alike, apart = np.repeat(tasks, 5, axis=0), tasks + np.asarray([[-0.2], [-0.1], [0], [0.1], [0.2]])
    one, other = crossed(alike), crossed(apart)
    assert one.mean == pytest.approx(other.mean, abs=1e-9)
    assert one.high - one.low == pytest.approx(2 * 1.96 * 0.1 / 20, rel=0.15)  # that of 400 tasks alone
    assert other.high - other.low > 5 * (one.high - one.low)


def test_missing_episodes_are_left_out_and_one_task_has_no_interval() -> None:
    matrix = np.asarray([[1.0, np.nan, 0.0], [1.0, np.nan, 0.0]])
    found = crossed(matrix)
    assert (found.mean, found.n, found.clusters) == (0.5, 4, 2)
    assert math.isnan(crossed(np.ones((3, 1))).low)


def test_differences_are_paired_by_task() -> None:
    rng = np.random.default_rng(1)
    hard = rng.random((1, 300))  # tasks differ much more than the two rungs do
    ours, theirs = hard + 0.02 + rng.normal(0, 0.02, (1, 300)), hard + rng.normal(0, 0.02, (1, 300))
    found, p = difference(ours, theirs)
    assert 0 < found.low < 0.02 < found.high < 0.03 and p < 0.01
    same, certain = difference(ours, ours)
    assert (same.mean, certain) == (0.0, 1.0)


def test_holm_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0} and holm({}) == {}


def test_improvement_counts_every_pair_of_seeds_and_ties_as_halves() -> None:
    ours, theirs = np.asarray([[1.0, 0.5], [0.0, 0.5]]), np.asarray([[0.5, 0.5]])
    assert improvement(ours, theirs).mean == pytest.approx(0.5)
    assert improvement(ours[:1], theirs).mean == pytest.approx(0.75)
    assert improvement(np.ones((2, 9)), np.zeros((2, 9))).low == pytest.approx(1.0)


def test_share_of_a_gain_and_profiles() -> None:
    base, top, rung = (np.asarray([values]) for values in ([0.2, 0.4], [1.0, 0.8], [0.6, 0.6]))
    assert share_of_gain(rung, base, top).mean == pytest.approx(0.5)
    assert math.isnan(share_of_gain(rung, base, base).mean)
    assert profile(np.asarray([[0.0, 0.5, 1.0, 1.0]]), (0.0, 0.5, 1.0)) == [1.0, 0.75, 0.5]
