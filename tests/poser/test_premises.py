"""What a command takes for granted is asked first: where it is not there, the command ends before a call is spent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from PIL import Image

from experts.poster.instruction import Instruction, Ref
from experts.poster.render import render
from experts.poster.scene import SIDE, Item, Scene
from experts.types import Job, Result
from poser import Poser
from poser.critics.questions.asking import Said, judged
from poser.critics.questions.graph import Graph
from poser.critics.questions.graph import premises as granted
from poser.mdp import Rules
from poser.planning._following import Following
from poser.planning.rules import RulesExtractor
from poser.protocols import Planned
from poser.runs.ends import ends_of
from poser.types import Command, Critique, Look, Plan, Premise, Task
from tests.poser.poster_world import Exact, Painter, make, play

STAR, CIRCLE = Item(4, "star", "red"), Item(6, "circle", "blue", "small")
POSTER = Scene("white", (STAR, CIRCLE))
NO_PREMISES = Rules(premises=False)


@dataclass(frozen=True)
class Given(Following):
    """An extractor that understands without having seen the picture, as a language model's plan is understood."""

    commands: tuple[Command, ...] = ()
    id = "given"
    sees = False

    def start(self, tasks: Sequence[Task], seen: Sequence[Scene | None] = ()) -> list[Planned]:
        first, *others = self.commands
        return [Planned(Plan(current=first, remaining=tuple(others))) for _ in tasks]


def meant(text: str, verb: str, order: int, **fields: object) -> Command:
    instruction = Instruction(verb, **fields)  # type: ignore[arg-type]
    return Command(text, verb, (order * 40, order * 40 + len(text)), meaning=instruction, order=order)  # type: ignore[arg-type]


HEART = meant("Remove the heart", "remove", 0, ref=Ref("heart"))
GREEN = meant("Make the star green", "recolour", 1, ref=Ref("star"), colour="green")


# the poster questions


def test_a_command_whose_thing_is_not_there_ends_before_a_call_is_spent() -> None:
    painter, critic = Painter(), Exact()
    whole = play(make(painter, critic, extractor=Given(commands=(HEART,))), HEART.text, POSTER)
    assert painter.calls == 0 and whole.steps == ()
    (end,) = ends_of(whole)
    assert end.end == "not possible" and "heart" in end.reason
    assert whole.plan.pending == () and critic.calls == 1, "asked once, before anything else"


def test_the_commands_after_it_are_carried_out() -> None:
    painter = Painter()
    whole = play(make(painter, extractor=Given(commands=(HEART, GREEN))), f"{HEART.text}. {GREEN.text}.", POSTER)
    assert painter.calls == 1 and [end.end for end in ends_of(whole)] == ["not possible", "done"]


def test_without_the_rule_calls_are_spent_on_it() -> None:
    painter, critic = Painter(lambda n, scene: POSTER), Exact()
    extractor = Given(commands=(meant("Make the heart green", "recolour", 0, ref=Ref("heart"), colour="green"),))
    whole = play(make(painter, critic, NO_PREMISES, extractor), "Make the heart green", POSTER)
    assert painter.calls == 3 and [end.end for end in ends_of(whole)] == ["failed"]
    assert all(look.next == () for look in critic.looks)


def test_the_preset_s_rule_reaches_the_transition() -> None:
    for given, wanted in ({}, True), ({"rules.premises": False}, False), ({"rules.premises": True}, True):
        assert Poser.from_pretrained("poster", policy="greedy", overrides=given).mdp.rules.premises is wanted


def test_the_reader_of_words_says_so_too_without_a_call() -> None:
    painter = Painter()
    whole = play(make(painter), "Remove the heart.", POSTER)
    assert painter.calls == 0 and [end.end for end in ends_of(whole)] == ["not possible"]


DRAWING = "A big red star at the center and a small blue circle at the top left on a white background. "


def test_what_was_never_drawn_is_not_worked_on_later() -> None:
    """The circle is never painted: the drawing fails after its attempts, and no call goes to painting it green."""
    painter = Painter(lambda n, scene: scene.without(scene.items[0]) if len(scene.items) > 1 else scene)
    prompt = DRAWING + "Make the circle green. Make the star black."
    whole = play(make(painter), prompt)
    drawn, circle, star = ends_of(whole)
    assert (drawn.end, circle.end, star.end) == ("failed", "not possible", "done")
    assert circle.reason.startswith("there is no small blue circle") and painter.calls == 4
    more = Painter(painter.spoil)
    play(make(more, rules=NO_PREMISES), prompt, steps=20)
    assert more.calls > painter.calls


def test_premises_are_asked_in_the_round_of_the_candidate() -> None:
    critic = Exact()
    whole = play(make(critic=critic), DRAWING + "Make the circle green. Make the star black.")
    assert [end.end for end in ends_of(whole)] == ["done"] * 3 and critic.calls == len(whole.steps) == 3
    assert [len(look.next) for look in critic.looks] == [2, 1, 0]


def test_a_premise_that_an_earlier_pending_command_brings_about_is_not_asked() -> None:
    adds = meant("Add a black heart at the top left", "add", 0, items=(Item(0, "heart", "black"),))
    made = meant("Make the heart red", "recolour", 1, ref=Ref("heart"), colour="red")
    painter = Painter()
    whole = play(make(painter, extractor=Given(commands=(adds, made))), f"{adds.text}. {made.text}.", POSTER)
    assert painter.calls == 2 and [end.end for end in ends_of(whole)] == ["done", "done"]


