"""The main job on the embedded preset: real experts, real critic, judged by the exact reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from experts.poster.instruction import changed
from experts.poster.reader import read
from experts.poster.render import render as paint
from experts.poster.scene import Item, Scene, match
from experts.types import image_digest
from poser import Poser
from poser.runs import record as records
from poser.runs.report import render
from poser.types import in_order

PROMPT = (
    "A poster with a big red star in the center and a small blue circle at the bottom left on a yellow background. "
    "Make the star green. Add a small black heart at the top right. Change the background to white."
)
FOLLOW_UP = "Remove the circle, then turn the heart purple."


@pytest.fixture(scope="module")
def poser() -> Poser:
    return Poser.from_pretrained("poster")


@pytest.fixture(scope="module")
def demo(poser: Poser):  # noqa: ANN201
    return poser(PROMPT, seed=0)


def test_a_long_prompt_becomes_the_picture(demo) -> None:  # noqa: ANN001
    plan = demo.trajectory.steps[-1].after.plan
    assert len(plan.commands) == 4 and plan.current is None
    target = changed(None, [command.meaning for command in in_order(plan.commands)])
    assert match(read(demo.images[0]), target).share >= 0.7
    assert demo.satisfied is False or match(read(demo.images[0]), target).exact


def test_what_is_claimed_is_what_the_ends_say(demo) -> None:  # noqa: ANN001
    assert [ended.command for ended in demo.ends] == [text.rstrip(".") for text in PROMPT.split(". ")]
    assert demo.satisfied is (all(ended.end == "done" for ended in demo.ends) and demo.satisfied)
    assert all(ended.end == "done" or ended.reason for ended in demo.ends)


def test_what_is_not_in_the_picture_is_said_and_costs_no_call(poser: Poser) -> None:
    given = paint(Scene("white", (Item(4, "heart", "red"),)))
    out = poser("Remove the circle.", image=given, seed=0)
    (ended,) = out.ends
    assert out.trajectory.steps == () and out.satisfied is False
    assert ended.end == "not possible" and ended.reason == "there is no circle (there is a red heart)"
    assert image_digest(out.images[0]) == image_digest(given)


def test_what_nobody_understands_gives_no_picture(poser: Poser) -> None:
    out = poser(["hello", "A red poster with a big white star at the center."])
    assert [ended.end for ended in out.ends[0]] == ["not understood"] and out.trajectories[0].images == []
    assert len(out.images) == 1 and out.satisfied[0] is False


def test_every_step_says_what_happened(demo) -> None:  # noqa: ANN001
    for step in demo.trajectory.steps:
        assert step.action.expert and step.request and step.result and step.critique
        assert step.request.asked and 0 <= step.critique.score <= 1 and step.critique.answers
        assert step.result.seconds > 0 and step.after.spent.seconds > step.before.spent.seconds


def test_a_picture_is_edited(poser: Poser, demo) -> None:  # noqa: ANN001
    out = poser(FOLLOW_UP, image=demo.images[0], seed=0)
    assert [step.action.expert for step in out.trajectory.steps][0] is not None
    assert out.images[0].size == demo.images[0].size
    assert image_digest(out.images[0]) != image_digest(demo.images[0])


def test_a_seed_fixes_a_run(poser: Poser, demo) -> None:  # noqa: ANN001
    again = poser(PROMPT, seed=0)
    assert image_digest(again.images[0]) == image_digest(demo.images[0])
    assert [s.action for s in again.trajectory.steps] == [s.action for s in demo.trajectory.steps]


def test_a_list_of_prompts_is_a_list_of_pictures(poser: Poser) -> None:
    out = poser(
        ["A red poster with a big white star at the center.", "A blue poster with a big yellow heart at the center."]
    )
    assert len(out.images) == len(out.trajectories) == 2
    assert {read(image).background for image in out.images} == {"red", "blue"}


def test_the_record_replays(demo, tmp_path: Path) -> None:  # noqa: ANN001
    recorder = records.Recorder(tmp_path)
    recorder.start(demo.trajectory)
    for step in demo.trajectory.steps:
        recorder.step(step)
    recorder.end(demo.trajectory)
    again = records.load(tmp_path)
    assert image_digest(again.images[0]) == image_digest(demo.images[0])
    assert [step.action for step in again.steps] == [step.action for step in demo.trajectory.steps]
    assert "data:image/png;base64," in render(again)
    assert Image.open(tmp_path / "final.png").size == demo.images[0].size
