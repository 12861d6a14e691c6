"""Scopes of the next K commands, input pictures drawn anew, and what a picture drawn anew costs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from experts.images import FAR, likeness
from experts.poster.render import render
from experts.poster.scene import Item, Scene, cell
from experts.types import Card
from poser import config
from poser.actions import ActionSet, carried_out, waiting
from poser.critics.questions.asking import Ask, Said, judged
from poser.critics.questions.poster import Poster
from poser.planning.poster import first
from poser.reward import harmed, value_of
from poser.types import Action, Command, Critique, Look, Plan, PoserError, Scope, State, Task
from poser.wording.plain import Plain
from poser.wording.poster import Poster as PosterWords
from tests.poser.world import PICTURE

CARDS = (Card("draw", "text-to-image", (), "draws"), Card("edit", "image-to-image", (), "edits"))
SCOPES: tuple[Scope, ...] = ("current", "first 2", "first 3", "all")
SCENE = Scene("white", (Item(4, "star", "red"), Item(0, "heart", "blue")))


def plan(count: int) -> Plan:
    commands = [Command(f"do {k}") for k in range(count)]
    return Plan(current=commands[0] if commands else None, remaining=tuple(commands[1:]))


@given(st.integers(1, 8), st.sampled_from(SCOPES))
def test_a_scope_splits_what_is_pending_and_nothing_is_lost(count: int, scope: str) -> None:
    pending = plan(count)
    done, rest = carried_out(pending, scope), waiting(pending, scope)
    assert done + rest == pending.pending and done
    assert len(done) == min(count, {"current": 1, "first 2": 2, "first 3": 3, "all": count}[scope])


@given(st.integers(1, 8), st.booleans())
def test_no_two_legal_scopes_of_an_expert_hand_over_the_same(count: int, given_one: bool) -> None:
    actions = ActionSet.of(CARDS, SCOPES)
    state = State(Task("x", PICTURE if given_one else None), plan(count), image=PICTURE if given_one else None)
    legal = [actions.slots[k] for k in np.flatnonzero(actions.mask([state])[0]) if actions.slots[k].expert]
    handed = [(action.expert, carried_out(state.plan, action.scope)) for action in legal]
    assert len(set(handed)) == len(handed) and ("edit" if given_one else "draw", state.plan.pending) in handed


def test_settings_name_scopes_and_drawing_anew() -> None:
    rules = config.Rules(scopes=["current", "first 3", "all"], recreate=True)
    assert rules.actions(CARDS).slots[1:4] == tuple(Action("draw", s) for s in ("current", "first 3", "all"))
    for wrong in (["all"], ["current", "first 1"], ["current", "next"], ["current", "current"], []):
        with pytest.raises(PoserError) as error:
            config.load("poster", {"rules.scopes": wrong})
        assert "scopes" in str(error.value) and "\n" not in str(error.value)


def looked(recreate: bool, seen: Scene | None) -> tuple[ActionSet, State]:
    task = Task("Make the star green.", render(SCENE))
    state = State(task, first(task, SCENE), image=task.image, seen=seen)
    return ActionSet.of(CARDS, recreate=recreate), state


@pytest.mark.parametrize("recreate, seen, legal", [(True, SCENE, True), (True, None, False), (False, SCENE, False)])
def test_an_input_picture_is_drawn_anew_only_where_somebody_read_it(recreate, seen, legal) -> None:
    actions, state = looked(recreate, seen)
    assert bool(actions.mask([state])[0][actions.slot("draw")]) is legal


def test_what_is_read_is_part_of_the_words_of_a_new_drawing_and_of_nothing_else() -> None:
    actions, state = looked(True, SCENE)
    draw, edit = ((state, Action(card.id, "current"), card) for card in CARDS)
    new, change = PosterWords().write([draw, edit])
    assert new.prompt == "big blue heart at top left, big green star at center, white background"
    assert change.prompt == "make the star green"
    new, change = Plain().write([draw, edit])
    assert new.prompt.startswith("big blue heart at top left, big red star at center, white background. ")
    assert new.prompt.endswith("make the star green") and change.prompt == "make the star green"


LEVELS = st.integers(0, 255)


@settings(max_examples=30)
@given(st.tuples(LEVELS, LEVELS, LEVELS), st.tuples(LEVELS, LEVELS, LEVELS))
def test_likeness_is_one_for_the_same_symmetric_and_between_0_and_1(a, b) -> None:
    one, other = (Image.new("RGB", (96, 96), colour) for colour in (a, b))
    boxes = [cell(0), cell(8)]
    found = likeness(one, other, boxes)
    assert 0 <= found <= 1 and found == likeness(other, one, boxes) and likeness(one, one, boxes) == 1
    assert found == pytest.approx(max(0, 1 - np.abs(np.subtract(a, b)).mean() / FAR), abs=1e-5)


def test_likeness_looks_into_the_boxes_alone() -> None:
    other = render(Scene("white", (*SCENE.items, Item(8, "circle", "black"))))
    assert likeness(render(SCENE), other, [cell(place) for place in range(8)]) == 1
    assert likeness(render(SCENE), other, [cell(8)]) < 1
    assert math.isnan(likeness(render(SCENE), other, []))
    assert math.isnan(likeness(render(Scene("white")), other, [cell(8)], (255, 255, 255)))


def sure(asks: list[Ask]) -> list[Said]:
    """Says what SCENE shows, and that whatever else is asked is so."""
    return [Said(float("green" not in ask.question)) for ask in asks]


def identity(image: Image.Image, prompt: str = "Make the star green.") -> float:
    task = Task(prompt, render(SCENE))
    wanted = first(task, SCENE).pending
    look = Look(image, task.image, task.image, (), wanted)
    return judged([look], _Reads(), sure, "test")[0].identity


class _Reads(Poster):
    """The poster questions, where the input picture is read without a mistake."""

    def judge(self, look: Look):
        from poser.critics.questions import poster

        def known(_: Image.Image):
            return SCENE
            yield

        real, poster.read_scene = poster.read_scene, known
        try:
            return (yield from super().judge(look))
        finally:
            poster.read_scene = real


def test_identity_is_what_the_untouched_things_look_like() -> None:
    green = replace(SCENE, items=(Item(4, "star", "green"), Item(0, "heart", "blue")))
    assert identity(render(green)) == 1
    shifted = render(green, jitter={item: (1.0, 1.0, 1.0) for item in green.items})
    assert 0.5 < identity(shifted) < 1
    assert identity(render(replace(green, items=green.items[1:]))) < 0.5
    assert identity(render(Scene("black", green.items))) < 0.1


def test_where_the_background_was_to_change_only_things_are_compared() -> None:
    assert identity(render(replace(SCENE, background="black")), "Make the background black.") > 0.9
    assert identity(render(Scene("black")), "Make the background black.") < 0.3


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_picture_that_looks_less_like_the_given_one_is_worth_less(kept: float, alike: float) -> None:
    whole = plan(2)
    value = value_of(whole, Critique((1.0,), kept=kept, identity=alike))
    assert value == pytest.approx((1 + kept * alike) / 3)
    assert value <= value_of(whole, Critique((1.0,), kept=kept, identity=1.0))
    assert value_of(whole, Critique((1.0,), kept=kept)) == value_of(whole, Critique((1.0,), kept=kept, identity=1.0))


def test_a_picture_that_is_another_one_is_said_to_be_harmed() -> None:
    state = State(Task("x", PICTURE), plan(1), image=PICTURE)
    assert harmed(state, Critique((1.0,), kept=1.0, identity=0.3), 0.5)
    assert not harmed(state, Critique((1.0,), kept=1.0, identity=0.7), 0.5)
    assert not harmed(state, Critique((1.0,), kept=1.0), 0.5)
