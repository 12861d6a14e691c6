"""Data sets and released results in forms that the minis do not have: other containers, folders, keys, damage."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from benchmarks import (
    complex_edit,
    dsg,
    gedit,
    genai_bench,
    geneval,
    geneval2,
    i2ebench,
    imgedit,
    longbench,
    magicbrush,
    t2i_compbench,
)
from benchmarks._harness import failures
from benchmarks._harness.data import BadData, find, read_csv, read_lines, records, safe
from benchmarks._harness.recorded import Recorded
from benchmarks._harness.run import main
from benchmarks._harness.types import Asked
from experts.images import open_image
from tests.benchmarks import test_field, test_field_drawing, test_field_edits, test_field_sessions
from tests.benchmarks.field_world import BENCH_DATA, Says

released = pytest.mark.skipif(not BENCH_DATA.is_dir(), reason="the public data is not beside the project")


def picture(colour: str = "red") -> dict[str, Any]:
    """A picture as the Hub's parquet files hold it."""
    made = io.BytesIO()
    Image.new("RGB", (12, 10), colour).save(made, "PNG")
    return {"bytes": made.getvalue(), "path": None}


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def test_rows_by_id_come_as_an_object_a_list_or_lines(tmp_path: Path) -> None:
    rows = {"a": {"key": "a", "x": 1}, "b": {"key": "b", "x": 2}}
    files = {
        "object.json": json.dumps(rows, indent=1),
        "list.json": json.dumps(list(rows.values())),
        "lines.jsonl": "\r\n".join(map(json.dumps, rows.values())) + "\r\n\r\n",
        "lines.json": "\n".join(map(json.dumps, rows.values())),
    }
    for name, words in files.items():
        (tmp_path / name).write_text(words, encoding="utf-8-sig")
        assert {key: row for _, key, row in records(tmp_path / name, "key")} == rows, name
    assert [value for _, value in read_lines(tmp_path / "list.json")] == list(rows.values())
    (tmp_path / "bare.json").write_text("[1, 2]")
    assert [key for _, key, _ in records(tmp_path / "bare.json", "key")] == ["0", "1"]


def test_an_id_that_stands_twice_or_is_a_path_is_told(tmp_path: Path) -> None:
    (tmp_path / "twice.json").write_text('{"a": 1, "a": 2}')
    with pytest.raises(BadData, match=r"twice.json: the key 'a' stands there twice"):
        list(records(tmp_path / "twice.json"))
    for bad in ("../x", "/etc/x", "a\\b", ""):
        with pytest.raises(BadData, match="no path below"):
            safe(bad, "f")
    data = test_field_edits.gedit_data(tmp_path)
    (data / "gedit_edit.json").write_text(json.dumps({"../../k": {"prompt": "p", "id": "a.png", "edit_type": "t"}}))
    with pytest.raises(BadData, match=r"gedit_edit.json"):
        gedit.BENCHMARK.tasks(data)


def test_csv_columns_may_be_more_and_in_any_order_but_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\ufeffnote, b ,a\r\n"one\ntwo\u2028three",2,1\r\n', encoding="utf-8")
    assert [(row["a"], row["b"]) for _, row in read_csv(path, ("a", "b"))] == [("1", "2")]
    path.write_text("a,b\n1\n")
    with pytest.raises(BadData, match="line 2: it ends before the column 'b'"):
        list(read_csv(path, ("a", "b")))
    assert find(path, "a.csv") == path, "--data may be the file itself"


@pytest.mark.parametrize("value", ["maybe", {"a": "b"}, [{"label": "x"}], [{"label": "x", "box": [1, 2, 3]}]])
def test_a_recorded_value_of_no_known_kind_is_told(tmp_path: Path, value: object) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps({"item": "a", "key": "k", "value": value}))
    with pytest.raises(BadData, match="r.jsonl, line 1: 'value'"):
        Recorded(path)


