"""Questions as a dependency graph: what commands ask for, what later ones make void, what must be kept."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from experts.types import VERBS
from poser.critics.questions.asking import Ask, Generic, data, in_words
from poser.critics.questions.captions import caption
from poser.critics.questions.graph import Graph, parts, topics
from poser.critics.questions.nodes import nodes_of
from poser.critics.questions.phrases import phrase
from poser.critics.questions.registry import writer
from poser.planning.rules import RulesExtractor
from poser.types import Command, Critique, Look, Task
from tests.poser.questioning import converse

START, AFTER = Image.new("RGB", (8, 8), "white"), Image.new("RGB", (8, 8), "black")


def commands(prompt: str, pictured: bool = True) -> tuple[Command, ...]:
    return RulesExtractor().first(Task(prompt, START if pictured else None)).pending


def one(text: str) -> Command:
    (command,) = commands(text)
    return command


def asked(text: str) -> list[tuple[str, str, bool]]:
    return [(node.kind, node.question, node.wanted) for node in nodes_of(one(text))]


def judged(
    wanted: str, after: Mapping[str, float], before: Mapping[str, float] | None = None, earlier: str = ""
) -> Critique:
    """The critique by a model that says yes to what is not listed, of the candidate; no, of the input picture."""

    def answer(asks: list[Ask]) -> list[float]:
        return [
            after.get(ask.question, 0.9) if ask.picture is AFTER else (before or {}).get(ask.question, 0.1)
            for ask in asks
        ]

    look = Look(AFTER, None if before is None else START, None, commands(earlier) if earlier else (), commands(wanted))
    return converse(Graph(), look, answer)


def test_a_description_is_things_attributes_numbers_and_places() -> None:
    nodes = nodes_of(commands("A photo of two black cats on a red sofa next to a wooden lamp", False)[0])
    told = [(node.kind, node.question, node.parents) for node in nodes]
    assert told == [
        ("entity", 'Does this picture show "cats"?', ()),
        ("colour", 'Are "the cats" in this picture "black"?', (0,)),
        ("count", 'Does this picture show "exactly 2 cats"?', (0,)),
        ("entity", 'Does this picture show "a sofa"?', ()),
        ("colour", 'Is "the sofa" in this picture "red"?', (3,)),
        ("place", 'Are "the cats" "on a sofa" in this picture?', (0, 3)),
        ("entity", 'Does this picture show "a lamp"?', ()),
        ("look", 'Is "the lamp" in this picture "wooden"?', (6,)),
        ("place", 'Is "the sofa" "next to a lamp" in this picture?', (3, 6)),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Remove the old car", [("absent", 'Does this picture show "the old car"?', False)]),
        (
            "Remove the car and the tree from the picture",
            [
                ("absent", 'Does this picture show "the car"?', False),
                ("absent", 'Does this picture show "the tree"?', False),
            ],
        ),
        (
            "Replace the cat with a dog",
            [
                ("entity", 'Does this picture show "a dog"?', True),
                ("absent", 'Does this picture show "the cat"?', False),
            ],
        ),
        (
            "Paint the wall green",
            [
                ("entity", 'Does this picture show "the wall"?', True),
                ("colour", 'Is "the wall" in this picture "green"?', True),
            ],
        ),
        (
            "Change the background to a sunny beach",
            [("background", 'Is the background of this picture "sunny beach"?', True)],
        ),
        ("Make the background blue", [("background", 'Is the background of this picture "blue"?', True)]),
        ('Write "HELLO" at the top', [("text", 'Are the words "HELLO" written in this picture?', True)]),
        (
            "Move the lamp to the left of the sofa",
            [
                ("entity", 'Does this picture show "the lamp"?', True),
                ("entity", 'Does this picture show "the sofa"?', True),
                ("place", 'Is "the lamp" "to the left of the sofa" in this picture?', True),
            ],
        ),
    ],
)
def test_commands_ask_for_their_effect(text: str, expected: list[tuple[str, str, bool]]) -> None:
    assert asked(text) == expected


@pytest.mark.parametrize(
    "text",
    ["Make it look like a watercolour", "Increase the brightness", "Remove everything", "zxq 12 --", "make it nicer"],
)
def test_what_is_not_understood_is_one_question_in_its_own_words(text: str) -> None:
    (node,) = nodes_of(one(text))
    assert node.kind == "whole" and node.question == in_words(one(text)) and node.wanted


def test_a_command_counts_as_far_as_all_its_nodes_hold() -> None:
    text = "Add a blue vase on the table"
    assert judged(text, {}).wanted[0] == pytest.approx(0.9**4)
    assert judged(text, {'Is "the vase" in this picture "blue"?': 0.1}).wanted[0] == pytest.approx(0.9**3 * 0.1)
    gone = judged("Remove the car", {'Does this picture show "the car"?': 0.05})
    assert gone.wanted[0] == pytest.approx(0.95) and gone.feedback == ""
    left = judged("Remove the car", {})
    assert left.wanted[0] == pytest.approx(0.1) and left.feedback == "still there: the car"


def test_a_child_without_its_parent_is_not_complained_about() -> None:
    text, vase = "Add a blue vase on the table", 'Does this picture show "a vase"?'
    colour, place = 'Is "the vase" in this picture "blue"?', 'Is "the vase" "on the table" in this picture?'
    both = judged(text, {colour: 0.1, place: 0.2})
    assert both.feedback == "the vase is not blue; the vase is not on the table"
    missing = judged(text, {vase: 0.1, colour: 0.1, place: 0.2})
    assert missing.feedback == "a vase is missing" and missing.wanted[0] < both.wanted[0]


def test_a_better_answer_never_lowers_a_score() -> None:
    text = "two black cats on a red sofa next to a lamp"
    questions = [node.question for node in nodes_of(one(text))]
    for question in questions:
        scores = [judged(text, {question: p}).wanted[0] for p in np.linspace(0, 1, 11)]
        assert scores == sorted(scores) and scores[0] < scores[-1]


def test_later_commands_make_void_what_they_change() -> None:
    plan = commands(
        "Add a red car on the road. Paint the car green. Change the background to a beach. Remove the road. "
        "Make the background a forest. Replace the car with a bus"
    )
    left = {part.command.text: [node.question for _, node in part.nodes] for part in parts(plan)}
    assert left["Add a red car on the road"] == []
    assert left["Paint the car green"] == [] and left["Change the background to a beach"] == []
    assert left["Remove the road"] == ['Does this picture show "the road"?']
    assert len(left["Replace the car with a bus"]) == 2
    painted = {part.command.text: part.nodes for part in parts(plan[:2])}
    kinds = [node.kind for _, node in painted["Add a red car on the road"]]
    assert kinds == ["entity", "entity", "place"]  # no longer asked to be red
    undone = judged("Remove the road", {'Is "the car" in this picture "green"?': 0.1}, earlier="Paint the car green")
    assert undone.earlier[0] == pytest.approx(0.09) and undone.feedback.endswith("the car is not green")


def test_kept_counts_only_what_the_input_picture_showed() -> None:
    animal, people = 'Does this picture show "an animal"?', 'Does this picture show "a person"?'
    before = {animal: 0.9, people: 0.8, 'Does this picture show "the sky"?': 0.4}
    assert judged("Add a hat", {}, before).kept == pytest.approx(0.9)
    lost = judged("Add a hat", {animal: 0.1, 'Does this picture show "the sky"?': 0.0}, before)
    assert lost.kept == pytest.approx(0.5) and "an animal is no longer there" in lost.feedback
    assert math.isnan(judged("Add a hat", {}, {}).kept) and math.isnan(judged("Add a hat", {}).kept)
    assert math.isnan(judged("A photo of a dog on a beach", {}, before).kept)


def test_what_a_command_is_about_need_not_be_kept() -> None:
    full = topics(commands("Add a hat on the lamp"))
    assert "an animal" in full and full["lamp"] == 'Does this picture show "the lamp"?'
    assert "an animal" not in topics(commands("Remove the dogs"))
    ground = topics(commands("Change the background to a beach"))
    assert "mountains or hills" not in ground and "a person" in ground
    assert "lamp" not in topics(commands("Add a hat on the lamp. Remove the lamp"))


def test_no_verdict_is_nan_everywhere() -> None:
    look = Look(AFTER, START, None, commands("Add a red star"), commands("Remove the circle"))
    critique = converse(Graph(), look, lambda asks: [math.nan] * len(asks))
    assert all(map(math.isnan, (*critique.wanted, *critique.earlier, critique.kept)))
    some = converse(Graph(), look, lambda asks: [0.9 if a.picture is START else math.nan for a in asks])
    assert math.isnan(some.kept) and math.isnan(some.score)


def test_the_graph_is_the_usual_writer_for_free_text() -> None:
    assert writer("graph").id == Graph.id
    prompt = "A red ball. Remove the dog"
    look = Look(AFTER, None, None, (), commands(prompt))
    for questions in (Graph(), Generic()):
        critique = converse(questions, look, lambda asks: [0.7] * len(asks))
        assert len(critique.wanted) == 2 and all(0 <= score <= 1 for score in critique.wanted)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Remove the car", ""),
        ("Paint the wall green", "the green wall"),
        ("Replace the cat with a dog", "a dog"),
        ("Add a hat on the man", "a hat on the man"),
        ("Change the background to a beach", "a beach background"),
        ("A photo of two cats", "two cats"),
        ("Increase the brightness", "Increase the brightness"),
    ],
)
def test_captions_say_what_should_be_there(text: str, expected: str) -> None:
    assert caption(one(text)) == expected


def test_phrases() -> None:
    made = phrase("three small red coffee cups")
    assert made is not None and (made.noun, made.count, made.head, made.be) == ("coffee cups", 3, "cup", "are")
    assert made.adjectives == (("size", "small"), ("colour", "red"))
    for text in ("", "red", "the", "it is", "a dog runs", "ignore the above", "a (b)", "one two three four five"):
        assert phrase(text) is None, text


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300), st.sampled_from(VERBS))
def test_any_text_at_all_gives_a_finite_graph_of_clean_questions(text: str, verb: str) -> None:
    command = Command(text, verb)  # type: ignore[arg-type]
    nodes = nodes_of(command)
    assert nodes
    for n, node in enumerate(nodes):
        assert all(parent < n for parent in node.parents) or node.kind == "place"
        assert all(0 <= parent < len(nodes) and parent != n for parent in node.parents)
        assert node.question.count('"') in (2, 4) and node.question.isprintable()
        assert not set("<>[]{}|") & set(node.question)
    assert data(data(text)) == data(text)
    caption(command)
