"""Benchmarks of edits: true formats, official rules, missing photographs are no verdict."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import gedit, i2ebench, imgedit
from benchmarks._harness import viescore
from benchmarks._harness.data import BadData
from benchmarks._harness.run import main
from benchmarks._harness.types import WHOLE, Row
from tests.benchmarks.field_world import BENCH_DATA, Draws, Says, answers

released = pytest.mark.skipif(not BENCH_DATA.is_dir(), reason="the public data is not beside the project")


def picture(path: Path, colour: str = "green", size: tuple[int, int] = (40, 30)) -> Path:
    """A photograph."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def gedit_data(folder: Path) -> Path:
    """Two edits of one kind and one of another."""
    rows = {
        f"k{n}": {"prompt": f"edit {n}", "id": f"fullset/{kind}/en/k{n}.png", "edit_type": kind}
        for n, kind in enumerate(("color_alter", "color_alter", "subject-add"))
    }
    (folder / "gedit_edit.json").write_text(json.dumps(rows))
    for row in rows.values():
        picture(folder / row["id"])
    told = folder / "prompts_0shot"
    told.mkdir()
    for name, words in zip(viescore.FILES, ("Two images.", "Rate: <instruction>", "Rate the picture."), strict=True):
        (told / name).write_text(words)
    return folder


def test_gedit_is_rated_per_sample_and_averaged_by_kind(tmp_path: Path) -> None:
    bench, data = gedit.BENCHMARK, gedit_data(tmp_path)
    items = bench.tasks(data)
    ratings = {"k0": ([8, 6], [9, 7]), "k1": ([10, 0], [9, 9]), "k2": ([4, 4], [4, 5])}
    judge = Says(lambda ask: ratings[ask.item][ask.key == "PQ"])
    drawn = Image.new("RGB", (64, 64))
    scored = {item.id: bench.score(item, [drawn], judge, 0) for item in items}
    assert [round(rows[-1].score, 4) for rows in scored.values()] == [6.4807, 0.0, 4.0]
    first = judge.asked[0]
    assert "Rate: edit 0" in first.text and [p.size for p in first.pictures] == [(40, 30), (40, 30)]
    rows = [
        Row("gedit", i.id, i.group, i.id, 0, "s", s.question, s.skill, s.score) for i in items for s in scored[i.id]
    ]
    totals = bench.totals(rows)
    assert totals["G_O"] == pytest.approx((6.480741 / 2 + 4) / 2, abs=1e-6) and totals["G_SC"] == pytest.approx(3.5)


def test_an_edit_without_its_photograph_or_rating_has_no_verdict(tmp_path: Path) -> None:
    data = gedit_data(tmp_path)
    (data / "fullset" / "color_alter" / "en" / "k0.png").unlink()
    items = gedit.BENCHMARK.tasks(data)
    found = gedit.BENCHMARK.score(items[0], [Image.new("RGB", (9, 9))], Says(lambda _: []), 0)
    assert math.isnan(found[-1].score)
    assert Draws()(items[:1], 0)[0].pictures, "only the judge needs it"


@released
def test_viescore_agrees_with_the_golden_vectors() -> None:
    for vector in json.loads((BENCH_DATA / "golden" / "viescore.json").read_text()):
        assert viescore.overall(vector["SC"], vector["PQ"]) == pytest.approx((vector["sc"], vector["pq"], vector["O"]))
    assert len(gedit.BENCHMARK.tasks(BENCH_DATA)) == 604 and len(imgedit.BENCHMARK.tasks(BENCH_DATA)) == 737


def imgedit_data(folder: Path) -> Path:
    """Two kinds, one under its older name."""
    rows = {
        "7": {"id": "animal/a.jpg", "prompt": "make it red", "edit_type": "alter"},
        "9": {"id": "animal/b.jpg", "prompt": "add a hat", "edit_type": "add"},
    }
    (folder / "basic_edit.json").write_text(json.dumps(rows), encoding="utf-8-sig")
    (folder / "prompts.json").write_text(json.dumps({"adjust": "A: <edit_prompt>", "add": "B: <edit_prompt>"}))
    for row in rows.values():
        picture(folder / row["id"])
    return folder


