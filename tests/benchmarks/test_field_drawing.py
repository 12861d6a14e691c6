"""Benchmarks of drawing: GenEval, T2I-CompBench, GenAI-Bench, LongBench-T2I."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import genai_bench, geneval, longbench, t2i_compbench
from benchmarks._harness import boxes
from benchmarks._harness.data import BadData
from benchmarks._harness.types import WHOLE, Row
from tests.benchmarks.field_world import BENCH_DATA, Says

released = pytest.mark.skipif(not BENCH_DATA.is_dir(), reason="the public data is not beside the project")
DRAWN = [Image.new("RGB", (64, 64))]


def geneval_data(folder: Path) -> Path:
    """One prompt with number, colour and place."""
    cup = {"class": "cup", "count": 1, "color": "red", "position": ["left of", 0]}
    row = {"tag": "position", "prompt": "a red cup left of a dog", "include": [{"class": "dog", "count": 1}, cup]}
    (folder / "evaluation_metadata.jsonl").write_text(json.dumps(row) + "\n")
    return folder


def genai_data(folder: Path) -> Path:
    """One advanced prompt."""
    (folder / "genai_image.json").write_text(json.dumps({"00003": {"prompt": 'A "cat".', "models": {}}}))
    (folder / "genai_skills.json").write_text(json.dumps({"advanced": [3], "counting": [3], "basic": []}))
    return folder


def longbench_data(folder: Path) -> Path:
    """One story with its nine axes."""
    row = {"instruction": "A long story.", "label": [{axis: f"about {axis}" for axis in longbench.AXES}]}
    (folder / "instruction.jsonl").write_text(json.dumps(row) + "\n")
    return folder


def test_geneval_asks_for_number_colour_and_place(tmp_path: Path) -> None:
    item = geneval.BENCHMARK.tasks(geneval_data(tmp_path))[0]
    left, far = [0, 0, 10, 10], [50, 0, 60, 10]

    def seen(colour: str, where: list[int], sure: float = 0.9) -> list[dict[str, object]]:
        dog = {"label": "dog", "box": [25, 0, 35, 10], "score": 0.8, "color": "black"}
        return [dog, {"label": "cup", "box": where, "score": sure, "color": colour}]

    cases = {1.0: seen("red", left), 0.0: seen("red", far)}
    for score, found in cases.items():
        assert geneval.BENCHMARK.score(item, DRAWN, Says(lambda _, found=found: found), 0)[-1].score == score
    assert geneval.BENCHMARK.score(item, DRAWN, Says(lambda _: seen("blue", left)), 0)[-1].score == 0.0
    assert geneval.BENCHMARK.score(item, DRAWN, Says(lambda _: seen("red", left, 0.2)), 0)[-1].score == 0.0
    assert math.isnan(geneval.BENCHMARK.score(item, DRAWN, Says(lambda _: math.nan), 0)[-1].score)
    rows = [
        Row("g", f"i{k}", tag, "", 0, "s", WHOLE, "", s) for k, (tag, s) in enumerate((("a", 1), ("a", 1), ("b", 0)))
    ]
    assert geneval.BENCHMARK.totals(rows)["overall"] == 0.5, "the mean of tasks, not of pictures"


@released
def test_boxes_agree_with_the_golden_vectors() -> None:
    golden = BENCH_DATA / "golden"
    for vector in json.loads((golden / "geneval_relative_position.json").read_text())["vectors"]:
        assert boxes.relations(vector["a"], vector["b"]) == set(vector["relations"])
        assert boxes.iou(vector["a"], vector["b"], 1) == pytest.approx(vector["iou"], abs=1e-12)
    for vector in json.loads((golden / "geneval_evaluate.json").read_text())["vectors"]:
        assert geneval.right(vector["metadata"], vector["detections"]) == vector["correct"]
    for vector in json.loads((golden / "compbench_2d_spatial.json").read_text())["vectors"]:
        place = vector["locality"]
        assert boxes.locality(place, vector["box1"], vector["box2"]) == pytest.approx(vector["position_score"])
        found = [{"label": n, "box": vector[f"box{k}"], "score": vector[f"conf{k}"]} for k, n in ((1, "a"), (2, "b"))]
        assert t2i_compbench.lying(found, "a", place, "b") == pytest.approx(vector["final_score"])


def test_compbench_takes_prompts_apart() -> None:
    assert t2i_compbench.chunks("a green bench and a blue bowl") == ["a green bench", "a blue bowl"]
    assert t2i_compbench.pair("a girl on the top of a frog") == ("girl", "on the top of", "frog")
    assert t2i_compbench.pair("The red hat was on top of the brown coat rack.") == (
        "red hat",
        "on top of",
        "brown coat rack",
    )
    assert t2i_compbench.pair("two boys") is None
    assert t2i_compbench.counts("two boys and six airplanes") == {"boys": 2, "airplanes": 6}
    boys = [{"label": "boys", "box": [0, 0, 1, 1]}] * 2 + [{"label": "airplanes", "box": [0, 0, 1, 1]}]
    assert t2i_compbench.numbered(boys, {"boys": 2, "airplanes": 6}) == 0.75


def compbench_data(folder: Path) -> Path:
    """One prompt a category, with the line ends of the true files."""
    prompts = {"spatial": "a giraffe next to a lamp", "numeracy": "two boys", "non_spatial": "A person reads."}
    prompts["3d_spatial"] = "a dog in front of a desk"
    prompts["complex"] = "The red hat was on top of the brown rack."
    for category in t2i_compbench.CATEGORIES:
        words = prompts.get(category, "a green bench and a blue bowl")
        (folder / f"{category}_val.txt").write_bytes(f"{words}\r\n".encode())
    return folder


def test_compbench_scores_each_category_by_its_own_metric(tmp_path: Path) -> None:
    bench = t2i_compbench.BENCHMARK
    items = {item.group: item for item in bench.tasks(compbench_data(tmp_path))}
    near = [{"label": n, "box": [k, 0, 10 + k, 10], "score": 0.8} for k, n in enumerate(("giraffe", "lamp"))]
    judge = Says(lambda ask: {"yes": 0.5, "similarity": 0.3}.get(ask.kind, near))
    found = {name: bench.score(item, DRAWN, judge, 0)[-1].score for name, item in items.items()}
    assert found["color"] == 0.25 and found["spatial"] == pytest.approx(0.9) and found["non_spatial"] == 0.3
    assert found["complex"] == pytest.approx((0.25 + 0.0 + 0.3) / 3), "'on top of' never scores"
    blind = Says(lambda _: 0.5, kinds=frozenset(("yes",)))
    assert math.isnan(bench.score(items["spatial"], DRAWN, blind, 0)[-1].score)
    (tmp_path / "shape_val.txt").write_text("")
    with pytest.raises(BadData, match="shape_val.txt"):
        bench.tasks(tmp_path)


def test_genai_bench_asks_one_question(tmp_path: Path) -> None:
    judge = Says(lambda _: 0.7)
    item = genai_bench.BENCHMARK.tasks(genai_data(tmp_path))[0]
    assert [row.skill for row in genai_bench.BENCHMARK.score(item, DRAWN, judge, 0)] == ["counting", ""]
    assert (
        judge.asked[0].text == 'Does this figure show "A "cat"."? Please answer yes or no.' and item.group == "advanced"
    )


def test_longbench_leaves_out_what_was_not_rated(tmp_path: Path) -> None:
    item = longbench.BENCHMARK.tasks(longbench_data(tmp_path))[0]
    found = longbench.BENCHMARK.score(item, DRAWN, Says(lambda ask: [] if ask.key == "Object" else [4]), 0)
    assert math.isnan(found[0].score) and found[-1].score == 4.0 and len(found) == 10
    path = tmp_path / "instruction.jsonl"
    path.write_text(json.dumps({"instruction": "A long story.", "label": [{"Object": "x"}]}) + "\n")
    with pytest.raises(BadData, match="Background"):
        longbench.BENCHMARK.tasks(tmp_path)


@released
def test_public_prompts_are_all_read() -> None:
    sizes = {geneval: 553, genai_bench: 1600, longbench: 500, t2i_compbench: 2400}
    assert {module.BENCHMARK.name: len(module.BENCHMARK.tasks(BENCH_DATA)) for module in sizes} == {
        module.BENCHMARK.name: size for module, size in sizes.items()
    }
