"""Complex-Edit, MagicBrush and the paper's scenes; every benchmark ends in a page with the embedded agent."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import complex_edit, magicbrush, paper_scenes
from benchmarks._harness.data import BadData
from benchmarks._harness.run import main
from benchmarks.list import all_benchmarks
from experts.poster.render import render
from experts.poster.scene import Item as Thing
from experts.poster.scene import Scene
from poser.agent import Poser
from tests.benchmarks import test_field, test_field_drawing, test_field_edits, test_field_graphs
from tests.benchmarks.field_world import Says

START = Scene("white", (Thing(4, "star", "red", "big"),))


def photograph(path: Path) -> Path:
    """A poster, as a photograph."""
    path.parent.mkdir(parents=True, exist_ok=True)
    render(START).save(path)
    return path


def complex_data(folder: Path) -> Path:
    """One picture with eight levels."""
    steps = [{"instruction": f"Make the star {colour}."} for colour in ("blue", "green") * 4]
    whole = [{"compound_instruction": f"Edit it {n} times."} for n in range(1, 9)]
    photograph(folder / "a.png")
    row = {"image": "a.png", "edit": {"compound": whole, "sequence": steps}}
    (folder / "edits.jsonl").write_text(json.dumps(row) + "\n")
    return folder


def test_complex_edit_hands_over_one_instruction_or_its_parts(tmp_path: Path) -> None:
    data = complex_data(tmp_path)
    (whole,) = complex_edit.ComplexEdit(2, "compound").tasks(data)
    (parts,) = complex_edit.ComplexEdit(2, "sequence").tasks(data)
    assert whole.prompt == "Edit it 2 times." and parts.turns == ("Make the star blue.", "Make the star green.")
    assert whole.id == parts.id, "so that the two ways can be compared item by item"
    judge = Says(lambda ask: [8, 4] if ask.key == "alignment" else [6])
    found = complex_edit.BENCHMARK.score(parts, [Image.new("RGB", (9, 9))], judge, 0)
    assert found[-1].score == 6.0 and "Edit it 2 times." in judge.asked[0].text
    nothing = complex_edit.BENCHMARK.score(parts, [Image.new("RGB", (9, 9))], Says(lambda _: []), 0)
    assert math.isnan(nothing[-1].score)
    with pytest.raises(BadData, match="edits.jsonl"):
        complex_edit.BENCHMARK.tasks(tmp_path / "none")


def magicbrush_data(folder: Path) -> Path:
    """One session of two turns."""
    turns = [
        {"input": "7-input.png", "output": "7-output1.png", "instruction": "Make the star blue."},
        {"input": "7-output1.png", "output": "7-output2.png", "instruction": "Make the star green."},
    ]
    (folder / "edit_sessions.json").write_text(json.dumps({"7": turns}))
    (folder / "local_captions.json").write_text(json.dumps({"7": {"7-output2.png": "a green star"}}))
    for name in ("7-input.png", "7-output1.png", "7-output2.png"):
        photograph(folder / "images" / "7" / name)
    return folder


def test_magicbrush_has_turns_and_sessions(tmp_path: Path) -> None:
    bench = magicbrush.BENCHMARK
    items = bench.tasks(magicbrush_data(tmp_path))
    assert [(item.id, item.group, len(item.turns)) for item in items] == [
        ("7-1", "single", 1),
        ("7-2", "single", 1),
        ("7-final", "final", 2),
    ]
    assert [bench.file(item, 0) for item in items] == ["7/7_1.png", "7/7_inde_2.png", "7/7_iter_2.png"]
    true = render(START)
    found = {row.question: row.score for row in bench.score(items[2], [true], Says(lambda _: 0.5), 0)}
    assert found["L1"] == 0.0 and found["CLIP-T"] == 0.5 and found["score"] == 1.0
    a, b = Image.new("RGB", (8, 8), "white"), Image.new("RGB", (4, 4), "black")
    assert magicbrush.distances(a, b) == (1.0, 1.0)
    items[0].meta["true"].unlink()
    items[2].meta["true"].unlink()
    assert math.isnan(bench.score(items[2], [true], Says(lambda _: 0.5), 0)[-1].score)


def test_paper_scenes_need_photographs_only_for_edits(tmp_path: Path) -> None:
    assert [item.id for item in paper_scenes.BENCHMARK.tasks(tmp_path)] == ["basketball", "soccer", "boats"]
    photograph(tmp_path / "wallet.jpg")
    items = paper_scenes.BENCHMARK.tasks(tmp_path)
    assert items[-1].id == "wallet" and items[-1].pictures
    found = paper_scenes.BENCHMARK.score(items[0], (), Says(lambda ask: float(ask.key == "q0")), 0)
    assert found[-1].score == pytest.approx(1 / len(items[0].meta["checks"]))


def prepared(name: str, folder: Path) -> Path:
    """A mini data set of a benchmark."""
    makers = {
        "complex_edit": complex_data,
        "dsg": test_field.dsg_data,
        "dpg_bench": test_field_graphs.dpg_data,
        "oneig": test_field_graphs.oneig_data,
        "t2i_corebench": test_field_graphs.corebench_data,
        "geneval2": test_field.geneval2_data,
        "gedit": test_field_edits.gedit_data,
        "imgedit": test_field_edits.imgedit_data,
        "i2ebench": test_field_edits.i2ebench_data,
        "magicbrush": magicbrush_data,
        "t2i_compbench": test_field_drawing.compbench_data,
        "geneval": test_field_drawing.geneval_data,
        "genai_bench": test_field_drawing.genai_data,
        "longbench": test_field_drawing.longbench_data,
        "paper_scenes": lambda place: place,
    }
    folder.mkdir()
    return makers[name](folder)


@pytest.fixture(scope="module")
def agent() -> Poser:
    """The embedded agent, loaded once."""
    return Poser.from_pretrained("poster", policy="greedy")


@pytest.mark.parametrize("name", sorted(all_benchmarks()))
def test_every_benchmark_ends_in_a_page_with_the_embedded_agent(
    name: str, tmp_path: Path, agent: Poser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Poser, "from_pretrained", lambda *_, **__: agent)
    bench = all_benchmarks()[name]
    data = prepared(name, tmp_path / "data")
    out = tmp_path / "out"
    recorded = tmp_path / "answers.jsonl"
    recorded.write_text("")
    judge = f"recorded:{recorded}" if bench.kinds - {"yes", "word"} else "vqa"
    asked = ["--data", str(data), "--system", "poser:poster@greedy", "--judge", judge, "--allow-same-family"]
    assert main(bench, [*asked, "--limit", "2", "--out", str(out)]) == 0
    figures = json.loads((out / "result.json").read_text())
    assert figures["items"] == figures["of"] and figures["totals"]
    assert (out / "report.html").is_file() and (out / "rows.jsonl").is_file()
