"""Tasks as people have them: references, a mask, a wished size, wishes. What holds for all of them, as properties."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import poser.agent
from experts.images import ImageError, allowed_size, mask_of, png
from experts.poster.scene import Scene
from poser.cli import main
from poser.mdp import MDP
from poser.policies.random import Random
from poser.rollout import rollout
from poser.runs import record
from poser.types import PoserError, Task, Trajectory
from tests.poser.given_world import DRAW, ONE, SEVERAL, TOLD, agent, area, noise, world

sizes = st.tuples(st.integers(16, 40), st.integers(16, 40))
prompts = st.sampled_from(["Make it blue.", "Make it blue. Add a hat. Remove the door.", "silent. Add a hat."])


def played(mdp: MDP, task: Task) -> Trajectory:
    return dict(rollout(mdp, Random(), [task]))[0]


@settings(max_examples=25, deadline=None)
@given(sizes, st.integers(0, 99), prompts, st.sampled_from([3, 4]))
def test_outside_of_a_mask_no_pixel_changes(size: tuple[int, int], seed: int, prompt: str, channels: int) -> None:
    image, mask, mdp = noise(seed, size, channels), area(seed, size), world()
    whole = played(mdp, Task(prompt, image, seed, mask=mask, alpha=channels == 4))
    outside = np.asarray(mask) == 0
    was = np.asarray(image.convert("RGBA"))[outside]
    made = [step.result.image for step in whole.steps if step.result and step.result.image]
    assert made
    for picture in [*made, *whole.images]:
        assert picture.size == size
        assert (np.asarray(picture.convert("RGBA"))[outside] == was).all()
    for step in whole.steps:
        if step.request is not None:
            assert (step.request.mask is mask) == (step.action.expert == TOLD.id)
            assert step.result is not None and "changes outside of the mask taken back" in step.result.notes
    looks = mdp.critic.looks  # type: ignore[attr-defined]
    assert looks and all(look.mask is mask for look in looks)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2), st.integers(0, 99), prompts)
def test_experts_that_take_too_few_pictures_are_no_actions(count: int, seed: int, prompt: str) -> None:
    references = tuple(noise(seed + k, (20, 20)) for k in range(count))
    mdp = world()
    task = Task(prompt, noise(seed, (32, 32)), seed, references=references)
    legal = {mdp.actions.slots[k].expert for k in np.flatnonzero(mdp.mask(mdp.start([task]))[0])} - {None}
    assert legal == {card.id for card in (ONE, SEVERAL, TOLD) if card.pictures > count}
    for step in played(mdp, task).steps:
        if step.request is not None:
            assert step.request.images[1:] == references and step.result and step.result.image
    assert all(look.references == references for look in mdp.critic.looks)  # type: ignore[attr-defined]


@pytest.mark.parametrize("more", [{}, {"references": (noise(2, (9, 9)),)}, {"mask": area(1, (32, 32))}])
def test_nothing_is_drawn_anew_that_must_keep_to_a_mask_or_references(more: dict[str, Any]) -> None:
    mdp = world()
    actions = replace(mdp.actions, recreate=True)
    state = replace(mdp.start([Task("Make it blue.", noise(1, (32, 32)), **more)])[0], seen=Scene("white"))
    assert bool(actions.mask([state])[0][actions.slot(DRAW.id)]) == (not more)


@settings(max_examples=25, deadline=None)
@given(sizes, st.integers(0, 99))
def test_a_wished_size_is_the_nearest_that_the_card_allows_and_another_is_told(
    size: tuple[int, int], seed: int
) -> None:
    draw = replace(DRAW, multiple=8, max_side=32)
    whole = played(world([draw]), Task("A dog.", seed=seed, size=size))
    step = whole.steps[0]
    assert step.request and step.result and step.result.image
    assert step.request.size == step.result.image.size == allowed_size(size, draw)
    told = any(note.startswith("asked for {}x{} px".format(*size)) for note in step.result.notes)
    assert told == (step.result.image.size != size)


def test_wishes_become_params_where_a_card_knows_them() -> None:
    mdp = world()
    plain, low = (played(mdp, Task("A dog.", wishes=wishes)) for wishes in ((), ("low", "high", "transparent")))  # type: ignore[arg-type]
    assert plain.steps[0].request and low.steps[0].request
    assert dict(plain.steps[0].request.params) == {}
    assert dict(low.steps[0].request.params) == {"strength": 0.1, "ground": "clear"}
    assert (
        low.steps[0].result
        and low.steps[0].result.image
        and plain.steps[0].request.digest != low.steps[0].request.digest
    )


def test_a_record_keeps_all_of_it(tmp_path: Path) -> None:
    image, mask = noise(1, (32, 24)), area(1, (32, 24))
    made = agent()("Make it blue. Add a hat.", [image, noise(2, (9, 9))], mask=mask, quality="low")
    (folder,) = made.save(tmp_path / "run")
    again = record.load(folder)
    assert again.task == made.trajectory.task and again.steps == made.trajectory.steps
    assert again.task.wishes == ("low",) and again.task.references and again.task.mask is not None
    assert {"00-input.png", "00-reference-1.png", "00-mask.png"} <= {file.name for file in (folder / "steps").iterdir()}
    page = (folder / "report.html").read_text()
    assert "Mask: white may change" in page and "steps/00-mask.png" in page and "--quality low" in page


def test_python_takes_several_pictures_a_mask_and_candidates() -> None:
    image, mask = noise(1, (32, 24)), area(1, (32, 24))
    four = agent()("Make it blue.", [png(image), noise(2, (9, 9))], mask=png(mask), n=4, seed=7)
    assert four.many and [t.task.seed for t in four.trajectories] == [7, 8, 9, 10]
    assert all(t.task.mask is not None and len(t.task.references) == 1 for t in four.trajectories)
    drawn = agent()("A dog.", size="48x40", transparent=True)
    assert drawn.trajectory.task.size == (48, 40) and drawn.images[0].size == (48, 40)
    assert drawn.trajectory.task.alpha and drawn.trajectory.task.wishes == ("transparent",)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"image": [noise(k, (8, 8)) for k in range(4)]}, "4 pictures; no expert of 'poster' takes more than 3"),
        ({"mask": area(1, (8, 8))}, "give the picture too"),
        ({"image": noise(1, (8, 8)), "mask": area(1, (9, 8))}, "has 9x8 px and the picture 8x8"),
        ({"image": noise(1, (8, 8)), "mask": noise(1, (8, 8), 4)}, "transparent in places"),
        ({"image": noise(1, (8, 8)), "mask": Image.new("L", (8, 8))}, "black all over"),
        ({"image": [noise(1, (8, 8)), b"no"]}, "picture 2"),
        ({"size": "big"}, "give WIDTHxHEIGHT"),
        ({"size": (0, 5)}, "width 0 is out of range"),
        ({"quality": "best"}, "give auto, low, medium, high"),
        ({"n": 0}, "n 0 is out of range"),
    ],
)
def test_what_cannot_be_is_one_line(given_: dict[str, Any], words: str) -> None:
    with pytest.raises(PoserError, match=words) as caught:
        agent()("Make it blue.", **given_)
    assert "\n" not in str(caught.value)


@settings(max_examples=25, deadline=None)
@given(sizes, st.integers(0, 99))
def test_a_mask_is_sharp_whatever_file_it_comes_from(size: tuple[int, int], seed: int) -> None:
    sharp = area(seed, size).resize((size[0] * 8, size[1] * 8), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    sharp.save(buffer, "JPEG", quality=90)
    found = mask_of(buffer.getvalue(), sharp.size)
    assert found is not None and set(np.unique(np.asarray(found))) == {0, 255}
    assert (np.asarray(found) == np.asarray(sharp)).mean() > 0.99
    assert mask_of(Image.new("L", size, 255), size) is None
    with pytest.raises(ImageError, match="mask of the picture's size"):
        mask_of(sharp, (size[0] * 8 + 1, size[1] * 8))


def test_the_shell_takes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(poser.agent.Poser, "from_config", lambda config: agent())
    image, mask = noise(1, (32, 24)), area(1, (32, 24))
    for name, picture in (("a", image), ("b", noise(2, (9, 9))), ("m", mask)):
        picture.save(f"{name}.png")
    words = ["Make it blue.", "--image", "a.png", "--image", "b.png", "--mask", "m.png", "--quality", "low"]
    assert main(["run", *words, "--out", "run", "--quiet"]) in (0, 3)
    outside = np.asarray(mask) == 0
    assert (np.asarray(Image.open("run/final.png").convert("RGB"))[outside] == np.asarray(image)[outside]).all()
    assert len(record.load("run").task.references) == 1
    for bad in (["--mask", "m.png"], ["--image", "a.png", "--mask", "b.png"], ["--size", "x"]):
        assert main(["run", "Make it blue.", *bad, "--out", "other"]) == 2
        assert not Path("other").exists()
    capsys.readouterr()
