"""The extractor of free text: where a prompt is cut, what a command asks for; and how every plan goes on by scores."""

import math
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from experts.poster.instruction import Instruction, Ref
from experts.poster.scene import Item
from poser.planning.rules import RulesExtractor
from poser.planning.text.depend import depends
from poser.planning.text.keywords import keyword
from poser.types import Command, Critique, Plan, PoserError, State, Task

PICTURE = Image.new("RGB", (96, 96), "white")
NAN = math.nan


def commands(prompt, picture=PICTURE):
    return RulesExtractor().first(Task(prompt, picture)).commands


def texts(prompt, picture=PICTURE):
    return [command.text for command in commands(prompt, picture)]


@pytest.mark.parametrize(
    "prompt, parts",
    [
        ("Remove the circle, then turn the heart purple.", ["Remove the circle", "turn the heart purple"]),
        ("remove the circle and make the star green", ["remove the circle", "make the star green"]),
        ("remove the circle and then make the star green", ["remove the circle", "make the star green"]),
        ("remove the circle; make the star green;", ["remove the circle", "make the star green"]),
        ("add a red star and a blue circle", ["add a red star and a blue circle"]),
        ("add a red star, a blue circle, and a heart", ["add a red star, a blue circle, and a heart"]),
        ("remove the dog, brighten the sky, and crop it", ["remove the dog", "brighten the sky", "crop it"]),
        ("1. Make the star green.\n2. Remove it.\n3. Add fog", ["Make the star green", "Remove it", "Add fog"]),
        ("1) make the star green 2) remove it", ["make the star green", "remove it"]),
        ("- make the star green\n* add a heart\n\u2022 drop it", ["make the star green", "add a heart", "drop it"]),
        ("Do the following:\n1. Make the star green.\n2. Remove it", ["Make the star green", "Remove it"]),
        ("make the star green\n\nadd a dog", ["make the star green", "add a dog"]),
        ("make the star green\nadd a dog", ["make the star green", "add a dog"]),
        ("add a very\nbig dog", ["add a very\nbig dog"]),
        ("First, make it green; next, drop it. Finally, add fog", ["make it green", "drop it", "add fog"]),
        ("Make it 2.5 times larger, e.g. Dr. Who. Add fog", ["Make it 2.5 times larger, e.g. Dr. Who", "Add fog"]),
        ("Paint it like J. R. Smith. Add fog.", ["Paint it like J. R. Smith", "Add fog"]),
        ('Write "Stop. Then go" on the sign. Add fog', ['Write "Stop. Then go" on the sign', "Add fog"]),
        ("Remove the cut and paste marks", ["Remove the cut and paste marks"]),
        ("Add paint, drop shadows and place names", ["Add paint, drop shadows and place names"]),
        ("A girl who likes to sing and make music", ["A girl who likes to sing and make music"]),
        ("If there is a dog, then remove the cat", ["If there is a dog, then remove the cat"]),
        ("Please could you add fog? And then remove the cat!", ["Please could you add fog", "remove the cat"]),
        ("\u753b\u732b\u3002\u5220\u9664\u80cc\u666f\u3002", ["\u753b\u732b", "\u5220\u9664\u80cc\u666f"]),
        ("make the star green and the circle blue", ["make the star green and the circle blue"]),
        ("remove the circle, the star and the heart", ["remove the circle, the star and the heart"]),
        ("make the star green and big", ["make the star green and big"]),
    ],
)  # fmt: skip
def test_where_a_prompt_is_split(prompt, parts):
    assert texts(prompt) == parts


def test_the_issue_s_own_example():
    prompt = (
        "A poster with a big red star in the center and a small blue circle at the bottom left on a yellow background. "
        "Make the star green. Add a small black heart at the top right. Change the background to white."
    )
    plan = RulesExtractor().first(Task(prompt))
    assert [command.verb for command in plan.commands] == ["generate", "recolour", "add", "background"]
    assert plan.current == plan.commands[0] and len(plan.remaining) == 3 and not plan.done and not plan.dropped


def test_free_descriptions_go_together_up_to_a_limit():
    prompt = "A cabin in the woods. Snow is falling. Smoke rises. Then add a fox. It is looking at the moon."
    assert texts(prompt, None) == [
        "A cabin in the woods. Snow is falling. Smoke rises",
        "add a fox. It is looking at the moon",
    ]
    short = RulesExtractor(merge=6).first(Task("A cabin in the woods. Snow is falling. Smoke rises."))
    assert [command.text for command in short.commands] == ["A cabin in the woods", "Snow is falling", "Smoke rises"]