def test_recorded_values_have_the_form_of_their_question(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    boxes = {"cup": [{"box": [0, 0, 1, 1], "score": 0.5}]}
    values = {"a": "Yes.", "b": True, "c": None, "d": [1, 2], "e": boxes}
    path.write_text("\n".join(json.dumps({"item": 7, "key": k, "value": v}) for k, v in values.items()))
    judge = Recorded(path)

    def said(key: str, kind: Any) -> Any:
        return judge([Asked("7", key, kind, "?")])[0].value

    assert (
        said("a", "yes") == said("b", "yes") == 1.0 and math.isnan(said("c", "yes")) and said("d", "rating") == [1, 2]
    )
    assert said("e", "boxes") == [{"label": "cup", "box": [0, 0, 1, 1], "score": 0.5}]
    assert (
        math.isnan(said("c", "yes"))
        and math.isnan(said("d", "yes"))
        and said("a", "rating") == []
        and said("d", "boxes") == []
    )
    path.write_text("\n".join(json.dumps({"item": "a", "key": "k", "value": v}) for v in (0, 1)))
    with pytest.raises(BadData, match="line 2: another answer"):
        Recorded(path)


def test_answers_of_several_systems_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("t2i_model,item_id,question_id,answer\nsd,i,1,yes\ndalle,i,1,no\n")
    with pytest.raises(BadData, match="several systems; add '#' and one of sd, dalle"):
        Recorded(path)
    with pytest.raises(BadData, match="no answers of 'x'; it has sd, dalle"):
        Recorded(path, "x")
    assert Recorded(path, "dalle")([Asked("i", "1", "yes", "?")])[0].value == 0.0


def test_gedit_reads_the_hubs_files(tmp_path: Path) -> None:
    (tmp_path / "told").mkdir()
    rules = test_field_edits.gedit_data(tmp_path / "told")
    row = {"task_type": "color_alter", "key": "k", "instruction": "red", "instruction_language": "en"}
    rows = [{**row, "input_image": picture()}, {**row, "instruction_language": "cn", "input_image": picture()}]
    (rules / "gedit_edit.json").unlink()
    table(rules / "data" / "train-00000.parquet", rows)
    (item,) = gedit.BENCHMARK.tasks(rules)
    assert (item.id, item.prompt, item.group) == ("k", "red", "color_alter")
    assert open_image(item.pictures[0]).size == (12, 10)
    (rules / "data" / "train-00000.parquet").write_bytes(b"nonsense")
    with pytest.raises(BadData, match=r"train-00000.parquet"):
        gedit.BENCHMARK.tasks(rules)


def test_magicbrush_and_complex_edit_read_the_hubs_files(tmp_path: Path) -> None:
    turns = [{"img_id": "7", "turn_index": n, "instruction": f"do {n}"} for n in (2, 1)]
    table(tmp_path / "m" / "dev-0.parquet", [{**t, "source_img": picture(), "target_img": picture()} for t in turns])
    items = magicbrush.BENCHMARK.tasks(tmp_path / "m")
    assert [item.prompt for item in items] == ["do 1", "do 2", "do 1\ndo 2"]
    judge = Says(lambda _: 0.5)
    found = {
        row.question: row.score for row in magicbrush.BENCHMARK.score(items[0], [Image.new("RGB", (9, 9))], judge, 0)
    }
    assert found["CLIP-I"] == 0.5 and not any(ask.key == "CLIP-T" and ask.pictures for ask in judge.asked)
    whole = [{"compound_instruction": f"{n}"} for n in range(1, 9)]
    edit = json.dumps({"compound": whole, "sequence": ["a"] * 8})
    table(tmp_path / "c" / "test_real-0.parquet", [{"image": picture(), "edit": edit}])
    (item,) = complex_edit.ComplexEdit(3).tasks(tmp_path / "c")
    assert item.prompt == "3" and open_image(item.pictures[0]).size == (12, 10)


def test_photographs_may_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    data = test_field_edits.imgedit_data(tmp_path)
    (tmp_path / "Benchmark").mkdir()
    (tmp_path / "animal").rename(tmp_path / "Benchmark" / "animal")
    assert all(item.pictures[0].is_file() for item in imgedit.BENCHMARK.tasks(data))


def test_parts_that_may_be_missing_are_not_needed(tmp_path: Path) -> None:
    for name in ("g", "t", "l", "v"):
        (tmp_path / name).mkdir()
    (test_field_drawing.genai_data(tmp_path / "g") / "genai_skills.json").unlink()
    assert genai_bench.BENCHMARK.tasks(tmp_path / "g")[0].group == ""
    test_field_drawing.compbench_data(tmp_path / "t")
    (tmp_path / "t" / "numeracy_val.txt").unlink()
    assert "numeracy" not in {item.group for item in t2i_compbench.BENCHMARK.tasks(tmp_path / "t")}
    row = {"instruction": "x", "label": dict.fromkeys(longbench.AXES, "y"), "extra": 1}
    (tmp_path / "l" / "instruction.json").write_text(json.dumps([row]))
    assert longbench.BENCHMARK.tasks(tmp_path / "l")[0].id == "000"
    lines = test_field.geneval2_data(tmp_path / "v") / "geneval2_data.jsonl"
    lines.write_text("\n\n" + lines.read_text())
    assert [item.id for item in geneval2.BENCHMARK.tasks(tmp_path / "v")] == ["0000", "0001"]


def test_what_geneval_and_dsg_cannot_use_is_told(tmp_path: Path) -> None:
    path = test_field_drawing.geneval_data(tmp_path) / "evaluation_metadata.jsonl"
    row = json.loads(path.read_text())
    row["include"][1]["position"] = ["left of", 1]
    path.write_text(json.dumps(row))
    with pytest.raises(BadData, match="line 1: 'position'"):
        geneval.BENCHMARK.tasks(tmp_path)
    path = test_field.dsg_data(tmp_path) / "dsg-1k-anns.csv"
    path.write_text(path.read_text() + path.read_text().split("\n")[1] + "\n")
    with pytest.raises(BadData, match="the proposition '1' stands there twice"):
        dsg.BENCHMARK.tasks(tmp_path)


def test_geneval_asks_clip_for_colours_that_a_detector_does_not_tell(tmp_path: Path) -> None:
    item = geneval.BENCHMARK.tasks(test_field_drawing.geneval_data(tmp_path))[0]
    boxes = [
        {"label": "dog", "box": [30, 0, 40, 10], "score": 0.8},
        {"label": "cup", "box": [0, 0, 10, 10], "score": 0.9},
    ]
    shown = [Image.new("RGB", (64, 64))]
    red = Says(lambda ask: boxes if ask.kind == "boxes" else float("a red" in ask.text))
    assert geneval.BENCHMARK.score(item, shown, red, 0)[-1].score == 1.0
    assert {ask.pictures[0].size for ask in red.asked if ask.kind == "similarity"} == {(10, 10)}
    blue = Says(lambda ask: boxes if ask.kind == "boxes" else float("a blue" in ask.text))
    assert geneval.BENCHMARK.score(item, shown, blue, 0)[-1].score == 0.0
    blind = Says(lambda _: boxes, kinds=frozenset(("boxes",)))
    assert math.isnan(geneval.BENCHMARK.score(item, shown, blind, 0)[-1].score), "no verdict is no wrong colour"


def test_complex_prompts_are_scored_by_what_their_list_says(tmp_path: Path) -> None:
    data = test_field_drawing.compbench_data(tmp_path)
    near = [{"label": n, "box": [k, 0, 10, 10], "score": 0.9} for k, n in enumerate(("red hat", "brown rack"))]
    judge = Says(lambda ask: {"yes": 0.5, "similarity": 0.3}.get(ask.kind, near))
    shown, words = [Image.new("RGB", (8, 8))], "The red hat was on top of the brown rack.\r\n"
    for part, score in (("spatial", (0.25 + 0) / 2), ("action", (0.25 + 0.3) / 2)):
        for name in ("spatial", "action"):
            (data / f"complex_val_{name}.txt").write_text(words if name == part else "another\n")
        item = next(item for item in t2i_compbench.BENCHMARK.tasks(data) if item.group == "complex")
        assert t2i_compbench.BENCHMARK.score(item, shown, judge, 0)[-1].score == pytest.approx(score), part


def test_items_without_a_picture_are_counted_with_their_reason(tmp_path: Path, capsys: Any) -> None:
    data, theirs, out = test_field_edits.imgedit_data(tmp_path), tmp_path / "theirs", tmp_path / "out"
    theirs.mkdir()
    (theirs / "7.png").write_bytes(b"no picture")
    (data / "animal" / "b.jpg").unlink()
    (tmp_path / "r.jsonl").write_text("")
    asked = ["--data", str(data), "--system", f"folder:{theirs}", "--judge", f"recorded:{tmp_path / 'r.jsonl'}"]
    assert main(imgedit.BENCHMARK, [*asked, "--out", str(out)]) == 0
    result = json.loads((out / "result.json").read_text())
    assert result["failed"]["count"] == 2 and result["undecided"] == 1, "an edit without its photograph is no failure"
    assert result["totals"] == {"overall": 0.0, "adjust": 0.0} and "7.png" in result["failed"]["first"][0]
    assert "2 items without a picture" in capsys.readouterr().out
    with (out / failures.FAILED).open("a") as file:
        file.write('{"item": "to')
    assert failures.told(out)["count"] == 2


@released
def test_i2ebenchs_released_answers_give_the_means_that_they_hold(tmp_path: Path) -> None:
    judge = f"recorded:{BENCH_DATA / 'i2ebench' / 'EditEval'}#instructpix2pix"
    out = tmp_path / "out"
    asked = ["--data", str(BENCH_DATA), "--system", "none", "--judge", judge, "--out", str(out)]
    assert main(i2ebench.BENCHMARK, asked) == 0
    totals = json.loads((out / "result.json").read_text())["totals"]
    folder = BENCH_DATA / "i2ebench" / "EditEval"
    for kind in ("Counting", "Lowlight", "StyleAlteration", "RegionAccuracy"):
        rows = json.loads((folder / kind / "instructpix2pix.json").read_text()).values()
        data = json.loads((BENCH_DATA / "i2ebench" / "EditData" / kind / f"{kind}.json").read_text()).values()
        rows = [row for row in rows if row["image"] in {edit["image"] for edit in data}]
        of = {"Lowlight": "SSIM", "StyleAlteration": "clip_score", "RegionAccuracy": "RegionAccuracy"}.get(kind)
        values = [r["evaluation"][of] if of else r["final_judgement"].lower().startswith("yes") for r in rows]
        mean = sum(values) / len(values) / (100 if of == "clip_score" else 1)
        assert totals[kind] == pytest.approx(mean), kind


def test_a_session_of_one_turn_is_found_in_the_official_layout(tmp_path: Path) -> None:
    data = test_field_sessions.magicbrush_data(tmp_path)
    path = data / "edit_sessions.json"
    path.write_text(json.dumps({"7": json.loads(path.read_text())["7"][:1]}))
    assert {magicbrush.BENCHMARK.file(item, 0) for item in magicbrush.BENCHMARK.tasks(data)} == {"7/7_1.png"}


def test_pictures_may_be_listed_by_prompt(tmp_path: Path) -> None:
    data, out = test_field.geneval2_data(tmp_path), tmp_path / "out"
    Image.new("RGB", (9, 9)).save(tmp_path / "pigs.png")
    files = tmp_path / "results.json"
    files.write_text(json.dumps({"two green pigs": "pigs.png", "a hat": "none.png"}))
    (tmp_path / "r.jsonl").write_text("")
    asked = ["--data", str(data), "--system", f"folder:{files}", "--judge", f"recorded:{tmp_path / 'r.jsonl'}"]
    assert main(geneval2.BENCHMARK, [*asked, "--out", str(out)]) == 0
    result = json.loads((out / "result.json").read_text())
    assert result["failed"]["count"] == 1 and "none.png" in result["failed"]["first"][0]
    assert (out / "pictures" / "0000.png").is_file()
    files.write_text('{"a hat": 3}')
    assert main(geneval2.BENCHMARK, [*asked, "--out", str(tmp_path / "again")]) == 2
