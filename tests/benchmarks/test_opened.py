"""A test seed is opened once, and what was cut off may go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.ladder import __main__ as ladder
from benchmarks.ladder import opened
from poser.types import PoserError


@pytest.fixture
def register(tmp_path: Path) -> Path:
    path = tmp_path / "register.json"
    path.write_text('[{"seed": 0, "why": "design"}]')
    return path


def test_a_seed_is_opened_once(tmp_path: Path, register: Path) -> None:
    about = {"tasks": 4, "only": []}
    entry = opened.opened(7, about, tmp_path / "one", register)
    assert opened.read(register)[-1] == entry == {"seed": 7, "tasks": 4, "only": []}
    assert opened.opened(7, about, tmp_path / "one", register) == entry  # it goes on
    assert len(opened.read(register)) == 2
    for folder, other in (("two", about), ("one", {**about, "tasks": 8})):
        with pytest.raises(PoserError, match="test seed 7 was opened before .*--open-test 8"):
            opened.opened(7, other, tmp_path / folder, register)
    opened.finish(tmp_path / "one")
    with pytest.raises(PoserError, match="opened before"):
        opened.opened(7, about, tmp_path / "one", register)


def test_the_seed_of_the_first_ladder_is_in_the_committed_register() -> None:
    entries = opened.read()
    assert 0 in [entry["seed"] for entry in entries]
    assert len({entry["seed"] for entry in entries}) == len(entries)
    with pytest.raises(PoserError, match="was opened before"):
        opened.opened(0, {}, Path("nowhere"))


def test_a_ladder_without_that_word_plays_validation_tasks() -> None:
    assert ladder.arguments([]).split == "validation"
    asked = ladder.arguments(["--open-test", "5"])
    assert (asked.split, asked.seed) == ("test", 5)


def test_the_command_refuses_a_used_seed_before_anything_is_played(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, register: Path
) -> None:
    monkeypatch.setattr(opened, "REGISTER", register)
    monkeypatch.setattr(opened.opened, "__defaults__", (register,))
    monkeypatch.setattr(ladder, "measure", lambda *_: pytest.fail("it was played"))
    before = json.loads(register.read_text())
    assert ladder.main(["--quick", "--open-test", "0", "--folder", str(tmp_path / "run")]) == 2
    assert "test seed 0 was opened before" in capsys.readouterr().err
    assert json.loads(register.read_text()) == before
