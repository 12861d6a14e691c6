"""Sources of tasks: seeded, split, and files of prompts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poser.learning import tasks
from poser.learning.tasks import PricedTasks
from poser.types import Budget, PoserError, Price


def test_a_seed_fixes_what_a_source_draws() -> None:
    source = tasks.load("poster:train")
    one, other = ([source.draw(rng) for _ in range(5)] for rng in (np.random.default_rng(3), np.random.default_rng(3)))
    assert [task.prompt for task in one] == [task.prompt for task in other]
    assert len({task.prompt for task in one}) > 1


def test_splits_share_no_task() -> None:
    train, test = ({t.prompt for t in tasks.load(f"poster:{s}").first(50)} for s in ("train", "test"))
    assert not train & test


def test_priced_gives_budget_and_prices_within_their_range() -> None:
    source = PricedTasks(tasks.load("poster"), Budget(steps=3), highest=Price(0.5, 2.0))
    rng = np.random.default_rng(0)
    drawn = [source.draw(rng) for _ in range(40)]
    assert all(task.budget.steps == 3 for task in drawn)
    assert all(0 <= task.price.second <= 0.5 and 0 <= task.price.usd <= 2 for task in drawn)
    assert max(task.price.second for task in drawn) > 0.25 > min(task.price.second for task in drawn)
    assert {task.price for task in source.first(3)} == {Price()}


def test_a_file_of_prompts_is_a_source(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), "red").save(tmp_path / "a.png")
    row = json.dumps({"prompt": "Make it blue.", "image": "a.png", "seed": 7})
    (tmp_path / "tasks.txt").write_text(f"Draw a cat.\n\n{row}\n")
    source = tasks.load(str(tmp_path / "tasks.txt"))
    first, second = source.first(9)
    assert (first.prompt, first.image) == ("Draw a cat.", None)
    assert (second.prompt, second.seed, second.image and second.image.size) == ("Make it blue.", 7, (32, 32))


@pytest.mark.parametrize(
    "line",
    [
        '{"prompt": 3}',
        '{"prompt": "a", "seed": "b"}',
        '{"image": "a.png"}',
        "{oops",
        '{"prompt": "a", "image": "no.png"}',
    ],
)
def test_a_line_of_another_form_is_one_line_that_names_it(tmp_path: Path, line: str) -> None:
    file = tmp_path / "tasks.txt"
    file.write_text(f"Draw a cat.\n{line}\n")
    with pytest.raises(PoserError) as caught:
        tasks.load(str(file))
    assert "line 2" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["poster:nowhere", "nothing", "lines"])
def test_unknown_sources_are_refused(name: str) -> None:
    with pytest.raises(PoserError):
        tasks.load(name)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(PoserError, match="no prompt"):
        tasks.load(str(tmp_path / "empty.txt"))


def test_a_class_gives_its_own_budget_and_a_seed_other_tasks() -> None:
    tight = tasks.load("poster:validation:tight")
    assert tight.id == "poster:validation:tight" and {task.budget.steps for task in tight.first(4)} == {4}
    mixed = tasks.load("poster:validation:all").first(40)
    assert {task.budget.steps for task in mixed} == {4, 6, 8}
    other = tasks.load("poster:validation:tight:7")
    assert other.id == "poster:validation:tight:7" and other.first(1)[0].id != tight.first(1)[0].id
    assert tasks.load("poster:validation:short").first(3) == tasks.load("poster:validation").first(3)


@pytest.mark.parametrize("name", ["poster:dev", "poster:test:odd", "poster:test:long:x", "poster:test:long:1:2"])
def test_unknown_tasks_are_one_line(name: str) -> None:
    with pytest.raises(PoserError) as error:
        tasks.load(name)
    assert "\n" not in str(error.value)
