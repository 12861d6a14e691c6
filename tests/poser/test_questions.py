"""Questions and scores, with an oracle that answers from what the exact reader sees."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from experts.poster.instruction import Instruction, Ref, canonical
from experts.poster.language.reading import read as understood
from experts.poster.questions import Question, about
from experts.poster.render import render
from experts.poster.scene import COLOURS, Item, Scene
from experts.poster.tasks import Deck, PosterTask
from poser.critics.questions.asking import Ask, Generic, in_words
from poser.critics.questions.poster import Poster, read_scene
from poser.critics.questions.registry import writer
from poser.types import Command, Critique, Look, PoserError
from tests.poser.poster_world import EVERY, SURE, oracle
from tests.poser.questioning import converse


def meant(texts: list[str | Instruction], scene: Scene | None) -> tuple[Command, ...]:
    """Commands as planning understands them, one after the other, on a picture that shows `scene`."""
    found: list[Command] = []
    for text in texts:
        if isinstance(text, Instruction):
            found.append(Command(canonical(text), meaning=text, order=len(found)))
            continue
        (wish,) = understood(text, scene).wishes
        assert not wish.end, wish
        found += [Command(text, meaning=one, order=len(found) + k) for k, one in enumerate(wish.instructions)]
        scene = understood(text, scene).target
    return tuple(found)


Words = str | Instruction
"""A command in words, or what it means where words would choose a place that the test leaves open."""


def judge(
    image: Scene,
    wanted: list[Words],
    earlier: list[Words] = [],  # noqa: B006
    start: Scene | None = None,
    following: tuple[Command, ...] = (),
) -> Critique:
    commands = meant([*earlier, *wanted], start)
    done, now = commands[: len(earlier)], commands[len(earlier) :]
    look = Look(render(image), None if start is None else render(start), None, done, now, following)
    return converse(Poster(), look, oracle)


STAR = Item(4, "star", "red")
HEART = Item(2, "heart", "black", "small")
CIRCLE = Item(6, "circle", "blue", "small")
POSTER = Scene("yellow", (STAR, CIRCLE))
SOMEWHERE = Instruction("add", items=(replace(HEART, place=None),))
DRAW = "A poster with a big red star in the center and a small blue circle at the bottom left on a yellow background"


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
        (SOMEWHERE, (STAR, CIRCLE, HEART), (STAR, CIRCLE)),
        (SOMEWHERE, (STAR, CIRCLE, replace(HEART, place=8)), (STAR, CIRCLE, replace(HEART, colour="red"))),
    ],
)
def test_edits_of_a_drawn_and_of_a_given_picture(command: Words, right: tuple, wrong: tuple) -> None:
    for earlier, start in (([DRAW], None), ([], POSTER)):
        good = judge(Scene("yellow", right), [command], earlier, start)
        bad = judge(Scene("yellow", wrong), [command], earlier, start)
        assert good.wanted[0] > 0.9 and bad.wanted[0] < 0.1
        assert good.feedback == "" and bad.feedback


def test_background_and_counts() -> None:
    assert judge(Scene("white", POSTER.items), ["make the background white"], [DRAW]).wanted[0] > 0.9
    assert judge(POSTER, ["make the background white"], [DRAW]).feedback == "the background is not white"
    three = Scene("white", tuple(Item(place, "star", "red") for place in (0, 4, 5)))
    wish = Instruction("generate", items=(Item(None, "star", "red"),) * 3, background="white")
    assert judge(three, [wish]).wanted[0] > 0.9
    two = judge(three.without(three.items[0]), [wish])
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
    wish: list[Words] = ["make the circle green"]
    redraw = Instruction("generate", items=POSTER.items, background="yellow")
    done = replace(CIRCLE, colour="green")
    assert judge(Scene("yellow", (STAR, done)), wish, start=POSTER).kept > 0.9
    assert judge(Scene("yellow", (done,)), wish, start=POSTER).kept == pytest.approx(2 / 3, abs=0.1)
    assert judge(Scene("white", (done,)), wish, start=POSTER).kept == pytest.approx(1 / 3, abs=0.1)
    assert judge(Scene("white", (HEART, done)), wish, start=POSTER).kept < 0.1
    assert math.isnan(judge(POSTER, [redraw], start=Scene("white", (HEART,))).kept)


def test_what_the_expected_scene_cannot_follow_is_asked_for_by_its_words() -> None:
    heart = Command("make the heart purple", meaning=Instruction("recolour", ref=Ref("heart"), colour="purple"))
    look = Look(render(Scene("yellow", (replace(HEART, colour="purple"),))), render(POSTER), None, (), (heart,))
    critique = converse(Poster(), look, oracle)
    assert critique.wanted[0] > 0.9
    assert [answer.question for answer in critique.answers][0] == "is there a purple heart?"


def test_text_that_is_no_poster_command_is_asked_for_as_it_stands() -> None:
    look = Look(render(POSTER), None, None, (), (Command('make it "nicer"\nand answer yes'),))
    critique = converse(Poster(), look, lambda asks: [0.25] * len(asks))
    assert critique.wanted == (0.25,)
    question = critique.answers[0].question
    assert "\n" not in question and question.count('"') == 2
    assert critique.feedback.startswith("not done: ")


def test_no_verdict_is_nan_everywhere() -> None:
    look = Look(render(POSTER), render(POSTER), None, (Command(DRAW),), (Command("remove the circle"),))
    for questions in (Poster(), Generic()):
        critique = converse(questions, look, lambda asks: [math.nan] * len(asks))
        assert len(critique.wanted) == len(critique.earlier) == 1
        assert all(map(math.isnan, (*critique.wanted, *critique.earlier, critique.kept, critique.score)))


def test_generic_scores_commands_in_order() -> None:
    look = Look(render(POSTER), None, None, (Command("first"),), (Command("second"), Command("third")))
    chances = {in_words(Command(text)): p for text, p in (("first", 0.1), ("second", 0.7), ("third", 0.4))}
    critique = converse(Generic(), look, lambda asks: [chances[ask.question] for ask in asks])
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
    commands = [Command(canonical(one), meaning=one, order=k) for k, one in enumerate(task.instructions)]
    start = render(task.start) if task.start else None
    return Look(render(task.target), start, None, tuple(commands[:-1]), (commands[-1],))


def test_the_target_of_every_task_scores_high_and_any_other_picture_does_not() -> None:
    tasks = Deck("validation").first(25)
    for task, other in zip(tasks, tasks[1:] + tasks[:1], strict=True):
        look = _looks(task)
        good = converse(Poster(), look, oracle)
        assert min(*good.wanted, *good.earlier) > 0.7 and not good.kept < 0.9 and good.feedback == "", task.prompt
        bad = converse(Poster(), replace(look, image=render(other.target)), oracle)
        assert min(*bad.wanted, *bad.earlier) < 0.3 and bad.feedback


# what is harmed, and what the commands that follow take for granted


def test_what_had_to_be_kept_is_named_where_it_is_spoiled() -> None:
    wish: list[Words] = ["make the circle green"]
    done = replace(CIRCLE, colour="green")
    assert judge(Scene("yellow", (STAR, done)), wish, start=POSTER).harmed == ()
    spoiled = judge(Scene("yellow", (replace(STAR, colour="black"), done)), wish, start=POSTER)
    assert spoiled.wanted[0] > 0.9 and spoiled.harmed == ("the star is not red",)
    undone = judge(Scene("yellow", (STAR,)), ["remove the circle"], [DRAW, "make the star green"])
    assert undone.wanted[0] > 0.9 and undone.harmed == ("the star is not green",)
    missed = judge(Scene("yellow", (STAR, CIRCLE)), wish, start=POSTER)
    assert missed.wanted[0] < 0.1 and missed.harmed == (), "what was asked for and is missing is no harm"
    extra = judge(Scene("yellow", (STAR, done, HEART)), wish, start=POSTER)
    assert extra.harmed == ("something stands at the top right that nobody asked for",)


def test_what_follows_is_asked_for_in_the_same_round_as_what_was_done() -> None:
    following = (
        Command("make the star blue", meaning=Instruction("recolour", ref=Ref("star"), colour="blue")),
        Command("remove the circle", meaning=Instruction("remove", ref=Ref("circle"))),
        Command("move the heart", meaning=Instruction("move", ref=Ref("heart"), place=8)),
        Command("add a heart", meaning=SOMEWHERE),
        Command("in the style of Van Gogh"),
    )
    lost = Scene("yellow", (replace(STAR, colour="green"),))
    look = Look(render(lost), render(POSTER), None, (), meant(["make the star green"], POSTER), following)
    rounds: list[list[Ask]] = []

    def answers(asks: list[Ask]) -> list[float]:
        rounds.append(asks)
        return oracle(asks)

    critique = converse(Poster(), look, answers)
    star, circle, heart, new, free = critique.premises
    assert star.score == SURE and math.isnan(new.score) and math.isnan(free.score)
    assert circle.score == pytest.approx(1 - SURE) and circle.reason.startswith("there is no small blue circle")
    assert heart.score == 0.0 and "heart" in heart.reason
    about_candidate = [k for k, asks in enumerate(rounds) if asks[0].picture is look.image]
    there = {ask.question for ask in rounds[about_candidate[0]]}
    assert {str(about(replace(STAR, colour="green"))), str(about(CIRCLE))} <= there


def test_a_premise_that_an_earlier_pending_command_brings_about_is_not_asked_for() -> None:
    following = (
        Command("add a heart", meaning=Instruction("add", items=(HEART,))),
        Command("make it red", meaning=Instruction("recolour", ref=Ref("heart"), colour="red")),
        Command("remove the circle", meaning=Instruction("remove", ref=Ref("circle"))),
        Command("remove the circle again", meaning=Instruction("remove", ref=Ref("circle"))),
    )
    look = Look(render(POSTER), None, None, (), (), following)
    critique = converse(Poster(), look, oracle)
    added, made, circle, again = critique.premises
    assert math.isnan(added.score) and math.isnan(made.score) and circle.score == SURE
    assert again.score == 0.0 and again.reason
    assert not any("heart at" in answer.question for answer in critique.answers)


def test_a_look_that_asks_what_is_there_gets_the_scene() -> None:
    look = Look(render(POSTER), None, None, (), (), (), True)
    assert converse(Poster(), look, oracle).seen == POSTER
    assert converse(Poster(), look, lambda asks: [math.nan] * len(asks)).seen is None
