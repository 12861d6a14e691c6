"""Symbols -> words: what the experts were trained to read, and that a reader of words gives the symbols back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.poster.instruction import Instruction, Ref, canonical, changed
from experts.poster.language.reading import Reading, read
from experts.poster.language.tokens import tokens
from experts.poster.phrases import SPLITS, phrase
from experts.poster.scene import COLOURS, PLACES, SHAPES, SIZES, Item, Scene, SceneError, caption
from experts.poster.tasks import EDITS, KINDS, draw_edit, draw_scene

SCENE = Scene("white", (Item(0, "star", "red"), Item(6, "circle", "blue", "small")))


def target(text: str, scene: Scene | None = None) -> Scene | None:
    """The scene that words lead to; a failure where any of them is not understood or cannot be done."""
    reading = read(text, scene)
    assert not any(wish.end for wish in reading.wishes), (text, reading.wishes)
    made = [one for wish in reading.wishes for one in wish.instructions]
    assert (changed(scene, made) if made else scene) == reading.target
    return reading.target


def drawn(split: str, count: int):
    """Instructions of every verb, each with the scene that it is about (None: it draws one)."""
    rng = np.random.default_rng(SPLITS.index(split))
    for k in range(count):
        scene = draw_scene(rng, split, KINDS[k % len(KINDS)])
        yield Instruction("generate", items=scene.items, background=scene.background), None, rng
        for verb in EDITS:
            edit = draw_edit(scene, rng, verb)
            if edit is not None:
                yield edit, scene, rng


@pytest.mark.parametrize("count", [20, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("split", SPLITS)
def test_every_sampled_phrasing_is_read_as_its_instruction(split, count):
    seen = set()
    for instruction, scene, rng in drawn(split, count):
        wanted = changed(scene, [instruction])
        for _ in range(2):
            text = phrase(instruction, rng, split)
            assert target(text, scene) == wanted, text
        assert target(text[0].upper() + text[1:] + ".", scene) == wanted, text
        seen.add(instruction.verb)
    assert seen == {"generate", *EDITS}


def test_the_splits_have_different_phrasings():
    texts = {}
    for split in SPLITS:
        rng = np.random.default_rng(0)
        edit = Instruction("recolour", ref=Ref("star"), colour="red")
        texts[split] = {phrase(edit, rng, split) for _ in range(40)}
    assert not texts["train"] & texts["validation"]
    assert not texts["train"] & texts["test"]
    assert not texts["validation"] & texts["test"]


def test_unknown_split_is_a_key_error():
    with pytest.raises(KeyError):
        phrase(Instruction("remove", ref=Ref("star")), np.random.default_rng(0), "dev")


@pytest.mark.parametrize("split", SPLITS)
def test_canonical_words_are_read_back(split):
    for instruction, scene, _ in drawn(split, 30):
        text = canonical(instruction)
        assert target(text, scene) == changed(scene, [instruction]), text


scenes = st.builds(
    Scene,
    st.sampled_from(["white"]),
    st.lists(
        st.builds(
            Item,
            st.integers(0, 8),
            st.sampled_from(SHAPES),
            st.sampled_from([colour for colour in COLOURS if colour != "white"]),
            st.sampled_from(SIZES),
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda item: item.place,
    ).map(tuple),
)


@settings(max_examples=60)
@given(scenes, st.data())
def test_any_edit_survives_its_canonical_words(scene, data):
    item = data.draw(st.sampled_from(scene.items))
    ref = Ref(item.shape, item.colour, item.size, item.place)
    colours = [colour for colour in COLOURS if colour not in ("white", item.colour)]
    for instruction in (
        Instruction("remove", ref=ref),
        Instruction("recolour", ref=ref, colour=data.draw(st.sampled_from(colours))),
        Instruction("resize", ref=ref, size="small" if item.size == "big" else "big"),
        Instruction("move", ref=ref, place=data.draw(st.sampled_from(scene.free()))),
        Instruction(
            "replace",
            ref=ref,
            shape=data.draw(st.sampled_from([shape for shape in SHAPES if shape != item.shape])),
            colour=data.draw(st.sampled_from(colours)),
            size=data.draw(st.sampled_from(SIZES)),
        ),
        Instruction("background", background=data.draw(st.sampled_from(sorted(free_grounds(scene))))),
    ):
        assert target(canonical(instruction), scene) == changed(scene, [instruction])


def free_grounds(scene: Scene) -> set[str]:
    """Colours that the background may have."""
    return set(COLOURS) - {item.colour for item in scene.items} - {scene.background}


@settings(max_examples=150)
@given(scenes)
def test_any_scene_survives_its_caption(scene):
    assert target(caption(scene)) == scene


@settings(max_examples=200)
@given(
    st.text(max_size=120)
    | st.lists(
        st.sampled_from(
            sorted(
                {
                    *(*SHAPES, *COLOURS, *SIZES, "the", "a", "two", "at", "on", "top", "left", "center", "and", ","),
                    *("make", "add", "put", "move", "take", "away", "get", "give", "use", "set", "background", "it"),
                    *("colour", "of", "row", "to", "into", "with", "rid", "scale", "up", "swap", "not", "other", "if"),
                }
            )
        ),
        max_size=14,
    ).map(" ".join),
    st.booleans(),
)
def test_no_text_makes_the_reader_raise(text, pictured):
    reading = read(text, SCENE if pictured else None)
    assert isinstance(reading, Reading) and reading.wishes
    assert all(text[slice(*wish.span)] == wish.text or not text.strip() for wish in reading.wishes if not wish.end)
    assert all(token.text for token in tokens(text))


STAR, CIRCLE = SCENE.items


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("make the star green", (Item(0, "star", "green"), CIRCLE)),
        ("Please make the circle bigger!", (STAR, Item(6, "circle", "blue"))),
        ("take away the small circle", (STAR,)),
        ("get rid of the item at the top left", (CIRCLE,)),
        ("delete the leftmost star", (CIRCLE,)),
        ("remove the star on the left", (CIRCLE,)),
        ("move the star to the upper right corner", (Item(2, "star", "red"), CIRCLE)),
        ("put the star in the centre", (Item(4, "star", "red"), CIRCLE)),
        ("swap the circle for a big green box", (STAR, Item(6, "square", "green"))),
        ("change the color of the star to violet", (Item(0, "star", "purple"), CIRCLE)),
        ("add a tiny black heart at the top right", (STAR, CIRCLE, Item(2, "heart", "black", "small"))),
        ("add 3 green stars in the middle row", (STAR, CIRCLE, *(Item(k, "star", "green") for k in (3, 4, 5)))),
        ("shrink the star", (Item(0, "star", "red", "small"), CIRCLE)),
        ("make the star green and remove the circle", (Item(0, "star", "green"),)),
        ("make the stars green", (Item(0, "star", "green"), CIRCLE)),
    ],
)
def test_edits_in_words(text, wanted):
    assert target(text, SCENE) == Scene("white", wanted)


def test_words_that_leave_something_open():
    ground = target("change the background to yellow", SCENE)
    assert ground == Scene("yellow", SCENE.items)
    two = target("add two green stars", SCENE)
    new = set(two.items) - set(SCENE.items)
    assert {(item.shape, item.colour) for item in new} == {("star", "green")} and len(new) == 2
    both = target("add a green star and a black circle", SCENE)
    assert {(item.shape, item.colour) for item in both.items} >= {("star", "green"), ("circle", "black")}
    for text, background in (("a poster with a red star", None), ("a yellow poster with a red star", "yellow")):
        made = target(text)
        assert [(item.shape, item.colour) for item in made.items] == [("star", "red")]
        assert made.background == background or (background is None and made.background != "red")
    assert target("add a star", SCENE) is not None and read("add a star", SCENE).notes


@pytest.mark.parametrize(
    "text, end",
    [
        ("...", "not understood"),
        ("a photo of a dog", "not understood"),
        ("remove", "not understood"),
        ("in the style of Van Gogh", "not understood"),
        ("make the heart green", "not possible"),
        ("add two red stars at the top right", "not possible"),
    ],
)
def test_what_cannot_be_done_is_said_and_not_half_done(text, end):
    reading = read(text, SCENE)
    assert [(wish.end, wish.instructions) for wish in reading.wishes] == [(end, ())]
    assert reading.target == SCENE and all(wish.reason for wish in reading.wishes)


def test_counting_is_exact():
    for count, word in enumerate(("one", "two", "three", "four", "five"), 1):
        made = target(f"a poster with {word} red star{'s' * (count > 1)} on a white background")
        assert len(made.items) == count


def test_more_like_items_than_number_words_still_have_a_caption():
    scene = Scene("white", tuple(Item(k, "star", "red") for k in range(7)))
    assert "stars" in caption(scene)


def test_caption_words():
    scene = Scene("yellow", (Item(4, "star", "red"), Item(6, "circle", "blue", "small"), Item(0, "star", "red")))
    assert (
        caption(scene)
        == "two big red stars at top left and center, small blue circle at bottom left, yellow background"
    )
    with pytest.raises(SceneError):
        canonical(Instruction("add", items=(Item(0, "star", "red"), Item(0, "heart", "red"))))


@pytest.mark.parametrize("cell, place", enumerate(PLACES))
def test_every_place_is_read_whatever_leads_to_it(cell, place):
    scene = Scene("white", (Item((cell + 1) % 9, "star", "red"),))
    for link in ("to the", "to", "at the", "in the", "into the"):
        assert target(f"put the star {link} {place}", scene) == Scene("white", (Item(cell, "star", "red"),))
        added = target(f"add a green heart {link} {place}", scene)
        assert added == scene.with_items(Item(cell, "heart", "green"))


def test_a_place_that_does_not_exist_is_not_read() -> None:
    for text in ("move the star to @9", "move the star to @\u0663"):
        reading = read(text, SCENE)
        assert reading.target == SCENE and {wish.end for wish in reading.wishes} <= {"not understood", "not possible"}
