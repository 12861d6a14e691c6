"""DPG-Bench, OneIG-Bench and T2I-CoReBench: questions under their parents, grids of pictures, dimensions."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks import dpg_bench, oneig, t2i_corebench
from benchmarks._harness.data import BadData
from benchmarks._harness.graph import cells
from benchmarks._harness.types import WHOLE, Row
from tests.benchmarks.field_world import Says

CHAIN = (
    ("1", "0", "entity - whole (dog)", "Is there a dog?"),
    ("2", "1", "attribute - color (dog, red)", "Is the dog red?"),
    ("3", "2", "relation - spatial (dog, car)", "Is the red dog by a car?"),
)


def dpg_data(folder: Path, dependency: str = "1") -> Path:
    """Two prompts of three questions, each of which depends on the one before it."""
    head = ("item_id", "text", "keywords", "proposition_id", "dependency", "category_broad", "category_detailed")
    rows = [
        (item, f"A {item}", "", number, dependency if number == "2" else above, "", "", told, question)
        for item in ("coco_1", "7")
        for number, above, told, question in CHAIN
    ]
    with (folder / "dpg_bench.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([(*head, "tuple", "question_natural_language"), *rows])
    return folder


def oneig_data(folder: Path) -> Path:
    """A prompt in each class, with questions as JSON in a string, as released."""
    rows = [("Anime_Stylization", "000"), ("Portrait", "000"), ("General_Object", "000"), ("Text_Rendering", "000")]
    with (folder / "OneIG-Bench.csv").open("w", newline="") as file:
        head = ("category", "id", "prompt_en", "type", "prompt_length", "class")
        csv.writer(file).writerows([head, *((*row, f"prompt of {row[0]}", "T", "short", "x") for row in rows)])
    (folder / "Q_D").mkdir()
    asked = {number: question for number, _, _, question in CHAIN}
    above = {number: [int(parent)] for number, parent, _, _ in CHAIN}
    for name in oneig.CLASSES:
        row = {"question": json.dumps(asked), "dependency": json.dumps(above)}
        (folder / "Q_D" / f"{name}.json").write_text(json.dumps({"000": row}))
    return folder


def corebench_data(folder: Path) -> Path:
    """A prompt of composition and one of reasoning."""
    (folder / "data").mkdir()
    for name, main in (("C-MI", "Composition"), ("R-HR", "Reasoning")):
        asked = [{"question": f"Is {thing} there?", "tags": ["pos"]} for thing in ("a", "b", "c", "d")]
        row = {"Main Class": main, "Sub Class": "x", "Prompt": "Draw it.", "Checklist": asked, "Remark": ""}
        (folder / "data" / f"{name}.json").write_text(json.dumps({f"{name}-001": row}))
    return folder


def whole(bench: Any, data: Path, answer: Any, pictures: Any = ()) -> float:
    """The score of a benchmark's first item."""
    return float(bench.score(bench.tasks(data)[0], pictures, Says(answer), 0)[-1].score)


def test_a_zero_passes_on_in_dpg_and_does_not_in_oneig(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "o").mkdir()

    def no_dog(ask: Any) -> float:
        return float(ask.key != "1")

    assert whole(dpg_bench.BENCHMARK, dpg_data(tmp_path / "d"), no_dog) == 0.0
    assert whole(oneig.BENCHMARK, oneig_data(tmp_path / "o"), no_dog) == pytest.approx(1 / 3)
    assert math.isnan(whole(dpg_bench.BENCHMARK, tmp_path / "d", lambda ask: math.nan if ask.key == "3" else 1.0))


def test_dpg_tells_raw_categories_beside_its_headline(tmp_path: Path) -> None:
    bench = dpg_bench.BENCHMARK
    item = bench.tasks(dpg_data(tmp_path))[1]
    assert (item.id, item.prompt) == ("7", "A 7"), "ids may be numbers, and the first row is read too"
    scored = bench.score(item, (), Says(lambda ask: float(ask.key != "1")), 0)
    rows = [Row("d", "7", "", "7", 0, "s", s.question, s.skill, s.score) for s in scored]
    assert bench.totals(rows) == {"DPG-Bench": 0.0, "entity": 0.0, "attribute": 100.0, "relation": 100.0}
    for bad in ("1, x", ""):
        with pytest.raises(BadData, match="line 3, 'coco_1': 'dependency'"):
            bench.tasks(dpg_data(tmp_path, bad))
    assert bench.tasks(dpg_data(tmp_path, "9"))[0].meta["parents"] == [[], [], [1]]


