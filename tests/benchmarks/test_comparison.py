"""`benchmarks.compare --page`: one page with tables and pairs of pictures; runs without pictures are compared too."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import compare, geneval2
from benchmarks._harness.run import main
from tests.benchmarks.field_world import answers
from tests.benchmarks.test_field import geneval2_data


def ran(data: Path, out: Path, system: str, chance: float) -> Path:
    """A run of the two prompts: one is as likely right as `chance`, the other surely."""
    recorded = answers(data / "a.jsonl", [("0000", "q0", chance), ("0000", "q1", 1.0), ("0001", "q0", 1 - chance)])
    asked = ["--data", str(data), "--system", system, "--judge", f"recorded:{recorded}", "--out", str(out)]
    assert main(geneval2.BENCHMARK, asked) == 0
    return out


def pictures(folder: Path, colour: str) -> str:
    """A system's pictures, by item."""
    folder.mkdir()
    for item in ("0000", "0001"):
        Image.new("RGB", (40, 40), colour).save(folder / f"{item}.png")
    return f"folder:{folder}"


def test_a_page_shows_tables_and_pairs_of_pictures(tmp_path: Path) -> None:
    data = geneval2_data(tmp_path)
    a = ran(data, tmp_path / "out-a", pictures(tmp_path / "<b>a", "red"), 0.81)
    b = ran(data, tmp_path / "out-b", pictures(tmp_path / "b", "blue"), 0.25)
    said = answers(tmp_path / "votes.jsonl", [("0000", "ab", 0.9), ("0000", "ba", 0.1)])
    page = tmp_path / "page.html"
    assert compare.main([str(a), str(b), "--judge", f"recorded:{said}", "--page", str(page)]) == 0
    words = page.read_text()
    assert "Item scores, paired" in words and "Judge, blind, both orders" in words and "Bradley-Terry, judge" in words
    assert words.count("data:image") == 4 and "+0.400" in words and "-0.560" in words, (
        "best for either, two pictures each"
    )
    assert "two green pigs" in words and re.search(r"judge: folder:\S+a ·", words)
    assert "<b>a" not in words and "&lt;b&gt;a" in words and "://" not in words, (
        "it stands alone, and names are escaped"
    )


def test_runs_of_recorded_answers_have_no_pictures_and_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = geneval2_data(tmp_path)
    runs = [str(ran(data, tmp_path / name, "none", chance)) for name, chance in (("a", 0.81), ("b", 0.25))]
    page = tmp_path / "page.html"
    capsys.readouterr()
    assert compare.main([*runs, "--json", "--page", str(page)]) == 0
    (row,) = json.loads(capsys.readouterr().out)["scores"]
    assert row["wins"] == row["losses"] == 1 and "Item scores, paired" in page.read_text()
    assert compare.main([*runs, "--judge", f"recorded:{tmp_path / 'a.jsonl'}"]) == 2
    assert "have pictures for a judge" in capsys.readouterr().err
