"""The counts of the reliability page: each part in small, and the page out of them."""

from __future__ import annotations

import logging
import time

import pytest

from benchmarks.reliability import faults, pixels, services
from benchmarks.reliability.__main__ import PARTS, page
from tests.experts.fault_plan import FREE, Plan


@pytest.mark.parametrize("steps", [1500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_fault_of_an_expert_or_critic_is_a_crash(steps: int) -> None:
    found = faults.measure(steps, 1)
    assert logging.root.manager.disable == logging.NOTSET, "what others warn of is heard again"
    assert found["steps"] >= steps and found["faults"] > steps / 8 and found["kinds"] > 45
    assert (found["crashes"], found["lost"], found["endless"], found["odd"]) == (0, 0, 0, 0)
    assert found["steps"] > 2 * found["episodes"]


class Stalling(Plan):
    """A machine that stands still for longer than a slow server is waited for, just before it says that nothing was
    made."""

    def __call__(self) -> str | None:
        fault = super().__call__()
        if fault in FREE:
            time.sleep(1.5 * services.TIMEOUT)
        return fault


@pytest.mark.parametrize("plan", [Plan, Stalling])
def test_no_picture_is_paid_twice(plan: type[Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "Plan", plan)
    found = services.measure(60, 1)
    assert found["most_payments"] == 1 and found["calls"] < found["requests"] <= 1.3 * found["calls"]
    assert found["balanced"] and found["delivered"] + found["lost"] <= found["calls"]


def test_a_large_picture_is_hashed_once() -> None:
    found = pixels.measure(2, 0)
    assert found["digests"] == 1 and found["steps"] == 2 and found["orchestration"] > 0


def test_the_page_has_a_row_a_part() -> None:
    rows = page([{"part": part, "test": "t", "found": "f", "command": f"--part {part}"} for part in reversed(PARTS)])
    assert [line.rpartition(" ")[0][-12:] for line in rows.splitlines()[2:]] and rows.index(PARTS[0]) < rows.index(
        PARTS[1]
    )