def test_imgedit_takes_three_ratings_and_means_of_kinds(tmp_path: Path) -> None:
    data = imgedit_data(tmp_path)
    recorded = answers(tmp_path / "r.jsonl", [("7", "ratings", [5, 4, 4]), ("9", "ratings", [1, 1, 2])])
    theirs = tmp_path / "theirs"
    for key in ("7", "9"):
        picture(theirs / f"{key}.png")
    asked = ["--data", str(data), "--system", f"folder:{theirs}", "--judge", f"recorded:{recorded}"]
    assert main(imgedit.BENCHMARK, [*asked, "--out", str(tmp_path / "out")]) == 0
    totals = json.loads((tmp_path / "out" / "result.json").read_text())["totals"]
    assert totals == {"overall": pytest.approx((4.33 + 1.33) / 2), "add": 1.33, "adjust": 4.33}
    judge = Says(lambda _: [5, 5])
    item = imgedit.BENCHMARK.tasks(data)[0]
    assert math.isnan(imgedit.BENCHMARK.score(item, [Image.new("RGB", (9, 9))], judge, 0)[-1].score)
    assert judge.asked[0].text == "A: make it red"


@pytest.mark.parametrize("damage", ['{"7": {"id": "a.jpg", "prompt": 3, "edit_type": "add"}}', "[1]", '{"7": 1}', "{}"])
def test_imgedit_names_what_is_wrong(tmp_path: Path, damage: str) -> None:
    (imgedit_data(tmp_path) / "basic_edit.json").write_text(damage)
    with pytest.raises(BadData, match="basic_edit.json"):
        imgedit.BENCHMARK.tasks(tmp_path)


def i2ebench_data(folder: Path) -> Path:
    """One edit a dimension, and a second turn of one."""
    for kind in i2ebench.ALL:
        row = {"image": "0001.png", "ori_exp": f"{kind}!", "div_exp": "", "type": "x"}
        row |= {"Evaluation": "What colour?", "Answer": "red"} if kind in i2ebench.ASKED else {}
        row |= {"style": "oil"} if kind == "StyleAlteration" else {}
        row |= {"mask": "0001.png"} if kind == "RegionAccuracy" else {}
        path = folder / kind / f"{kind}.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"1": row}))
        picture(path.parent / "input" / "0001.png")
        picture(path.parent / "gt" / "0001.png", "red")
    (folder / "Counting" / "Counting_2nd.json").write_text((folder / "Counting" / "Counting.json").read_text())
    picture(folder / "RegionAccuracy" / "mask" / "0001.png", "white")
    return folder


def test_i2ebench_measures_each_dimension_its_own_way(tmp_path: Path) -> None:
    bench, data = i2ebench.BENCHMARK, i2ebench_data(tmp_path)
    items = bench.tasks(data)
    assert len(items) == 17 and items[-1].cluster == "Counting-0001.png"
    judge = Says(lambda ask: 0.3 if ask.kind == "similarity" else 0.9)
    red = Image.new("RGB", (40, 30), "red")
    found = {item.id: bench.score(item, [red], judge, 0)[-1].score for item in items}
    assert found["Counting-0001"] == 1.0 and found["StyleAlteration-0001"] == 0.3
    assert found["Deblurring-0001"] == pytest.approx(1.0) and found["RegionAccuracy-0001"] == 1.0, "all may change"
    picture(data / "RegionAccuracy" / "mask" / "0001.png", "black")
    region = next(item for item in items if item.group == "RegionAccuracy")
    assert bench.score(region, [red], judge, 0)[-1].score == pytest.approx(1 - (1 + 128 / 255) / 3)
    (data / "Deblurring" / "gt" / "0001.png").unlink()
    blurred = next(item for item in items if item.group == "Deblurring")
    assert math.isnan(bench.score(blurred, [red], judge, 0)[-1].score)
    rows = [Row("i", i.id, i.group, i.source, 0, "s", WHOLE, "", found[i.id]) for i in items]
    assert bench.totals(rows)["turn 2"] == 1.0


@released
def test_i2ebench_has_as_many_edits_as_it_says() -> None:
    items = i2ebench.BENCHMARK.tasks(BENCH_DATA)
    turns = [sum(item.group == name for item in items) for name in ("turn 2", "turn 3", "turn 4", "turn 5")]
    assert len(items) - sum(turns) == 2218 and turns == [963, 70, 70, 70]
