"""When a run has learned most of what it will."""

from __future__ import annotations

from benchmarks.learning import reached


def test_the_first_measurement_at_nine_tenths_of_the_last_counts() -> None:
    rows = [{"calls": 100 * k, "returns": value} for k, value in enumerate((0.5, 0.85, 0.91, 0.88, 1.0), 1)]
    assert reached(rows) == 300
    assert reached(rows[:1]) == 100
