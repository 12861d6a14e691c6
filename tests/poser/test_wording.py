from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from experts.poster.instruction import Instruction, changed
from experts.poster.language.canonical import canonical, caption
from experts.poster.render import render
from experts.poster.scene import Item, Scene
from experts.poster.tasks import Deck
from experts.types import Card
from poser.planning.poster import first
from poser.planning.rules import RulesExtractor
from poser.types import Action, Call, Command, Plan, PoserError, State, Task
from poser.wording import load

DRAW = Card("draw", "text-to-image", "draws")
EDIT = Card("edit", "image-to-image", "edits")
PICTURE = Image.new("RGB", (96, 96), "white")
PROMPT = (
    "A poster with a big red star in the center and a small blue circle at the bottom left on a yellow background. "
    "Make the star green. Add a small black heart. Change the background to white."
)


def state(prompt, done=0, picture=None):
    """A task's state after its first `done` commands."""
    task = Task(prompt, picture)
    commands = RulesExtractor().first(task).commands
    return State(task, Plan(commands[:done], commands[done], commands[done + 1 :]), picture)


def write(name, before, card, scope):
    (words,) = load(name).write([Call(before, Action(card.id, scope), card)])
    return words.prompt, words.asked


def test_plain_hands_on_the_user_s_words():
    before = state(PROMPT, done=1)
    assert write("plain", before, EDIT, "current") == ("Make the star green",) * 2
    prompt, asked = write("plain", before, EDIT, "all")
    assert prompt == asked == "Make the star green. Add a small black heart. Change the background to white"
    prompt, asked = write("plain", before, DRAW, "all")
    assert prompt == asked == PROMPT.rstrip(".")
    assert write("plain", before, DRAW, "current")[0] == PROMPT.split(" Add")[0].rstrip(".")


def test_plain_resolves_pronouns_and_records_what_was_said():
    before = state("Make the star green. Move it to the top left.", done=1, picture=PICTURE)
    assert write("plain", before, EDIT, "current") == ("move the green star to top left", "Move it to the top left")


def test_poster_hands_an_editor_canonical_words():
    before = state(PROMPT, done=1)
    assert write("poster", before, EDIT, "current") == ("make the star green", "Make the star green")
    prompt, asked = write("poster", before, EDIT, "all")
    assert prompt == "make the star green, then add small black heart at top left, then make the background white"
    assert asked == "Make the star green. Add a small black heart. Change the background to white"


