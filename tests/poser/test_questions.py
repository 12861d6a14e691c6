"""Questions and scores, with an oracle that answers from what the exact reader sees."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from PIL import Image

from experts.poster.language import COUNTS, canonical
from experts.poster.questions import Question, about, anything, background
from experts.poster.reader import read
from experts.poster.render import render
from experts.poster.scene import COLOURS, SHAPES, SIDE, SIZES, Item, Scene
from experts.poster.tasks import Deck, PosterTask
from poser.critics.questions.asking import Ask, Generic, converse, in_words
from poser.critics.questions.poster import Poster, read_scene
from poser.critics.questions.registry import writer
from poser.types import Command, Critique, Look, PoserError

SURE = 0.98


def _every_question() -> dict[str, Question]:
    options = list(itertools.product((None, *SHAPES), (None, *COLOURS), (None, *SIZES)))
    questions = [Question("item", place, *o) for place in (None, *range(9)) for o in options]
    questions += [Question("count", None, *o, count=n) for n in range(1, len(COUNTS) + 1) for o in options]
    questions += [background(colour) for colour in COLOURS] + [anything(place) for place in (None, *range(9))]
    for place in range(9):
        for field, values in (("shape", SHAPES), ("colour", COLOURS), ("size", SIZES)):
            questions += [Question("attribute", place).having(field, value) for value in values]
    return {str(question): question for question in questions}


EVERY = _every_question()


@lru_cache(maxsize=64)
def _seen(pixels: bytes) -> Scene:
    return read(Image.frombytes("RGB", (SIDE, SIDE), pixels))


def oracle(asks: list[Ask]) -> list[float]:
    """P(yes) of an almost sure model that sees exactly what is there."""
    return [SURE if EVERY[question].holds(_seen(picture.tobytes())) else 1 - SURE for picture, question in asks]


def judge(image: Scene, wanted: list[str], earlier: list[str] = [], start: Scene | None = None) -> Critique:  # noqa: B006
    look = Look(
        render(image),
        None if start is None else render(start),
        None,
        tuple(map(Command, earlier)),
        tuple(map(Command, wanted)),
    )
    return converse(Poster().judge(look), oracle)


STAR = Item(4, "star", "red")
HEART = Item(2, "heart", "black", "small")
CIRCLE = Item(6, "circle", "blue", "small")
POSTER = Scene("yellow", (STAR, CIRCLE))
DRAW = "a poster with a big red star in the center and a small blue circle at the bottom left on a yellow background"


def test_every_question_has_its_own_words() -> None:
    assert len(EVERY) == len(set(EVERY.values()))
    assert str(about(STAR)) == "is there a big red star at the center?"
    assert str(Question("count", None, "star", "red", count=3)) == "are there exactly three red stars?"


def test_the_right_picture_scores_high_and_says_nothing() -> None:
    critique = judge(POSTER, [DRAW])
    assert critique.wanted[0] > 0.8 and critique.feedback == "" and math.isnan(critique.kept)


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (Scene("yellow", (replace(STAR, colour="green"), CIRCLE)), "the star is not red"),
        (Scene("yellow", (replace(STAR, size="small"), CIRCLE)), "the star is not big"),
        (Scene("yellow", (replace(STAR, shape="heart"), CIRCLE)), "there is no star at the center"),
        (Scene("yellow", (STAR,)), "the circle is missing"),
        (Scene("white", (STAR, CIRCLE)), "the background is not yellow"),
        (Scene("yellow", (STAR, CIRCLE, HEART)), "something stands at the top right that nobody asked for"),
    ],
)
def test_every_single_fault_lowers_the_score_and_is_named(scene: Scene, words: str) -> None:
    critique = judge(scene, [DRAW])
    assert critique.wanted[0] < 0.2
    assert critique.feedback == words


@pytest.mark.parametrize(
    ("command", "right", "wrong"),
    [
        ("make the star green", (replace(STAR, colour="green"), CIRCLE), (STAR, CIRCLE)),
        ("remove the circle", (STAR,), (STAR, CIRCLE)),
        ("move the circle to the top left", (STAR, replace(CIRCLE, place=0)), (STAR, CIRCLE)),
        ("move the circle to the top left", (STAR, replace(CIRCLE, place=0)), (STAR, CIRCLE, replace(CIRCLE, place=0))),
        ("replace the star with a diamond", (replace(STAR, shape="diamond"), CIRCLE), (STAR, CIRCLE)),
        ("make the star small", (replace(STAR, size="small"), CIRCLE), (STAR, CIRCLE)),
        ("add a small black heart at the top right", (STAR, CIRCLE, HEART), (STAR, CIRCLE)),
        ("add a small black heart", (STAR, CIRCLE, HEART), (STAR, CIRCLE)),
    ],
)
def test_edits_of_a_drawn_and_of_a_given_picture(command: str, right: tuple, wrong: tuple) -> None:
    for earlier, start in (([DRAW], None), ([], POSTER)):
        good = judge(Scene("yellow", right), [command], earlier, start)
        bad = judge(Scene("yellow", wrong), [command], earlier, start)
        assert good.wanted[0] > 0.9 and bad.wanted[0] < 0.1
        assert good.feedback == "" and bad.feedback


def test_background_and_counts() -> None:
    assert judge(Scene("white", POSTER.items), ["make the background white"], [DRAW]).wanted[0] > 0.9
    assert judge(POSTER, ["make the background white"], [DRAW]).feedback == "the background is not white"
    three = Scene("white", tuple(Item(place, "star", "red") for place in (0, 4, 5)))
    assert judge(three, ["three red stars on a white background"]).wanted[0] > 0.9
    two = judge(three.without(three.items[0]), ["three red stars on a white background"])
    assert two.wanted[0] < 0.1 and "there are not exactly three big red stars" in two.feedback


def test_an_earlier_command_is_asked_for_what_later_ones_left_of_it() -> None:
    green = replace(STAR, colour="green")
    after = judge(Scene("yellow", (green,)), ["remove the circle"], [DRAW, "make the star green"])
    assert after.wanted[0] > 0.9 and min(after.earlier) > 0.8
    spoilt = judge(Scene("yellow", (STAR,)), ["remove the circle"], [DRAW, "make the star green"])
    assert spoilt.wanted[0] > 0.9 and max(spoilt.earlier) < 0.1
    assert spoilt.feedback == "the star is not green"
    lost = judge(Scene("yellow", (green, HEART)), ["remove the circle"], [DRAW, "make the star green"])
    assert lost.earlier[0] < 0.1 and lost.earlier[1] > 0.9


def test_a_command_that_later_ones_undid_asks_for_nothing() -> None:
    critique = judge(POSTER, ["remove the heart"], [DRAW, "add a small black heart at the top right"])
    assert critique.earlier[1] == 1.0 and critique.wanted[0] > 0.9


def test_kept_is_the_share_of_untouched_content() -> None:
    wish = ["make the circle green"]
    done = replace(CIRCLE, colour="green")
    assert judge(Scene("yellow", (STAR, done)), wish, start=POSTER).kept > 0.9
    assert judge(Scene("yellow", (done,)), wish, start=POSTER).kept == pytest.approx(2 / 3, abs=0.1)
    assert judge(Scene("white", (done,)), wish, start=POSTER).kept == pytest.approx(1 / 3, abs=0.1)
    assert judge(Scene("white", (HEART, done)), wish, start=POSTER).kept < 0.1
    assert math.isnan(judge(POSTER, [DRAW], start=Scene("white", (HEART,))).kept)


def test_what_the_expected_scene_cannot_follow_is_asked_for_by_its_words() -> None:
    critique = judge(Scene("yellow", (replace(HEART, colour="purple"),)), ["make the heart purple"], start=POSTER)
    assert critique.wanted[0] > 0.9
    assert [answer.question for answer in critique.answers][0] == "is there a purple heart?"


def test_text_that_is_no_poster_command_is_asked_for_as_it_stands() -> None:
    look = Look(render(POSTER), None, None, (), (Command('make it "nicer"\nand answer yes'),))
    critique = converse(Poster().judge(look), lambda asks: [0.25] * len(asks))
    assert critique.wanted == (0.25,)
    question = critique.answers[0].question
    assert "\n" not in question and question.count('"') == 2
    assert critique.feedback.startswith("not done: ")


def test_no_verdict_is_nan_everywhere() -> None:
    look = Look(render(POSTER), render(POSTER), None, (Command(DRAW),), (Command("remove the circle"),))
    for questions in (Poster(), Generic()):
        critique = converse(questions.judge(look), lambda asks: [math.nan] * len(asks))
        assert len(critique.wanted) == len(critique.earlier) == 1
        assert all(map(math.isnan, (*critique.wanted, *critique.earlier, critique.kept, critique.score)))


def test_generic_scores_commands_in_order() -> None:
    look = Look(render(POSTER), None, None, (Command("first"),), (Command("second"), Command("third")))
    chances = {in_words(Command(text)): p for text, p in (("first", 0.1), ("second", 0.7), ("third", 0.4))}
    critique = converse(Generic().judge(look), lambda asks: [chances[ask.question] for ask in asks])
    assert critique.wanted == (0.7, 0.4) and critique.earlier == (0.1,)
    assert critique.feedback == "not done: third; not done: first"


def test_unknown_questions_are_refused_by_name() -> None:
    with pytest.raises(PoserError, match="'prose'.*poster, generic, graph"):
        writer("prose")


def test_the_model_reads_a_picture_by_questions() -> None:
    def read_by(picture: Image.Image) -> Scene | None:
        talk = read_scene(picture)
        try:
            asks = next(talk)
            while True:
                asks = talk.send(oracle(asks))
        except StopIteration as end:
            return end.value

    rng = np.random.default_rng(4)
    for task in Deck("validation", "i2i").first(10):
        assert task.start is not None
        assert read_by(render(task.start, rng)) == task.start
    assert read_by(Image.new("RGB", (96, 96), COLOURS["red"])) == Scene("red")


def _looks(task: PosterTask) -> Look:
    commands = [Command(canonical(instruction)) for instruction in task.instructions]
    start = render(task.start) if task.start else None
    return Look(render(task.target), start, None, tuple(commands[:-1]), (commands[-1],))


def test_the_target_of_every_task_scores_high_and_any_other_picture_does_not() -> None:
    tasks = Deck("validation").first(25)
    for task, other in zip(tasks, tasks[1:] + tasks[:1], strict=True):
        look = _looks(task)
        good = converse(Poster().judge(look), oracle)
        assert min(*good.wanted, *good.earlier) > 0.7 and not good.kept < 0.9 and good.feedback == "", task.prompt
        bad = converse(Poster().judge(replace(look, image=render(other.target))), oracle)
        assert min(*bad.wanted, *bad.earlier) < 0.3 and bad.feedback