@pytest.mark.parametrize(
    "text, verb",
    [
        ("Make it look like in the style of Van Gogh", "restyle"),
        ("turn the photo into an oil painting", "restyle"),
        ("relight the scene with sunset lighting", "relight"),
        ("make it night", "relight"),
        ("write 'SALE' on the door", "write"),
        ("add the text 'SALE'", "write"),
        ("remove the text", "remove"),
        ("please upscale the picture to 4k", "upscale"),
        ("change the background to a beach", "background"),
        ("replace the dog with a cat", "replace"),
        ("turn the dog into a cat", "replace"),
        ("make the dog bigger", "resize"),
        ("paint the door pink", "recolour"),
        ("move the lamp to the left", "move"),
        ("a photo of a dog", "generate"),
        ("put a hat on the dog", "add"),
        ("now please take away the lamp", "remove"),
        ("rotate the lamp by 90 degrees", "other"),
    ],
)
def test_keywords(text, verb):
    assert keyword(text) == verb
    assert commands(text)[0].verb == verb


def test_the_first_command_without_a_picture_is_to_generate():
    assert commands("A dog at night in watercolour", None)[0].verb == "generate"
    assert commands("\u732b", None)[0].verb == "generate"


def test_no_text_no_command():
    assert RulesExtractor().first(Task(" \n\t")) == Plan()


pieces = st.sampled_from(
    ["Make the star green", "move it", "a red star", "then", "and", ",", ";", ".", "\n", "1.", "2)", "- ", '"', "(",
     "e.g.", "2.5", "the background is red", "there is", "its colour", "remove the circle and the star", "I\u0307", " ",
     "Do this:", "First", "if", "make", "put a blue heart at the top left", "\r\n", "\u3002", "\u00df", "'", "\u2026"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=200) | st.lists(pieces, max_size=25).map(" ".join) | st.lists(pieces, max_size=12).map("".join),
    st.booleans(),
)
def test_any_text_gives_a_plan_with_exact_spans(prompt, pictured):
    made = commands(prompt, PICTURE if pictured else None)
    assert bool(made) == bool(prompt.strip())
    end = 0
    for command in made:
        start, stop = command.span
        assert end <= start < stop <= len(prompt)
        assert command.text == prompt[start:stop] == command.text.strip()
        end = stop


@pytest.mark.parametrize(
    "unit, count", [(",", 1), ("and ", 1), (" ", 0), ("\t\n", 0), ("a, then ", None), ('"', 1), ("(", 1)]
)
def test_time_grows_no_faster_than_the_text(unit, count):
    """Thousands of joints or spaces in a row: a second where the work is linear, minutes where it is not."""
    begun = time.perf_counter()
    made = commands(unit * (40_000 if count is not None else 1_000))
    assert time.perf_counter() - begun < 20
    assert count is None or len(made) == count


# ---- the next plan


A, B, C = (Command(text, verb, (k * 50, k * 50 + 10)) for k, (text, verb) in enumerate(
    [("make the star green", "recolour"), ("remove the circle", "remove"), ("make the heart small", "resize")]
))  # fmt: skip
DEPENDENT = Command("move the green star to the top left", "move", (200, 230))
KEEP = RulesExtractor(reorder=False)


def state(plan, attempts=0, critique=None):
    return State(Task("x", PICTURE), plan, PICTURE, attempts=attempts, critique=critique)


def play(extractor, plan, verdicts):
    """The order in which commands are tried when `verdicts` (one a step) are their scores, and the last plan."""
    attempts, tried = 0, []
    for score in verdicts:
        tried.append((plan.current.text.split()[2], attempts))
        plan, attempts = extractor.follow(state(plan, attempts), [score], [plan.current])
    return tried, plan


def test_a_satisfied_command_is_done_and_the_next_is_current():
    plan, attempts = KEEP.follow(state(Plan((), A, (B, C)), 2), [0.5], [A])
    assert plan == Plan((A,), B, (C,)) and attempts == 0


@pytest.mark.parametrize("score", [0.49, NAN, 0.0])
def test_a_failed_command_stays_and_counts(score):
    plan, attempts = KEEP.follow(state(Plan((), A, (B,)), 1), [score], [A])
    assert plan == Plan((), A, (B,)) and attempts == 2


@pytest.mark.parametrize("score", [0.2, NAN])
def test_after_three_failed_attempts_it_is_dropped(score):
    plan, attempts = KEEP.follow(state(Plan((), A, (B,)), 2), [score], [A])
    assert plan == Plan((), B, (), (A,)) and attempts == 0
    assert KEEP.follow(state(Plan((), A), 2), [score], [A]) == (Plan(dropped=(A,)), 0)