def test_poster_hands_a_text_to_image_expert_the_whole_scene():
    before = state(PROMPT, done=1)
    assert write("poster", state(PROMPT), DRAW, "current")[0] == (
        "big red star at center, small blue circle at bottom left, yellow background"
    )
    assert write("poster", before, DRAW, "current")[0] == (
        "big green star at center, small blue circle at bottom left, yellow background"
    )
    every = write("poster", before, DRAW, "all")[0]
    assert every == write("poster", state(PROMPT), DRAW, "all")[0]
    assert every == (
        "small black heart at top left, big green star at center, small blue circle at bottom left, white background"
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_words_amount_to_the_target(split):
    """The caption of everything is the target's; the editor's words lead there from the input picture."""
    for task in Deck(split).first(60):
        before = state(task.prompt, picture=render(task.start) if task.start else None)
        if task.start is None:
            assert write("poster", before, DRAW, "all")[0] == caption(task.target)
        edits = write("poster", before, EDIT, "all")[0].split(", then ")
        assert changed(task.start, [parse(text) for text in edits]) == task.target


def test_items_without_a_place_keep_out_of_named_places_and_stay_where_they_are_put():
    prompt = "A poster with a red star on a white background. Add a green heart. Add a blue circle at the center. "
    prompt += "Add a black heart."
    first = parse(write("poster", state(prompt), DRAW, "current")[0])
    every = parse(write("poster", state(prompt), DRAW, "all")[0])
    assert first.items[0] in every.items, "the star is drawn in the same place at every step"
    assert {item.shape for item in every.items if item.place == 4} == {"circle"}
    steps = [parse(write("poster", state(prompt, done=k), EDIT, "current")[0]) for k in (1, 2, 3)]
    assert changed(None, [first, *steps]) == Scene("white", every.items)


def test_a_place_is_not_invented_where_the_poster_is_not_known():
    before = state("Add a red star", picture=PICTURE)
    assert write("poster", before, EDIT, "current")[0] == "add big red star"


def test_dropped_commands_are_not_expected():
    whole = state(PROMPT, done=2)
    after = replace(whole, plan=replace(whole.plan, done=whole.plan.done[:1], dropped=whole.plan.done[1:]))
    assert write("poster", after, DRAW, "current")[0].startswith(
        "small black heart at top left, big red star at center"
    )


def test_free_text_is_handed_on_as_it_is():
    before = state(PROMPT + " Make it look like Van Gogh", done=3)
    assert write("poster", before, DRAW, "all")[0].endswith(", white background, Make it look like Van Gogh")
    assert write("poster", before, EDIT, "all")[0] == "make the background white, then Make it look like Van Gogh"
    free = state("A cabin in the woods. Then add a fox")
    assert write("poster", free, DRAW, "all") == ("A cabin in the woods. add a fox",) * 2


def test_what_the_scene_cannot_follow_is_added_in_words():
    command = Command("make the heart green", "recolour")
    plan = Plan((Command("a poster with a red star at the center on a white background", "generate"),), command)
    before = State(Task("x"), plan)
    assert (
        write("poster", before, DRAW, "current")[0] == "big red star at center, white background, make the heart green"
    )
    assert write("poster", before, EDIT, "current")[0] == "make the heart green"


def test_a_drawing_that_begins_with_an_addition():
    before = State(Task("x"), Plan(current=Command("add a white star at the center", "add")))
    made = parse(write("poster", before, DRAW, "current")[0])
    assert made == Instruction("generate", items=(Item(4, "star", "white"),), background="black")


words = st.sampled_from(
    ["make the star green", "remove it", "add a red star at the center and a blue heart at the center", "",
     "a poster with a red star on a red background", "the background is red", "add five red stars and five red stars",
     "\u732b", "move the star to the top left", "a poster with a big red star at the center on a white background"]
) | st.text(max_size=40)  # fmt: skip
commands = st.lists(st.builds(Command, words), max_size=5).map(tuple)


@settings(max_examples=200, deadline=None)
@given(
    commands,
    st.none() | st.builds(Command, words),
    commands,
    st.sampled_from(["current", "all", "stop"]),
    st.booleans(),
)
def test_writing_never_raises(done, current, remaining, scope, pictured):
    before = State(Task("x", PICTURE if pictured else None), Plan(done, current, remaining))
    for name in ("plain", "poster"):
        for card in (DRAW, EDIT):
            prompt, asked = write(name, before, card, scope)
            assert isinstance(prompt, str) and isinstance(asked, str)
            assert (prompt, asked) == write(name, before, card, scope)


def test_an_unknown_wording_is_one_line():
    with pytest.raises(PoserError, match="no such wording 'fancy'; wordings: llm, plain, poster"):
        load("fancy")
    with pytest.raises(PoserError, match="wording plain: no such key 'model'; keys are none"):
        load("plain", {"model": "x"})
    assert {name: load(name).id for name in ("plain", "poster")} == {"plain": "plain", "poster": "poster"}


def test_a_new_file_is_found_by_itself(tmp_path, monkeypatch):
    import poser.wording
    from poser import parts

    (tmp_path / "loud.py").write_text(
        "from poser.wording.plain import Plain\n\n\ndef load(settings: dict) -> Plain:\n    return Plain()\n"
    )
    (tmp_path / "helper.py").write_text("def load(file: str) -> str:\n    return file\n")
    monkeypatch.setattr(poser.wording, "__path__", [str(tmp_path), *poser.wording.__path__])
    parts.names.cache_clear()
    try:
        assert parts.names("poser.wording") == ("loud",) and load("loud").id == "plain"
    finally:
        parts.names.cache_clear()
