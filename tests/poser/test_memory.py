"""Answers of a critic, kept in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from poser.llm import answers as memory
from poser.llm.answers import Answers
from poser.types import PoserError


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


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite"
    file.write_text("not a database, but long enough to be looked at " * 40)
    with pytest.raises(PoserError, match="delete it"):
        Answers(file)
