"""Runs and trainings that are killed end as the uninterrupted ones; the long forms are in `benchmarks.reliability`."""

from __future__ import annotations

import random
import signal
from functools import partial
from pathlib import Path

import pytest

from benchmarks.reliability import kills, runs, trainings
from benchmarks.reliability.killing import Subject, at_each, at_random

NAME = "halted"


def test_a_run_killed_at_its_file_operations(tmp_path: Path) -> None:
    with runs.place(0.0) as (home, preset):
        count = kills.operations(runs.order(preset, "counted"), home)
        assert count > 60
        for k in (2, 7, 11, count // 2, count - 4, count - 1):
            stop = partial(kills.killed_at, k=k, folder=home)
            assert stop(runs.order(preset, f"x{k}")) == -signal.SIGKILL
            assert runs.trial(home, preset, f"k{k}", stop, random.Random(0), 0.0) == [], k


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_a_report_and_a_run_that_goes_on(number: int, code: int) -> None:
    with runs.place(0.3) as (home, preset):
        said = home / "said"
        assert kills.stopped(runs.order(preset, NAME), 0.9, home, number, said) == code
        words = said.read_text()
        assert "interrupted" in words and "Traceback" not in words
        assert (home / NAME / "report.html").exists() == ("--resume halted" in words)
        runs.ended(preset, home, NAME, said)
        assert runs.differences(home / NAME, home / "whole") == []


def test_two_processes_on_one_folder_and_the_second_is_refused() -> None:
    with runs.place(0.3) as (home, preset):
        first = kills.begun(runs.order(preset, NAME), home)
        kills.until(lambda: (home / NAME / "trajectory.jsonl").exists())
        for work in (
            runs.order(preset, NAME),
            runs.order(preset, NAME, "--overwrite"),
            runs.resume(NAME),
        ):
            said = home / f"{len(list(home.iterdir()))}.said"
            assert kills.run(work, home, said) == 2
            assert said.read_text().count("\n") == 1
        assert kills.ended(first) in (0, 3)
        assert runs.differences(home / NAME, home / "whole") == []


def test_a_training_killed_at_its_file_operations() -> None:
    """In its probe, in its first checkpoint, between weights and JSON of a policy, in its last words."""
    with trainings.place() as (home, preset):
        count = kills.operations(trainings.order(preset, "counted"), home)
        for k in (count // 2, count - 3):
            stop = partial(kills.killed_at, k=k, folder=home)
            assert trainings.trial(home, preset, f"k{k}", stop, random.Random(0), 0.0) == [], k


@pytest.mark.slow
def test_every_file_operation_of_a_run_and_of_a_training() -> None:
    for part in (runs, trainings):
        found = part.every()
        assert found["bad"] == [], found


def test_trials_at_random_and_at_each_operation_count_what_they_did():
    few = Subject(partial(runs.place, 0.0), runs.order, runs.trial)
    killed, bad = at_random(few, 2, 0)
    assert killed >= 0 and bad == []
    count, tried, bad = at_each(few, 40)
    assert count > 40 and tried == len(range(1, count + 1, 40)) and bad == []
