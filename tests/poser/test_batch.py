"""`poser batch`: a line a task, one bad line costs one line, what is done is not done again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks._harness.systems import Folder
from benchmarks._harness.types import Item
from experts.images import open_image, png
from poser.agent import Poser
from poser.cli import main
from tests.poser import given_world
from tests.poser.serve.serving import agent
from tests.poser.world import PICTURE

LINES = [
    {"prompt": "Draw a cat. Make it blue.", "id": "cat", "seed": 3},
    "Draw a dog.",
    {"prompt": "Make it red.", "id": "edit", "image": "in.png"},
    {"prompt": "x", "id": "../up"},
    {"prompt": "x", "id": "gone", "image": "nothing.png"},
    {"prompt": "x", "id": "cat"},
    {"prompt": "x", "id": "typo", "sed": 3},
    {"prompt": 7, "id": "number"},
]


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A folder with a file of prompts, and the fast world in place of the preset's."""
    fast = agent()
    monkeypatch.setattr(Poser, "from_config", classmethod(lambda cls, config: fast))
    (tmp_path / "in.png").write_bytes(png(PICTURE))
    text = "\n".join(json.dumps(line) for line in LINES) + "\n\n{broken\n"
    (tmp_path / "prompts.jsonl").write_text(text)
    return tmp_path, fast


def run(folder: Path, *more: str) -> int:
    return main(["batch", str(folder / "prompts.jsonl"), "--out", str(folder / "out"), "--quiet", *more])


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "out" / "results.jsonl").read_text().splitlines()]


def test_good_lines_are_carried_out_and_bad_ones_cost_themselves(world, capsys):
    folder, fast = world
    assert run(folder) == 1
    told = capsys.readouterr()
    assert told.out.startswith("3 of 9 pictures") and "no such file" in told.err and "twice" in told.err
    found = {row["id"]: row for row in rows(folder)}
    assert {id for id, row in found.items() if row["picture"]} == {"cat", "000002", "edit"}
    assert "stands there twice" in found["line-6"]["error"] and "'sed'" in found["typo"]["error"]
    page = (folder / "out" / "index.html").read_text()
    assert 'src="edit.png"' in page and "<script" not in page


def test_what_is_done_is_not_done_again_and_seeds_give_what_run_gives(world):
    folder, fast = world
    good = [LINES[0], LINES[1], LINES[2]]
    (folder / "prompts.jsonl").write_text("\n".join(map(json.dumps, good)))
    assert run(folder) == 0
    calls = fast.mdp.pool.stats.requests
    assert run(folder) == 0 and fast.mdp.pool.stats.requests == calls and len(rows(folder)) == 3
    alone = fast(LINES[0]["prompt"], seed=3).images[0]
    assert open_image(folder / "out" / "cat.png").tobytes() == alone.tobytes()
    good[0]["seed"] = 4
    (folder / "prompts.jsonl").write_text("\n".join(map(json.dumps, good)))
    assert run(folder) == 0 and [row["id"] for row in rows(folder)].count("cat") == 2
    (folder / "out" / "edit.png").unlink()
    assert run(folder) == 0 and (folder / "out" / "edit.png").is_file()


def test_a_batch_that_is_stopped_goes_on(world, monkeypatch):
    folder, fast = world
    (folder / "prompts.jsonl").write_text("\n".join(json.dumps({"prompt": "Draw a cat.", "seed": k}) for k in range(6)))
    step, turns = type(fast.mdp).step, []

    def interrupted(self, *given):
        turns.append(1)
        if len(turns) == 5:
            raise KeyboardInterrupt
        return step(self, *given)

    monkeypatch.setattr(type(fast.mdp), "step", interrupted)
    assert run(folder, "--seats", "1") == 130
    kept = len(rows(folder))
    with (folder / "out" / "results.jsonl").open("ab") as file:
        file.write(b'{"id": "torn')
    assert 0 < kept < 6
    assert run(folder, "--seats", "4") == 0 and len(rows(folder)) == 6


def test_the_pictures_are_what_the_benchmarks_read(world):
    folder, _ = world
    (folder / "prompts.jsonl").write_text(json.dumps(LINES[0]))
    assert run(folder) == 0
    system = Folder("folder:out", folder / "out", lambda item, seed: f"{item.id}/{seed}.jpg")
    assert system([Item("cat", LINES[0]["prompt"])], 0)[0].pictures


def test_a_file_that_is_not_there_is_one_line(tmp_path, capsys):
    assert main(["batch", str(tmp_path / "no.jsonl"), "--out", str(tmp_path / "out")]) == 2
    assert "give a file of JSON lines" in capsys.readouterr().err


def test_lines_have_references_masks_and_wishes(tmp_path, monkeypatch):
    monkeypatch.setattr(Poser, "from_config", classmethod(lambda cls, config: given_world.agent()))
    image, mask = given_world.noise(1, (40, 24)), given_world.area(1, (40, 24))
    for name, picture in (("a", image), ("b", given_world.noise(2, (9, 9))), ("m", mask)):
        (tmp_path / f"{name}.png").write_bytes(png(picture))
    lines = [
        {"prompt": "Make it blue.", "id": "edit", "image": ["a.png", "b.png"], "mask": "m.png", "quality": "low"},
        {"prompt": "A dog.", "id": "draw", "size": "48x40", "transparent": True},
        {"prompt": "x", "id": "list", "image": ["a.png", 7]},
        {"prompt": "x", "id": "other", "image": "a.png", "mask": "b.png"},
        {"prompt": "x", "id": "two", "image": "a.png", "mask": ["m.png", "m.png"]},
        {"prompt": "x", "id": "best", "quality": "best"},
        {"prompt": "x", "id": "clear", "transparent": "yes"},
        {"prompt": "x", "id": "seed", "seed": ""},
    ]
    (tmp_path / "prompts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert run(tmp_path) == 1
    found = {row["id"]: row for row in rows(tmp_path)}
    assert {id for id, row in found.items() if row["picture"]} == {"edit", "draw"}
    outside = np.asarray(mask) == 0
    edited = open_image(tmp_path / "out" / "edit.png")
    assert (np.asarray(edited)[outside] == np.asarray(image)[outside]).all()
    assert open_image(tmp_path / "out" / "draw.png").size == (48, 40)
    assert "is no path" in found["list"]["error"] and "picture's size" not in found["edit"]["error"]
