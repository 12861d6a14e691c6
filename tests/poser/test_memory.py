"""Answers of a critic, kept in a file."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import pytest

from poser.llm import answers as memory
from poser.llm.answers import Answers, as_text


def test_another_process_finds_them_and_another_model_does_not(tmp_path: Path) -> None:
    file, key = tmp_path / "deep" / "answers.sqlite", ("digest", "is it red?")
    Answers(file, "one").put({key: 0.25})
    assert Answers(file, "one").get([key, ("digest", "other")]) == {key: 0.25}
    assert Answers(file, "two").get([key]) == {}


def test_memory_is_bounded_and_the_file_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LIMIT", 2)
    keys = [("d", str(k)) for k in range(4)]
    loose, kept = Answers(), Answers(tmp_path / "a.sqlite")
    for answers in (loose, kept):
        answers.put({key: 0.5 for key in keys})
    assert set(loose.get(keys)) == set(keys[2:])
    assert set(kept.get(keys)) == set(keys)


KEY = ("digest", "is it red?")


def test_a_file_that_is_no_database_is_said_and_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "a.sqlite"
    file.write_text("not a database, but long enough to be looked at " * 40)
    answers: Answers[float] = Answers(file)
    answers.put({KEY: 0.5})
    assert answers.get([KEY]) == {KEY: 0.5} and len(caplog.records) == 1 and "delete it" in caplog.text


@pytest.mark.parametrize("value", [7.5, -0.1, math.inf, "0.5", b"\x00", None])
def test_a_row_that_is_no_probability_is_dropped(
    value: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, other = tmp_path / "a.sqlite", ("digest", "is it blue?")
    Answers(file, "one").put({KEY: 0.25, other: 0.75})
    with sqlite3.connect(file) as rows:
        rows.execute("update kept set answer = ? where key = ?", (value, Answers(None, "one")._name(KEY)))
    answers: Answers[float] = Answers(file, "one")
    assert answers.get([KEY, other]) == {other: 0.75} and len(caplog.records) == 1
    assert len(sqlite3.connect(file).execute("select * from kept").fetchall()) == 1


@pytest.mark.parametrize("damage", ["cut", "foreign", "gone"])
def test_a_file_that_breaks_under_way_ends_nothing(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "a.sqlite"
    answers: Answers[float] = Answers(file)
    answers.put({("d", str(k)): 0.5 for k in range(2000)})
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:5000])
    elif damage == "foreign":
        with sqlite3.connect(file) as rows:
            rows.execute("drop table kept")
    else:
        assert answers._file is not None
        answers._file.close()
    answers._kept.clear()
    answers.get([("d", str(k)) for k in range(2000)])
    answers.put({KEY: 0.5})
    assert answers.get([KEY]) == {KEY: 0.5} and len(caplog.records) == 1


def test_a_text_that_cannot_be_written_stays_in_memory(tmp_path: Path) -> None:
    answers: Answers[str] = Answers(tmp_path / "a.sqlite", "", as_text)
    answers.put({KEY: "\ud800"})
    answers.put({("d", "q"): "fine"})
    assert answers.get([KEY]) == {KEY: "\ud800"}
    assert Answers(tmp_path / "a.sqlite", "", as_text).get([("d", "q")]) == {("d", "q"): "fine"}
