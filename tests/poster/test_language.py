import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.poster.instruction import Instruction, Ref
from experts.poster.language import canonical, caption, parse, tokens
from experts.poster.language.phrases import SPLITS, phrase
from experts.poster.scene import COLOURS, PLACES, SHAPES, SIZES, Item, Scene, SceneError
from experts.poster.tasks import EDITS, KINDS, draw_edit, draw_scene

RED = Item(None, "star", "red")


def same(one: Instruction | None, other: Instruction) -> bool:
    """Equal but for the order in which items are named."""
    return one is not None and (
        sorted(map(str, one.items)) == sorted(map(str, other.items))
        and Instruction(**{**vars(one), "items": ()}) == Instruction(**{**vars(other), "items": ()})
    )


def drawn(split: str, count: int):
    """Instructions of every verb over scenes of every kind."""
    rng = np.random.default_rng(SPLITS.index(split))
    for k in range(count):
        scene = draw_scene(rng, split, KINDS[k % len(KINDS)])
        yield Instruction("generate", items=scene.items, background=scene.background), rng
        for verb in EDITS:
            edit = draw_edit(scene, rng, verb)
            if edit is not None:
                yield edit, rng


@pytest.mark.parametrize("split", SPLITS)
def test_every_sampled_phrasing_parses_to_its_instruction(split):
    seen = set()
    for instruction, rng in drawn(split, 60):
        for _ in range(3):
            text = phrase(instruction, rng, split)
            assert same(parse(text), instruction), text
            assert same(parse(text[0].upper() + text[1:] + "."), instruction), text
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
def test_canonical_words_parse_back(split):
    for instruction, _ in drawn(split, 60):
        text = canonical(instruction)
        assert same(parse(text), instruction), text
        assert canonical(parse(text)) == text


items = st.builds(
    Item,
    st.none() | st.integers(0, 8),
    st.sampled_from(SHAPES),
    st.sampled_from(list(COLOURS)),
    st.sampled_from(SIZES),
)
refs = st.builds(
    Ref,
    st.none() | st.sampled_from(SHAPES),
    st.none() | st.sampled_from(list(COLOURS)),
    st.none() | st.sampled_from(SIZES),
)


@settings(max_examples=150, deadline=None)
@given(refs, st.none() | st.integers(0, 8), st.none() | st.sampled_from(("left", "right", "top", "bottom")), st.data())
def test_any_edit_survives_its_canonical_words(ref, place, side, data):
    ref = Ref(ref.shape, ref.colour, ref.size, place, None if place is not None else side)
    colour, shape, size = (data.draw(st.sampled_from(options)) for options in (list(COLOURS), SHAPES, SIZES))
    for instruction in (
        Instruction("remove", ref=ref),
        Instruction("recolour", ref=ref, colour=colour),
        Instruction("resize", ref=ref, size=size),
        Instruction("move", ref=ref, place=data.draw(st.integers(0, 8))),
        Instruction("replace", ref=ref, shape=shape, colour=colour, size=size),
        Instruction("background", background=colour),
    ):
        assert parse(canonical(instruction)) == instruction


@settings(max_examples=150, deadline=None)
@given(st.lists(items, max_size=5, unique_by=lambda item: item.place), st.sampled_from(list(COLOURS)))
def test_any_scene_survives_its_caption(chosen, background):
    scene = Scene(background, tuple(chosen))
    made = parse(caption(scene))
    assert made is not None and Scene(made.background, made.items) == scene


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=120)
    | st.lists(
        st.sampled_from(
            sorted(
                {
                    *SHAPES,
                    *COLOURS,
                    *SIZES,
                    "the",
                    "a",
                    "two",
                    "at",
                    "on",
                    "top",
                    "left",
                    "center",
                    "and",
                    ",",
                    "make",
                    "add",
                    "put",
                    "move",
                    "take",
                    "away",
                    "get",
                    "give",
                    "use",
                    "set",
                    "background",
                    "colour",
                    "of",
                    "row",
                    "to",
                    "into",
                    "with",
                    "it",
                    "rid",
                    "scale",
                    "up",
                }
            )
        ),
        max_size=14,
    ).map(" ".join)
)
def test_no_text_makes_parse_raise(text):
    made = parse(text)
    assert made is None or isinstance(made, Instruction)
    assert all(isinstance(word, str) and word for word in tokens(text))


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("make the star green", Instruction("recolour", ref=Ref("star"), colour="green")),
        ("Please make the star bigger!", Instruction("resize", ref=Ref("star"), size="big")),
        ("take away the small circle", Instruction("remove", ref=Ref("circle", size="small"))),
        ("get rid of the item at the center", Instruction("remove", ref=Ref(place=4))),
        ("delete the leftmost star", Instruction("remove", ref=Ref("star", side="left"))),
        ("remove the star on the left", Instruction("remove", ref=Ref("star", side="left"))),
        ("change the background to white", Instruction("background", background="white")),
        ("move the heart to the upper right corner", Instruction("move", ref=Ref("heart"), place=2)),
        ("put the heart in the centre", Instruction("move", ref=Ref("heart"), place=4)),
        ("swap the circle for a blue box", Instruction("replace", ref=Ref("circle"), shape="square", colour="blue")),
        ("change the color of the star to violet", Instruction("recolour", ref=Ref("star"), colour="purple")),
        ("add a tiny black heart at the top right", Instruction("add", items=(Item(2, "heart", "black", "small"),))),
        ("add two red stars", Instruction("add", items=(Item(None, "star", "red"),) * 2)),
        ("add 3 red stars in the top row", Instruction("add", items=tuple(Item(k, "star", "red") for k in range(3)))),
        ("shrink the star", Instruction("resize", ref=Ref("star"), size="small")),
        ("add a red star and a blue circle", Instruction("add", items=(RED, Item(None, "circle", "blue")))),
        ("a poster with a red star", Instruction("generate", items=(RED,), background="white")),
        ("a yellow poster with a red star", Instruction("generate", items=(RED,), background="yellow")),
    ],
)  # fmt: skip
def test_parse(text, wanted):
    assert parse(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["", "...", "make it green", "a photo of a dog", "make the stars green", "add a star", "remove", "make the star",
     "make the star green and remove the circle", "add two red stars at the center", "in the style of Van Gogh"],
)  # fmt: skip
def test_what_is_not_understood_is_none_and_not_half_understood(text):
    assert parse(text) is None


def test_counting_is_exact():
    for count, word in enumerate(("one", "two", "three", "four", "five"), 1):
        made = parse(f"a poster with {word} red star{'s' * (count > 1)} on a white background")
        assert made is not None and len(made.items) == count


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
    for link in ("to the", "to", "at the", "in the", "into the"):
        assert parse(f"put the star {link} {place}") == Instruction("move", ref=Ref("star"), place=cell)
        assert parse(f"add a red star {link} {place}") == Instruction("add", items=(Item(cell, "star", "red"),))


def test_a_place_that_does_not_exist_is_not_read() -> None:
    assert parse("move the star to @9") is None
    assert parse("move the star to @\u0663") is None
