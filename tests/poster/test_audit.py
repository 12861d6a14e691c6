"""What was read is claimed only where every word of it counted."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.poster.language.audit import unheard
from experts.poster.language.clauses import clauses
from experts.poster.language.reading import read
from experts.poster.language.tokens import tokens
from experts.poster.language.wishes import Step, Wish
from experts.poster.language.world import World
from experts.poster.scene import COLOURS, SHAPES, Item, Scene

SCENE = Scene(
    "white", (Item(0, "star", "red", "big"), Item(4, "circle", "blue", "small"), Item(8, "heart", "green", "big"))
)
EDITS = (
    "make the star purple", "remove the blue circle", "move the heart up", "swap the star and the circle",
    "put a small black square to the left of the heart", "everything except the star shall be orange",
    "make the big red star small", "copy the circle to the top right", "keep only the heart",
    "not the star but the heart is orange",
)  # fmt: skip


@pytest.mark.parametrize("text", EDITS)
def test_every_word_of_a_plain_edit_counts(text: str) -> None:
    assert not [wish for wish in read(text, SCENE).wishes if wish.end]


def step_of(text: str) -> Step:
    (clause,) = clauses(tokens(text))
    world = World.of(SCENE, frozenset(), ())
    return Step(clause, world, world.seen(world.things[:1]), Wish(text, (0, len(text))), False)


@pytest.mark.parametrize("text", ["make the star purple", "turn the circle into a diamond", "place it above the heart"])
def test_words_that_make_no_difference_are_said_and_those_that_do_are_not(text: str) -> None:
    step = step_of(text)
    ignored = {token.text for token in unheard(step, lambda step, clause: step.after)}
    assert ignored & {"purple", "diamond", "above"}
    assert not list(unheard(step, lambda step, clause: None))
    forbidden = replace(step, clause=replace(step.clause, negated=True))
    assert not list(unheard(forbidden, lambda step, clause: step.after))


@given(st.sampled_from(SHAPES), st.sampled_from(sorted(COLOURS)), st.sampled_from(EDITS[:4]))
@settings(max_examples=60, deadline=None)
def test_an_edit_with_a_word_too_many_is_never_claimed(shape: str, colour: str, edit: str) -> None:
    if colour in edit or shape in edit or colour == "white":
        return
    reading = read(f"{edit} {colour}ish {shape}", SCENE)
    plain = read(edit, SCENE)
    assert reading.target != plain.target or any(wish.end for wish in reading.wishes)
