"""The harness: rows survive any end, systems and judges by name, honest statistics, one page that stands alone."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import compare
from benchmarks import list as listed
from benchmarks._harness import judges, rows, sources, statistics, systems
from benchmarks._harness import votes as votes_of
from benchmarks._harness.data import BadData, find, read_csv, read_json, read_lines
from benchmarks._harness.run import PICTURES, RESULT, Job, main, result, run
from benchmarks._harness.types import WHOLE, About, Asked, Item, Judge, Kind, Row, Scored
from poser.types import PoserError
from tests.benchmarks.field_world import Draws, Says


class Mini:
    """Two questions an item; the whole is their mean."""

    name = "mini"
    about = About("3 prompts", "MIT", "nothing", "here")
    kinds: frozenset[Kind] = frozenset(("yes",))

    def tasks(self, data: Path) -> list[Item]:
        """One a line of prompts.txt."""
        lines = find(data, "prompts.txt").read_text("utf-8").split("\n")
        return [Item(f"p{k}", line, "long" if len(line) > 20 else "short") for k, line in enumerate(lines) if line]

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """Colour and shape."""
        asked = [Asked(item.id, key, "yes", f"{key}?", tuple(pictures), seed=seed) for key in ("colour", "shape")]
        found = [float(answer.value) for answer in judge(asked)]
        return [
            *(Scored(a.key, p, a.key) for a, p in zip(asked, found, strict=True)),
            Scored(WHOLE, float(np.mean(found))),
        ]

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """The mean."""
        return {"mean": float(np.mean([row.score for row in statistics.whole(rows)]))}

    def file(self, item: Item, seed: int) -> str:
        """By id and seed."""
        return f"{item.id}-{seed}.png"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "prompts.txt").write_text("a red circle\na blue star on a green background\na heart\n")
    return folder


def job(data: Path, out: Path, **more: object) -> Job:
    """The mini benchmark with a system that draws, and a judge that likes circles."""
    out.mkdir(exist_ok=True)
    made = Job(Mini(), tuple(Mini().tasks(data)), Draws(), Says(lambda ask: 0.9 if ask.key == "colour" else 0.5), out)
    return replace(made, **more)  # type: ignore[arg-type]


def plain(found: Sequence[Row]) -> list[Row]:
    """Rows without their times."""
    return [replace(row, seconds=0.0) for row in found]


def test_every_item_is_drawn_judged_and_written(data: Path, tmp_path: Path) -> None:
    given = job(data, tmp_path / "out", seeds=(0, 1))
    found = run(given)
    assert [row.question for row in found[:3]] == ["colour", "shape", WHOLE] and found[2].score == pytest.approx(0.7)
    assert len(found) == 3 * 3 * 2 and found[2].usd == pytest.approx(0.04), "the picture and two answers"
    assert plain(rows.read(given.folder)) == plain(found)
    assert (given.folder / PICTURES / "p0-1.png").is_file()


def test_what_was_done_is_not_done_again(data: Path, tmp_path: Path) -> None:
    first = job(data, tmp_path / "out", seats=1, limit_usd=0.05)
    assert len(statistics.whole(run(first))) == 2, "ends once so much is spent"
    system = Draws()
    again = job(data, tmp_path / "out", system=system)
    assert len(statistics.whole(run(again))) == 3 and system.drawn == ["p2"]


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_run_cut_off_at_any_byte_goes_on_to_equal_rows(data: Path, tmp_path: Path, cut: int) -> None:
    whole = plain(run(job(data, tmp_path / "whole")))
    torn = job(data, tmp_path / "torn")
    run(torn)
    path = torn.folder / rows.ROWS
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * cut // 40])
    system = Draws()
    assert plain(run(replace(torn, system=system))) == whole
    assert not system.drawn, "the pictures are kept"
    assert plain(rows.read(torn.folder)) == whole


def test_a_system_that_delivers_nothing_scores_zero(data: Path, tmp_path: Path) -> None:
    found = run(job(data, tmp_path / "out", system=Draws(broken=("p1",))))
    assert [row.score for row in found if row.item == "p1"] == [0.0]


def test_no_verdict_is_counted_and_no_zero(data: Path, tmp_path: Path) -> None:
    given = job(data, tmp_path / "out", judge=Says(lambda ask: math.nan if ask.item == "p1" else 1.0))
    told = result(given, run(given), data)
    assert told["undecided"] == 1 and told["score"]["mean"] == 1.0
    json.dumps(told, allow_nan=False)


def test_the_command_line_ends_in_a_result_and_a_page(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = tmp_path / "answers.jsonl"
    lines = [{"item": f"p{k}", "key": key, "value": 0.5 + k / 10} for k in range(3) for key in ("colour", "shape")]
    answers.write_text("".join(json.dumps(line) + "\n" for line in lines))
    pictures = tmp_path / "theirs"
    pictures.mkdir()
    for k in range(2):
        Image.new("RGB", (500, 300), "blue").save(pictures / f"p{k}.jpg")
    out = tmp_path / "out"
    asked = ["--data", str(data), "--system", f"folder:{pictures}", "--judge", f"recorded:{answers}", "--out", str(out)]
    assert main(Mini(), asked) == 0
    told = capsys.readouterr().out
    assert "3 of 3 items" in told and "would not be seen" in told
    figures = json.loads((out / RESULT).read_text())
    assert figures["totals"]["mean"] == pytest.approx((0.5 + 0.6 + 0) / 3), "a picture that is not there scores 0"
    assert set(figures["groups"]) == {"long", "short"} and set(figures["skills"]) == {"colour", "shape"}
    page = (out / "report.html").read_text()
    assert (
        "data:image" in page
        and "<script" not in page
        and "http" not in page.split("</style>")[1].split("How it was")[0]
    )
    assert main(Mini(), [*asked[:-1], str(out), "--json"]) == 0, "again: nothing to do"
    assert json.loads(capsys.readouterr().out)["items"] == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"--data": "nowhere"}, "prompts.txt"),
        ({"--system": "folder:nowhere"}, "no folder 'nowhere'"),
        ({"--system": "everything"}, "poser:PRESET"),
        ({"--system": "expert:none-such"}, "has no expert 'none-such'"),
        ({"--judge": "me"}, "no judge 'me'"),
        ({"--judge": "recorded:nowhere"}, "no file of answers 'nowhere'"),
        ({"--judge": "clip:openai/clip-vit-base-patch32"}, "asks its judge for 'yes'"),
        ({"--judge-config": "nowhere.yaml"}, "nowhere.yaml"),
    ],
)
def test_bad_input_is_one_line(
    data: Path, tmp_path: Path, change: Mapping[str, str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text("")
    asked = {
        "--data": str(data),
        "--system": "none",
        "--judge": f"recorded:{tmp_path / 'a.jsonl'}",
        "--out": str(tmp_path / "o"),
    }
    assert main(Mini(), [part for pair in (asked | dict(change)).items() for part in pair]) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1


def test_rows_of_another_run_are_not_mixed_in(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jsonl").write_text("")
    (tmp_path / "b.jsonl").write_text("")
    asked = ["--data", str(data), "--system", "none", "--out", str(tmp_path / "out"), "--judge"]
    assert main(Mini(), [*asked, f"recorded:{tmp_path / 'a.jsonl'}"]) == 0
    assert main(Mini(), [*asked, f"recorded:{tmp_path / 'b.jsonl'}"]) == 2
    assert "choose another --out" in capsys.readouterr().err


def test_a_judge_of_the_critics_family_is_refused() -> None:
    judge = Says(lambda _: 1.0, id="vqa:Qwen/Qwen3-VL-8B-Instruct@main")
    with pytest.raises(PoserError, match="one family \\(qwen\\)"):
        judges.refuse_same(judge, ["vqa:Qwen2.5-VL-7B:graph-3"], allowed=False)
    assert "qwen" in judges.refuse_same(judge, ["vqa:Qwen2.5-VL-7B:graph-3"], allowed=True)
    assert judges.refuse_same(judge, ["vqa:InternVL3-8B:graph-3", "clip:clip-vit-large"], allowed=False) == ""
    assert judges.families("chat:o3") == judges.families("chat:gpt-4.1") == {"gpt"}
    assert judges.families("ensemble(vqa:Qwen3-VL:graph-3,clip:siglip2-so400m@1)") == {"qwen", "siglip"}


def test_the_embedded_agent_and_its_experts_are_systems(data: Path, tmp_path: Path) -> None:
    items = [Item("a", "a red circle"), Item("b", "hello")]
    agent = systems.load("poser:poster@greedy", Mini().file)
    first, second = agent(items, 0)
    assert first.pictures and first.seconds > 0 and "poster" in agent.critics[0]
    assert not second.pictures and second.failed == "nothing was delivered"
    expert = systems.load("expert:poster-pixart", Mini().file)
    picture = tmp_path / "given.png"
    Image.new("RGB", (96, 96)).save(picture)
    drawn, refused = expert([items[0], Item("c", "make it red", pictures=(picture,))], 0)
    assert drawn.pictures and "text-to-image" in refused.failed


def test_a_folder_never_leads_outside_itself(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "secret.png")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "p1.png").write_bytes(b"not a picture")
    folder = systems.load(f"folder:{tmp_path / 'theirs'}", Mini().file)
    outside, damaged = folder([Item("../secret", ""), Item("p1", "")], 0)
    assert "no picture" in outside.failed and damaged.failed and not damaged.pictures


def test_data_files_are_read_within_limits_and_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": 2}\r\n')
    assert [row["a"] for _, row in read_lines(path)] == [1, 2]
    path.write_text('{"a": 1}\n{"a"')
    with pytest.raises(BadData, match="line 2"):
        list(read_lines(path))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadData, match="x.jsonl"):
        read_json(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(BadData, match="no column 'c'"):
        list(read_csv(path, ("a", "c")))
    path.write_text("[" * 100_000)
    with pytest.raises(BadData, match="no JSON"):
        read_json(path)


def test_better_is_said_only_where_the_interval_excludes_nothing() -> None:
    rng = np.random.default_rng(0)

    def made(shift: float) -> list[Row]:
        scores = rng.normal(0.5, 0.1, 60) + shift
        return [Row("m", f"i{k}", "", f"i{k}", 0, "s", WHOLE, "", float(s)) for k, s in enumerate(scores)]

    a, b = made(0.0), made(0.2)
    assert statistics.against(b, a)["word"] == "better" and statistics.against(a, b)["word"] == "worse"
    assert statistics.against(a, a)["word"] == "not told apart" and statistics.against(a, a)["win_rate"] == 0.5
    told = statistics.against(a, made(0.0))
    assert (told["word"] == "not told apart") == (told["difference"]["low"] <= 0 <= told["difference"]["high"])
    assert statistics.smallest(0.5, 100) == pytest.approx(0.14, abs=0.001), "benchmarks.md: n = 100, sd 0.5, 14 points"


def test_runs_are_compared_blind_and_in_both_orders(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, colour in (("left", "red"), ("right", "blue")):
        given = job(data, tmp_path / name, system=Draws(colour, id=name))
        given.folder.joinpath(RESULT).write_text(json.dumps(result(given, run(given), data)))
    runs = compare.loaded([tmp_path / "left", tmp_path / "right"])
    systems = sources.sources([tmp_path / "left", tmp_path / "right"])
    likes_red = Says(lambda ask: float(ask.pictures[0].getpixel((0, 0))[0] > 128))
    votes = sources.judged(systems, likes_red, {})
    assert [vote.won for vote in votes] == [1.0, 1.0, 1.0]
    assert [vote.won for vote in sources.judged(systems, Says(lambda _: 0.9), {})] == [0.5] * 3, "a side is no reason"
    people = tmp_path / "votes.jsonl"
    lines = [{"item": f"p{k}", "a": "right", "b": "left", "vote": vote} for k, vote in enumerate(("b", "b", "tie"))]
    people.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = compare.compared(runs, votes, votes_of.read(people))
    assert found["agreement"]["clear"] == 1.0 and found["agreement"]["pairs"] == 3
    assert found["strength"]["left"] > found["strength"]["right"]
    assert compare.main([str(tmp_path / "left"), str(tmp_path / "right"), "--votes", str(people)]) == 0
    assert "win rate (people)" in capsys.readouterr().out
    assert compare.main([str(tmp_path / "left")]) == 2


def test_bradley_terry_orders_as_the_wins_do() -> None:
    votes = [votes_of.Vote(f"i{k}", 0, a, b, 1.0) for k in range(8) for a, b in (("x", "y"), ("y", "z"), ("x", "z"))]
    strength = votes_of.bradley_terry(votes)
    assert strength["x"] > strength["y"] > strength["z"] and all(map(math.isfinite, strength.values()))
    even = [votes_of.Vote("i", 0, "x", "y", 0.5)]
    assert votes_of.bradley_terry(even)["x"] == pytest.approx(0.0)


def test_the_list_names_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed.main(["--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"dsg", "geneval2"} <= set(told) and all(row["licence"] for row in told.values())
    assert listed.main(["--download", "none"]) == 2


def test_the_embedded_critic_is_no_judge_of_the_embedded_agent(data: Path, tmp_path: Path) -> None:
    judge, agent = judges.load("vqa"), systems.load("poser:poster@greedy", Mini().file)
    with pytest.raises(PoserError, match="one family"):
        judges.refuse_same(judge, agent.critics, allowed=False)
