"""Benchmarks of the field: true formats, official figures on golden vectors, malformed data in one line."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest

from benchmarks import dsg, geneval2
from benchmarks._harness.data import BadData
from benchmarks._harness.graph import counted
from benchmarks._harness.run import main
from benchmarks._harness.types import WHOLE
from tests.benchmarks.field_world import BENCH_DATA, Says, answers

released = pytest.mark.skipif(not BENCH_DATA.is_dir(), reason="the public data is not beside the project")


def geneval2_data(folder: Path) -> Path:
    """Two prompts in the true format."""
    asked = [["How many pigs are in the image?", "two"], ["Is the pig green?", "Yes"]]
    rows = [
        {"prompt": "two green pigs", "atom_count": 3, "vqa_list": asked, "skills": ["count", "attribute"]},
        {"prompt": "a hat", "atom_count": 1, "vqa_list": [["Are there any hats?", "Yes"]], "skills": ["object"]},
    ]
    (folder / "geneval2_data.jsonl").write_text("".join(json.dumps(row) + "\r\n" for row in rows))
    return folder


def test_geneval2_reads_asks_and_adds_up(tmp_path: Path) -> None:
    items = geneval2.BENCHMARK.tasks(geneval2_data(tmp_path))
    judge = Says(lambda ask: 0.25 if ask.wanted.startswith("two") else 1.0)
    found = geneval2.BENCHMARK.score(items[0], (), judge, 0)
    assert [ask.wanted for ask in judge.asked] == ["two|2", "yes"] and judge.asked[0].text.endswith("in one word.")
    assert found[-1].question == WHOLE and found[-1].score == pytest.approx(0.5)
    none = geneval2.BENCHMARK.score(items[0], (), Says(lambda _: math.nan), 0)
    assert math.isnan(none[-1].score)


def test_geneval2_runs_from_recorded_answers(tmp_path: Path) -> None:
    data = geneval2_data(tmp_path)
    recorded = answers(tmp_path / "a.jsonl", [("0000", "q0", 0.25), ("0000", "q1", 1.0), ("0001", "q0", 1.0)])
    out = tmp_path / "out"
    asked = ["--data", str(data), "--system", "none", "--judge", f"recorded:{recorded}", "--out", str(out)]
    assert main(geneval2.BENCHMARK, asked) == 0
    totals = json.loads((out / "result.json").read_text())["totals"]
    assert totals == {"Soft-TIFA GM": pytest.approx(75.0), "Soft-TIFA AM": pytest.approx(100 * (0.625 + 1) / 2)}


@pytest.mark.parametrize("change", [{"prompt": None}, {"vqa_list": []}, {"skills": ["count"]}, {"atom_count": "3"}])
def test_geneval2_names_the_line_that_is_wrong(tmp_path: Path, change: dict[str, object]) -> None:
    path = geneval2_data(tmp_path) / "geneval2_data.jsonl"
    first = json.loads(path.read_text().split("\n")[0])
    path.write_text(json.dumps(first | change) + "\n")
    with pytest.raises(BadData, match="line 1"):
        geneval2.BENCHMARK.tasks(tmp_path)


@released
def test_soft_tifa_agrees_with_the_golden_vectors() -> None:
    for vector in json.loads((BENCH_DATA / "golden" / "soft_tifa.json").read_text()):
        assert geneval2.soft_tifa(vector["atom_probs"]) == pytest.approx((vector["am"], vector["gm"]), abs=1e-12)
    assert len(geneval2.BENCHMARK.tasks(BENCH_DATA / "geneval2")) == 800


def dsg_data(folder: Path, dependency: str = "1") -> Path:
    """One prompt of two questions, the second of which depends on the first."""
    rows = [
        ("whoops_1", "A cat", "1", "0", "entity", "Is there a cat?"),
        ("whoops_1", "A cat", "2", dependency, "attribute", "Is the cat blue?"),
    ]
    with (folder / "dsg-1k-anns.csv").open("w", newline="") as file:
        csv.writer(file).writerows([dsg.COLUMNS, *rows])
    return folder


@pytest.mark.parametrize(("dependency", "score"), [("1", 0.0), ("0", 0.5), ("x", 0.5), ("9", 0.5)])
def test_dsg_counts_a_question_only_under_its_parents(tmp_path: Path, dependency: str, score: float) -> None:
    item = dsg.BENCHMARK.tasks(dsg_data(tmp_path, dependency))[0]
    assert item.group == "defying"
    found = dsg.BENCHMARK.score(item, (), Says(lambda ask: float(ask.key == "2")), 0)
    assert found[-1].score == score


def test_a_zero_passes_on_only_where_that_is_the_rule() -> None:
    yes, parents = [0.0, 1.0, 1.0], [[], [0], [1]]
    assert counted(yes, parents) == [0.0, 0.0, 1.0]
    assert counted(yes, parents, transitive=True) == [0.0, 0.0, 0.0]


@released
def test_dsgs_released_answers_give_its_published_figures(tmp_path: Path) -> None:
    golden = json.loads((BENCH_DATA / "golden" / "dsg1k_sd21_pali.json").read_text())
    judge = f"recorded:{BENCH_DATA / 'dsg1k' / 'vqa_answers_release' / 'pali17b_dsg.csv'}#sd2dot1"
    out = tmp_path / "out"
    assert (
        main(
            dsg.BENCHMARK,
            ["--data", str(BENCH_DATA / "dsg1k"), "--system", "none", "--judge", judge, "--out", str(out)],
        )
        == 0
    )
    result = json.loads((out / "result.json").read_text())
    assert {name: round(value, 1) for name, value in result["totals"].items()} == golden[
        "expected_percent_official_dependency"
    ]
    assert result["items"] == golden["items"]["all"]
