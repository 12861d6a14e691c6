"""What an expert is handed: the user's words, or the canonical ones of what planning understood."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from experts.poster.instruction import Instruction, Ref, canonical, changed
from experts.poster.language.reading import read
from experts.poster.scene import Item, caption
from experts.poster.tasks import Deck
from experts.types import Card
from poser.planning.poster import first
from poser.planning.rules import RulesExtractor
from poser.protocols import Call
from poser.types import Action, Command, Plan, PoserError, State, Task
from poser.wording import load

DRAW = Card("draw", "text-to-image", "draws")
EDIT = Card("edit", "image-to-image", "edits")
PICTURE = Image.new("RGB", (96, 96), "white")
PROMPT = (
    "A poster with a big red star in the center and a small blue circle at the bottom left on a yellow background. "
    "Make the star green. Add a small black heart. Change the background to white."
)
OPENING = Instruction(
    "generate", items=(Item(4, "star", "red"), Item(6, "circle", "blue", "small")), background="yellow"
)
MEANT = (
    OPENING,
    Instruction("recolour", ref=Ref("star"), colour="green"),
    Instruction("add", items=(Item(0, "heart", "black", "small"),)),
    Instruction("background", background="white"),
)


def meant(*pairs):
    """Commands of (the user's words, what planning understood), as planning writes them."""
    found = []
    for order, (text, meaning) in enumerate(pairs):
        words = canonical(meaning) if meaning else ""
        verb = meaning.verb if meaning else "other"
        found.append(Command(text, verb, None, "" if words == text else words, meaning=meaning, order=order))
    return tuple(found)


def after(commands, done=0, picture=None):
    """The state of a task after its first `done` commands."""
    return State(Task("x", picture), Plan(commands[:done], commands[done], commands[done + 1 :]), picture)


def posters(done=0, *more):
    """The state after the first `done` of the commands of `PROMPT` (and `more`)."""
    texts = [text.rstrip(".") for text in PROMPT.split(". ")]
    return after(meant(*zip(texts, MEANT, strict=True), *more), done)


def free(prompt, done=0, picture=None):
    """The state of a task in free text after its first `done` commands."""
    return after(RulesExtractor().first(Task(prompt, picture)).commands, done, picture)


def write(name, before, card, scope):
    (words,) = load(name).write([Call(before, Action(card.id, scope), card)])
    return words.prompt, words.asked


def test_plain_hands_on_the_user_s_words():
    before = free(PROMPT, done=1)
    assert write("plain", before, EDIT, "current") == ("Make the star green",) * 2
    prompt, asked = write("plain", before, EDIT, "all")
    assert prompt == asked == "Make the star green. Add a small black heart. Change the background to white"
    prompt, asked = write("plain", before, DRAW, "all")
    assert prompt == asked == PROMPT.rstrip(".")
    assert write("plain", before, DRAW, "current")[0] == PROMPT.split(" Add")[0].rstrip(".")


def test_plain_hands_on_what_planning_rewrote_and_records_what_was_said():
    move = Instruction("move", ref=Ref("star"), place=0)
    before = after(meant(("Make the star green", MEANT[1]), ("Move it to the top left", move)), 1, PICTURE)
    assert write("plain", before, EDIT, "current") == ("move the star to top left", "Move it to the top left")


def test_poster_hands_an_editor_canonical_words():
    before = posters(1)
    assert write("poster", before, EDIT, "current") == ("make the star green", "Make the star green")
    prompt, asked = write("poster", before, EDIT, "all")
    assert prompt == "make the star green, then add small black heart at top left, then make the background white"
    assert asked == "Make the star green. Add a small black heart. Change the background to white"


def test_poster_hands_a_text_to_image_expert_the_whole_scene():
    assert write("poster", posters(), DRAW, "current")[0] == (
        "big red star at center, small blue circle at bottom left, yellow background"
    )
    assert write("poster", posters(1), DRAW, "current")[0] == (
        "big green star at center, small blue circle at bottom left, yellow background"
    )
    every = write("poster", posters(1), DRAW, "all")[0]
    assert every == write("poster", posters(), DRAW, "all")[0]
    assert every == (
        "small black heart at top left, big green star at center, small blue circle at bottom left, white background"
    )


def test_one_clause_that_is_several_commands_is_said_once():
    text = "Swap the star and the circle"
    swap = [Instruction("move", ref=Ref("star"), place=6), Instruction("move", ref=Ref("circle"), place=4)]
    before = after(meant(*((text, one) for one in swap)), 0, PICTURE)
    prompt, asked = write("poster", before, EDIT, "all")
    assert prompt == ", then ".join(map(canonical, swap)) and asked == text


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_words_amount_to_the_target(split):
    """The caption of everything is the target's; the editor's words lead there from the input picture."""
    for task in Deck(split).first(60):
        before = after(meant(*((canonical(one).capitalize(), one) for one in task.instructions)))
        if task.start is None:
            assert write("poster", before, DRAW, "all")[0] == caption(task.target)
        scene = task.start
        for text in write("poster", before, EDIT, "all")[0].split(", then "):
            (wish,) = read(text, scene).wishes
            scene = changed(scene, wish.instructions)
        assert scene == task.target


def test_items_without_a_place_keep_out_of_named_places_and_stay_where_they_are_put():
    prompt = "A poster with a red star on a white background. Add a green heart. Add a blue circle at the center. "
    prompt += "Add a black heart."
    plan = first(Task(prompt), None)
    before = [after(plan.pending, k) for k in range(4)]
    opening, *edits = (read(write("poster", one, card, "current")[0]) for one, card in [(before[0], DRAW)])
    assert opening.target is not None and not edits
    drawn, every = opening.target, read(write("poster", before[0], DRAW, "all")[0]).target
    assert every is not None and set(drawn.items) < set(every.items), "the star is drawn in the same place at each step"
    assert {item.shape for item in every.items if item.place == 4} == {"circle"}
    scene = drawn
    for state in before[1:]:
        scene = read(write("poster", state, EDIT, "current")[0], scene).target
    assert scene == every


def test_dropped_commands_are_not_expected():
    whole = posters(2)
    plan = replace(whole.plan, done=whole.plan.done[:1], dropped=whole.plan.done[1:])
    assert write("poster", replace(whole, plan=plan), DRAW, "current")[0].startswith(
        "small black heart at top left, big red star at center"
    )


def test_free_text_is_handed_on_as_it_is():
    before = posters(3, ("Make it look like Van Gogh", None))
    assert write("poster", before, DRAW, "all")[0].endswith(", white background, Make it look like Van Gogh")
    assert write("poster", before, EDIT, "all")[0] == "make the background white, then Make it look like Van Gogh"
    cabin = free("A cabin in the woods. Then add a fox")
    assert write("poster", cabin, DRAW, "all") == ("A cabin in the woods. add a fox",) * 2


def test_what_the_scene_cannot_follow_is_added_in_words():
    opening = Instruction("generate", items=(Item(4, "star", "red"),), background="white")
    heart = Instruction("recolour", ref=Ref("heart"), colour="green")
    before = after(meant(("a poster with a red star", opening), ("make the heart green", heart)), 1)
    assert (
        write("poster", before, DRAW, "current")[0] == "big red star at center, white background, make the heart green"
    )
    assert write("poster", before, EDIT, "current")[0] == "make the heart green"


texts = st.text(max_size=40) | st.sampled_from(["make the star green", "remove it", "", "\u732b"])
refs = st.builds(Ref, st.sampled_from([None, "star", "heart"]), st.sampled_from([None, "red"]))
items = st.builds(Item, st.integers(0, 8) | st.none(), st.just("star"), st.sampled_from(["red", "blue"]))
meanings = st.none() | st.one_of(
    st.builds(Instruction, st.just("recolour"), ref=refs, colour=st.sampled_from(["red", "green"])),
    st.builds(Instruction, st.just("move"), ref=refs, place=st.integers(0, 8)),
    st.builds(Instruction, st.just("remove"), ref=refs),
    st.builds(Instruction, st.just("background"), background=st.sampled_from(["red", "white"])),
    st.builds(
        Instruction,
        st.sampled_from(["generate", "add"]),
        st.lists(items, min_size=1, max_size=9, unique_by=lambda item: item.place).map(tuple),
    ),
)
understood = st.builds(Command, texts, meaning=meanings)
commands = st.lists(understood, max_size=5).map(tuple)


@settings(max_examples=200, deadline=None)
@given(
    commands,
    st.none() | understood,
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
    from poser import plugins

    (tmp_path / "loud.py").write_text(
        "from poser.wording.plain import Plain\n\n\ndef load(settings, context):\n    return Plain()\n"
    )
    (tmp_path / "_helper.py").write_text("def load(file):\n    return file\n")
    monkeypatch.setattr(poser.wording, "__path__", [str(tmp_path), *poser.wording.__path__])
    assert plugins.names("wording") == ("llm", "loud", "plain", "poster") and load("loud").id == "plain"