def test_all_at_once_moves_what_is_satisfied_in_the_prompt_s_order():
    plan, attempts = KEEP.follow(state(Plan((), A, (B, C)), 1), [0.9, 0.1, 0.8], [A, B, C])
    assert plan == Plan((A, C), B) and attempts == 0
    plan, attempts = KEEP.follow(state(Plan((), A, (B, C)), 1), [0.1, 0.9, NAN], [A, B, C])
    assert plan == Plan((B,), A, (C,)) and attempts == 2
    assert KEEP.follow(state(Plan((), A, (B, C))), [1.0] * 3, [A, B, C]) == (Plan((A, B, C)), 0)


def test_a_missing_score_is_no_verdict():
    assert KEEP.follow(state(Plan((), A, (B,))), [], [A]) == (Plan((), A, (B,)), 1)


def test_nothing_to_do_stays_so():
    assert KEEP.follow(state(Plan((A,))), [], []) == (Plan((A,)), 0)


def test_equal_commands_are_counted_one_by_one():
    twin = Command("add a dog", "add")
    plan, _ = KEEP.follow(state(Plan((), twin, (twin,))), [1.0], [twin])
    assert plan == Plan((twin,), twin)


def test_a_command_with_one_attempt_left_waits_until_after_the_others():
    tried, plan = play(RulesExtractor(), Plan((), A, (B, C)), [0, 0, 1, 1, 0])
    assert tried == [("star", 0), ("star", 1), ("circle", 0), ("heart", 0), ("star", 2)]
    assert plan == Plan((B, C), dropped=(A,))


def test_several_may_wait_and_each_comes_back_with_one_attempt():
    tried, plan = play(RulesExtractor(), Plan((), A, (B, C)), [0, 0, 0, 0, 1, 0, 1])
    assert tried == [("star", 0), ("star", 1), ("circle", 0), ("circle", 1), ("heart", 0), ("star", 2), ("circle", 2)]
    assert plan == Plan((C, B), dropped=(A,))


def test_the_last_of_those_that_wait_behind_a_failing_last_one():
    tried, _ = play(RulesExtractor(), Plan((), A, (B,)), [0, 0, 0, 0, 0, 0])
    assert tried == [("star", 0), ("star", 1), ("circle", 0), ("circle", 1), ("star", 2), ("circle", 2)]


def test_a_command_that_others_depend_on_does_not_wait_and_the_next_starts_afresh():
    tried, plan = play(RulesExtractor(), Plan((), A, (DEPENDENT, B)), [0, 0, 1, 0])
    assert tried == [("star", 0), ("star", 1), ("star", 2), ("green", 0)]
    assert plan.done == (A,) and plan.current == DEPENDENT


@settings(max_examples=200, deadline=None)
@given(
    st.permutations([A, B, C, DEPENDENT]).map(lambda p: [replace(c, span=(k, k + 1)) for k, c in enumerate(p)]),
    st.integers(1, 4),
    st.lists(st.sampled_from([0.0, 1.0, NAN]), min_size=20, max_size=20),
    st.booleans(),
)
def test_every_command_gets_all_its_attempts_and_no_more(order, most, verdicts, reorder):
    extractor = RulesExtractor(attempts=most, reorder=reorder)
    plan, attempts, failures = Plan((), order[0], tuple(order[1:])), 0, dict.fromkeys(order, 0)
    for score in verdicts:
        if plan.current is None:
            break
        current = plan.current
        assert attempts == failures[current], "the count that came out of the state is the true one"
        plan, attempts = extractor.follow(state(plan, attempts), [score], [current])
        failures[current] += not score >= 0.5
        assert sorted(plan.commands, key=str) == sorted(order, key=str), "no command is lost or doubled"
    else:
        assert most * len(order) > 20 or plan.current is None
    assert all(failures[command] == most for command in plan.dropped)
    assert all(failures[command] < most for command in plan.done)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from([0.0, 1.0, NAN]), min_size=3, max_size=3)), max_size=12)
)
def test_any_mixture_of_scopes_ends_and_loses_nothing(steps):
    plan, attempts, failures = Plan((), A, (B, C)), 0, {A: 0, B: 0, C: 0}
    for everything, scores in [*steps, *[(False, [0.0])] * 9]:
        wanted = plan.pending if everything else plan.pending[:1]
        before = state(plan, attempts)
        if plan.current:
            assert attempts == failures[plan.current]
            failures[plan.current] += not scores[0] >= 0.5
        plan, attempts = RulesExtractor().follow(before, scores[: len(wanted)], wanted)
        assert (plan, attempts) == RulesExtractor().follow(before, scores[: len(wanted)], wanted)
        assert {*plan.commands} == {A, B, C} and len(plan.commands) == 3 and 0 <= attempts < 3
    assert plan.current is None


