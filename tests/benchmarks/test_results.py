"""What every benchmark does with its figures: strict JSON, rows beside it, a name of one's own."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import pytest

from benchmarks import _results
from benchmarks._results import command_line, load, number, publish, span, verdict, with_origin


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_results, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def test_figures_and_rows_are_saved_side_by_side(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = command_line("some", "").parse_args(["--save", "--json"])
    figures = with_origin({"mean": 0.5, "kept": math.nan}, "some")
    assert publish(asked, "some", figures, str, [{"task": "a", "kept": math.nan}, {"task": "b", "kept": 1.0}]) == 0
    assert load("some") == figures == json.loads(capsys.readouterr().out)
    assert figures["kept"] is None and figures["command"].startswith("python -m benchmarks.some")
    rows = gzip.decompress((folder / "some.jsonl.gz").read_bytes()).decode().splitlines()
    assert [json.loads(row) for row in rows] == [{"task": "a", "kept": None}, {"task": "b", "kept": 1.0}]


def test_a_result_may_have_a_name_of_its_own_and_none_is_saved_unasked(folder: Path) -> None:
    figures = {"mean": 0.5}
    publish(command_line("some", "").parse_args([]), "some", figures, str)
    assert not folder.exists()
    publish(command_line("some", "").parse_args(["--save", "other"]), "some", figures, str)
    assert [file.name for file in folder.iterdir()] == ["other.json"]


def test_what_is_no_number_is_a_dash_and_what_excludes_0_is_bold() -> None:
    assert number(None) == number(math.nan) == "–" and number(0.614) == "0.61"
    assert span({"mean": 0.5, "low": None, "high": 0.6}) == "0.50 [–, 0.60]"
    assert verdict({"mean": 0.05, "low": 0.01, "high": 0.09}) == "**+0.050 [+0.010, +0.090]**"
    assert "**" not in verdict({"mean": 0.05, "low": -0.01, "high": 0.09})


def test_a_result_names_no_place_of_one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["x", "--data", "/home/somebody/bench", "--judge", "recorded:/a/b/c.csv#m", "--out", "out/mine"]
    monkeypatch.setattr("sys.argv", asked)
    told = with_origin({}, "dsg")["command"]
    assert told == "python -m benchmarks.dsg --data bench --judge recorded:c.csv#m --out out/mine"