def test_every_picture_of_a_grid_is_asked_about(tmp_path: Path) -> None:
    grid = Image.new("RGB", (20, 10), "white")
    grid.paste((255, 0, 0), (0, 0, 10, 5))
    assert [cell.getpixel((1, 1)) for cell in cells(grid, 2)] == [(255, 0, 0), *[(255, 255, 255)] * 3]

    def red(ask: Any) -> float:
        return float(ask.pictures[0].getpixel((1, 1)) == (255, 0, 0))

    bench = dpg_bench.DpgBench(grid=2)
    assert whole(bench, dpg_data(tmp_path), red, [grid]) == 0.25
    raw = bench.score(bench.tasks(tmp_path)[0], [grid], Says(red), 0)[0]
    assert raw.score == 0.0, "categories are of the last picture, as in the original"
    keyed = Says(lambda ask: float(ask.key.startswith("3:")))
    assert bench.score(bench.tasks(tmp_path)[0], (), keyed, 0)[-1].score == 0.25, "recorded answers need no picture"


def test_oneig_names_what_is_wrong(tmp_path: Path) -> None:
    data = oneig_data(tmp_path)
    assert [item.id for item in oneig.BENCHMARK.tasks(data)] == ["anime-000", "human-000", "object-000"]
    path = data / "Q_D" / "human.json"
    good = json.loads(path.read_text())["000"]
    for row, told in (
        ({**good, "question": "{"}, "'question' is"),
        ({**good, "dependency": {"2": 1}}, "'dependency' of question 2"),
        ({"question": good["question"]}, "'dependency' is None"),
    ):
        path.write_text(json.dumps({"000": row}))
        with pytest.raises(BadData, match=rf"human.json, '000': {told}"):
            oneig.BENCHMARK.tasks(data)
    path.write_text(json.dumps({"009": good}))
    with pytest.raises(BadData, match="has no prompt of that id"):
        oneig.BENCHMARK.tasks(data)


def test_corebench_is_the_mean_of_dimensions(tmp_path: Path) -> None:
    bench, data = t2i_corebench.BENCHMARK, corebench_data(tmp_path)
    items = bench.tasks(data)
    judge = Says(lambda ask: {"q0": 0.9, "q1": 0.4, "q2": math.nan}.get(ask.key, 1.0))
    found = bench.score(items[0], (), judge, 0)
    assert found[-1].score == pytest.approx(2 / 3) and found[0].skill == "pos", "no verdict is left out"
    assert judge.asked[0].text.count("Draw it.") == 1 and "Is a there?" in judge.asked[0].text
    assert bench.file(items[1], 2) == "R-HR/R-HR-001-2.png"
    rows = [Row("c", "i", name, "i", 0, "s", WHOLE, "", 1.0) for name in t2i_corebench.COMPOSITION]
    rows += [Row("c", "i", name, "i", 0, "s", WHOLE, "", 0.25) for name in t2i_corebench.REASONING]
    totals = bench.totals(rows)
    assert (totals["overall"], totals["composition"], totals["reasoning"]) == (50.0, 100.0, 25.0)
    path = data / "data" / "C-MI.json"
    path.write_text(json.dumps({"C-MI-001": {"Prompt": "x", "Checklist": []}}))
    with pytest.raises(BadData, match=r"C-MI.json, 'C-MI-001': 'Checklist' is empty"):
        bench.tasks(data)


def test_corebenchs_published_overall_is_the_mean_of_its_dimensions() -> None:
    """Nano Banana Pro, arXiv:2509.03516, table 3: composition 89.7, reasoning 82.7, overall 85.0."""
    rows = [Row("c", n, n, n, 0, "s", WHOLE, "", 0.897) for n in t2i_corebench.COMPOSITION]
    rows += [Row("c", n, n, n, 0, "s", WHOLE, "", 0.827) for n in t2i_corebench.REASONING]
    assert round(t2i_corebench.BENCHMARK.totals(rows)["overall"], 1) == 85.0