def test_what_was_undone_is_asked_for_again_once_where_that_is_wanted():
    again = RulesExtractor(requeue=True)
    broken = Critique(wanted=(1.0,), earlier=(0.1,))
    plan, attempts = again.follow(state(Plan((A,), B, (C,)), critique=broken), [1.0], [B])
    assert plan == Plan((B,), C, (A,)) and attempts == 0
    plan, attempts = again.follow(state(plan, critique=Critique((1.0,), (1.0,))), [1.0], [C])
    assert plan == Plan((B, C), A)
    plan, _ = again.follow(state(plan, attempts, Critique((1.0,), (1.0, 1.0))), [1.0], [A])
    assert plan == Plan((B, C, A))
    late = replace(plan, current=DEPENDENT)
    plan, _ = again.follow(state(late, critique=Critique((0.1,), (1.0, 1.0, 0.1))), [0.1], [DEPENDENT])
    assert plan == late, "A has had its second chance"


@pytest.mark.parametrize("critique", [None, Critique((1.0,), (0.1,)), Critique((1.0,), (NAN, 0.9, 0.1))])
def test_nothing_is_asked_for_again_without_a_verdict_or_the_wish(critique):
    plan = Plan((A, B), C)
    wish = RulesExtractor(requeue=True)
    assert wish.follow(state(plan, critique=critique), [1.0], [C])[0] == Plan((A, B, C))
    assert RulesExtractor().follow(state(plan, critique=Critique((1.0,), (0.0, 0.0))), [1.0], [C])[0] == Plan((A, B, C))


@pytest.mark.parametrize(
    "later, earlier, wanted",
    [
        ("move the green star to the center", "make the star green", True),
        ("remove the circle", "make the star green", False),
        ("make the background red", "make the star green", False),
        ("remove the red star", "add a red star at the center", True),
        ("put a hat on the dog", "add a brown dog", True),
        ("paint the door pink", "add a brown dog", False),
        ("make it pink", "add a brown dog", True),
    ],
)
def test_free_text_depends_by_its_nouns(later, earlier, wanted):
    assert depends(Command(later, keyword(later)), Command(earlier, keyword(earlier))) is wanted


RED_STAR = Ref("star", "red")
GREEN = Instruction("recolour", ref=Ref("star"), colour="green")


@pytest.mark.parametrize(
    "later, earlier, wanted",
    [
        (Instruction("move", ref=Ref("star", "green"), place=4), GREEN, True),
        (Instruction("resize", ref=Ref(colour="red"), size="big"), replace(GREEN, ref=RED_STAR), True),
        (Instruction("remove", ref=Ref("circle")), GREEN, False),
        (Instruction("add", items=(Item(4, "star", "red"),)), Instruction("remove", ref=Ref("star")), False),
        (Instruction("add", items=(Item(4, "heart", "red"),)), Instruction("move", ref=Ref(place=4), place=0), True),
        (Instruction("background", background="red"), GREEN, False),
        (Instruction("remove", ref=RED_STAR), Instruction("add", items=(Item(4, "star", "red"),)), True),
        (Instruction("remove", ref=RED_STAR), Instruction("add", items=(Item(4, "star", "blue"),)), False),
        (Instruction("generate", background="red"), GREEN, True),
    ],
)  # fmt: skip
def test_commands_that_are_understood_depend_by_their_items(later, earlier, wanted):
    """Whatever their words: a star that is only in the words of both is not one that both are about."""
    words = "make the star green"
    assert depends(Command(words, later.verb, meaning=later), Command(words, earlier.verb, meaning=earlier)) is wanted


def test_everything_depends_on_the_picture():
    assert depends(B, Command("a poster with a heart", "generate"))


@pytest.mark.parametrize(
    "settings_, words", [({"attempts": 0}, "attempts is 0"), ({"threshold": 1.5}, "threshold is 1.5")]
)
def test_numbers_out_of_range_are_one_line(settings_, words):
    with pytest.raises(PoserError, match=words) as error:
        RulesExtractor(**settings_)
    assert "\n" not in str(error.value)