def test_a_list_is_asked_at_once_and_each_gets_its_own_answer() -> None:
    critic = Exact()
    mdp = make(critic=critic, extractor=Given(commands=(HEART,)))
    there = POSTER.with_items(Item(0, "heart", "black"))
    states = mdp.start([Task("x", render(scene)) for scene in (POSTER, there, POSTER)] + [Task("y")])
    assert critic.calls == 1 and [state.plan.current is None for state in states] == [True, False, True, False]
    assert [mdp.start([state.task])[0].plan for state in states] == [state.plan for state in states]


def test_a_premise_that_nobody_can_judge_stops_nothing() -> None:
    class Mute(Exact):
        def __call__(self, looks: Sequence[Look]) -> list[Critique]:
            return [replace(c, premises=(Premise(),) * len(c.premises)) for c in super().__call__(looks)]

    painter = Painter(lambda n, scene: POSTER)
    play(make(painter, Mute(), extractor=Given(commands=(HEART,))), HEART.text, POSTER)
    assert painter.calls > 0


# the graph questions of free text, with a recorded table of answers

TABLE = {
    'Does this picture show "the dog"?': 0.05,
    'Does this picture show "the old car"?': 0.9,
    'Does this picture show "the table"?': 0.02,
    'Does this picture show "a dog"?': 0.95,
}
PICTURE = Image.new("RGB", (SIDE, SIDE), "white")


class Recorded:
    """The graph's questions, answered from a table; 0.1 for what is not in it.

    `later`: answers about other pictures than the given one.
    """

    id = "recorded:1"

    def __init__(self, table: dict[str, float] = TABLE, later: dict[str, float] | None = None) -> None:
        self.table, self.later, self.asked = table, later or table, list[str]()

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        return judged(looks, Graph(), self._answers, self.id)

    def _answers(self, asks: list) -> list[Said]:  # type: ignore[type-arg]
        self.asked += [ask.question for ask in asks]
        tables = [self.table if ask.picture is PICTURE else self.later for ask in asks]
        return [Said(table.get(ask.question, 0.1)) for ask, table in zip(asks, tables, strict=True)]


class Counting:
    """A pool that hands back a new picture each time."""

    def __init__(self) -> None:
        self.calls = 0

    def run(self, jobs: list[Job]) -> list[Result]:
        self.calls += len(jobs)
        return [Result(Image.new("RGB", (SIDE, SIDE), (self.calls, 0, 0))) for _ in jobs]


def free(prompt: str, rules: Rules = Rules(), table: dict[str, float] = TABLE, later: dict | None = None):  # noqa: ANN201, B006, B008
    pool, critic = Counting(), Recorded(table, later)
    whole = play(make(pool, critic, rules, RulesExtractor(reorder=False), "plain"), prompt, PICTURE)
    return whole, pool.calls, critic.asked


def test_free_text_ends_before_a_call_where_its_thing_is_not_there() -> None:
    whole, calls, asked = free("Remove the dog")
    assert calls == 0 and asked == ['Does this picture show "the dog"?']
    assert ends_of(whole) == (("Remove the dog", "not possible", "there is no dog"),)


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("Make the dog brown", "there is no dog"),
        ("Replace the dog with a cat", "there is no dog"),
        ("Move the dog to the left of the old car", "there is no dog"),
        ("Put a vase on the table", "table"),
        ("Remove the old car and the dog", "there is no dog"),
    ],
)
def test_every_kind_of_command_says_what_it_lacks(prompt: str, reason: str) -> None:
    whole, calls, _ = free(prompt)
    (end,) = ends_of(whole)
    assert calls == 0 and end.end == "not possible" and reason in end.reason


@pytest.mark.parametrize(
    "prompt", ["Remove the old car", "Add a dog", "Make it look like a watercolour", "Brighten it"]
)
def test_what_is_there_or_takes_nothing_for_granted_is_tried(prompt: str) -> None:
    _, calls, _ = free(prompt)
    assert calls > 0


def test_free_text_without_the_rule_spends_its_calls() -> None:
    whole, calls, asked = free("Make the dog brown", NO_PREMISES)
    assert calls == 3 and [end.end for end in ends_of(whole)] == ["failed"]
    assert 'Does this picture show "the dog"?' in asked, "about the candidates, as ever"


def test_free_text_may_be_about_what_it_adds_first() -> None:
    """Nothing is asked of the given picture; of the one with the dog in it, whether the dog is there."""
    prompt, the_dog = "Add a dog. Make the dog brown", 'Does this picture show "the dog"?'
    whole, calls, asked = free(prompt, later={**TABLE, the_dog: 0.9})
    assert calls == 4 and [end.end for end in ends_of(whole)] == ["done", "failed"]
    whole, calls, asked = free(prompt)
    assert calls == 1 and [end.end for end in ends_of(whole)] == ["done", "not possible"]
    assert asked.count(the_dog) == 1
    plan = RulesExtractor().first(Task("Add a dog. Make the dog brown. Remove the lamp", PICTURE))
    added, made, lamp = granted(plan.pending)
    assert added == made == () and [node.question for node in lamp] == ['Does this picture show "the lamp"?']


def test_a_model_that_gives_no_answer_refutes_nothing() -> None:
    _, calls, _ = free("Remove the dog", table=dict.fromkeys(TABLE, math.nan))
    assert calls > 0
