"""The net change of commands: the same picture, never more commands, every word still there."""

from __future__ import annotations

import pytest

from experts.poster.instruction import apply, changed
from experts.poster.render import render
from experts.poster.scene import Item, Scene
from experts.poster.tasks import CLASSES, Deck
from poser.learning.tasks.poster import to_task
from poser.planning._net import UNDONE, net
from poser.planning.poster import PosterExtractor, first
from poser.types import Task

SCENE = Scene("white", (Item(4, "star", "red"), Item(0, "heart", "blue", "small")))


def commands(prompt: str, scene: Scene | None = SCENE):
    return first(Task(prompt, render(scene) if scene else None), scene).pending


def means(prompt: str, scene: Scene | None = SCENE) -> list[str]:
    return [command.wording for command in net(commands(prompt, scene), scene).pending]


@pytest.mark.parametrize(
    "prompt, wanted",
    [
        ("Make the star green. Make the star purple.", ["make the red star at center purple"]),
        ("Make the star green. Remove the star.", ["remove the red star at center"]),
        ("Make the star green. Make the heart big.", ["make the star green", "make the heart big"]),
        ("Add a small black circle at the top right. Make the circle green.", ["add small green circle at top right"]),
        ("Make the background black. Make the background yellow.", ["make the background yellow"]),
        (
            "Make the star green. Make the star small. Move the star to the bottom left.",
            ["remove the red star at center", "add small green star at bottom left"],
        ),
    ],
)
def test_commands_on_one_item_become_its_net_change(prompt: str, wanted: list[str]) -> None:
    assert means(prompt) == wanted


def test_what_is_undone_later_needs_no_call() -> None:
    found = net(commands("Add a green circle at the top right. Make the heart big. Remove the circle."), SCENE)
    assert [command.wording for command in found.pending] == ["make the heart big"]
    assert [(command.text, command.end, command.reason) for command in found.settled] == [
        ("Add a green circle at the top right", "done", UNDONE),
        ("Remove the circle", "done", UNDONE),
    ]


def test_a_description_stays_and_the_rest_is_compiled_behind_it() -> None:
    said = "Draw a red star at the center on a white background. Make the star green. Make the star blue."
    plan = commands(said, None)
    found = net(plan, None).pending
    assert found[0] == plan[0] and len(found) == 2 and found[1].text == "Make the star green; Make the star blue"


def test_words_without_a_meaning_leave_the_commands_alone() -> None:
    plan = commands("Make the star green. Make the star blue.")
    assert net(plan, Scene("white")).pending == plan


@pytest.mark.parametrize("name", CLASSES)
def test_the_net_change_is_the_same_picture_in_no_more_commands(name: str) -> None:
    saved = 0
    for task in Deck("train", None, name).first(40, seed=3):
        plan = first(to_task(task), task.start).pending
        found = net(plan, task.start)
        assert changed(task.start, [c.meaning for c in found.pending]) == task.target
        assert len(found.pending) <= len(plan) and [c.order for c in found.pending] == list(range(len(found.pending)))
        told = "; ".join(c.text for c in (*found.pending, *found.settled))
        assert all(c.text in told for c in plan)
        scene = task.start
        for command in found.pending:
            scene = apply(scene, command.meaning)
        saved += len(plan) - len(found.pending)
    assert saved > 0


def test_the_extractor_compiles_where_it_is_told_to() -> None:
    task = Task("Make the star green. Make the star blue.", render(SCENE))
    plain, short = (PosterExtractor(net=on).start([task], [SCENE])[0].plan for on in (False, True))
    assert len(plain.pending) == 2 and len(short.pending) == 1
