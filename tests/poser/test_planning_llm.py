"""The extractor that asks a language model: grounded plans, revisions within the rules, and 'rules' where it fails."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from experts.poster.render import render
from experts.poster.scene import Item, Scene
from experts.types import VERBS
from poser import planning
from poser.llm.prompts import prompt
from poser.planning.llm import LlmExtractor
from poser.planning.rules import RulesExtractor
from poser.policies.fixed import Fixed
from poser.protocols import Attempt, Planned
from poser.rollout import rollout
from poser.types import Command, Critique, Look, Plan, PoserError, State, Task
from tests.experts.fault_plan import Plan as Faults
from tests.poser.chat_server import FAULTS, ORDERS, USD, ChatServer, data_of, outside
from tests.poser.world import make

PROMPT = "Draw a grey cat on a sofa. Then put a red hat on it, and make the wall behind it blue."
PIECES = [
    {"text": "Draw a grey cat on a sofa", "verb": "generate", "words": ""},
    {"text": "put a red hat on it", "verb": "add", "words": "put a red hat on the cat"},
    {"text": "make the wall behind it blue", "verb": "recolour", "words": "make the wall behind the cat blue"},
]
STEERED = [{"text": "Draw nothing", "verb": "other", "words": "give up"}]
A, B, C = (Command(piece["text"], piece["verb"], None, piece["words"]) for piece in PIECES)


def split(asked: dict[str, Any]) -> Any:
    """A plan by full stops, and every revision as it stands; what an order would have, where one got through."""
    data = data_of(asked)
    if outside(asked):
        return {"commands": STEERED, "pending": [], "drop": [1, 2, 3]}
    if "pending" in data:
        return {"pending": [unchanged(row) for row in data["pending"]], "drop": []}
    sentences = [part for part in re.split(r"(?<=\.)\s+", data["prompt"]) if part.strip()]
    return {"commands": [{"text": part, "verb": "other", "words": ""} for part in sentences]}


def unchanged(row: dict[str, Any]) -> dict[str, Any]:
    return {"numbers": [row["number"]], "text": row["text"], "verb": row["verb"], "words": row["words"]}


@pytest.fixture(name="server")
def chat_server() -> Iterator[ChatServer]:
    with ChatServer(split) as server:
        yield server


def extractor(server: ChatServer, rules: RulesExtractor | None = None, **more: Any) -> LlmExtractor:
    own = {key: more.pop(key) for key in ("every", "pictures", "most", "world") if key in more}
    return LlmExtractor(server.chat(**more), rules or RulesExtractor(), prompt("plan-2"), prompt("replan-1"), **own)


def first(server: ChatServer, text: str = PROMPT, **more: Any) -> Planned:
    return extractor(server, **more).start([Task(text)])[0]


def attempt(plan: Plan, scores: Sequence[float], attempts: int = 0, **more: Any) -> Attempt:
    attempted = plan.pending[: len(scores)]
    return Attempt(State(Task(PROMPT), plan, attempts=attempts), tuple(scores), attempted, **more)


# the first plan


def test_a_prompt_becomes_commands_with_verb_words_and_span(server: ChatServer) -> None:
    server.brain = lambda asked: {"commands": PIECES}
    found = extractor(server)
    (planned,) = found.start([Task(PROMPT)])
    commands = planned.plan.commands
    assert [(c.text, c.verb, c.words) for c in commands] == [(p["text"], p["verb"], p["words"]) for p in PIECES]
    assert [PROMPT[slice(*c.span)] for c in commands if c.span] == [p["text"] for p in PIECES]
    assert planned.plan.note == f"by {found.id}" and found.id.startswith("llm:tiny:plan-2@")
    assert planned.usd == pytest.approx(USD) and planned.seconds > 0 and planned.attempts == 0
    schema = server.book.asked[0]["response_format"]["json_schema"]["schema"]
    assert schema["$defs"]["Piece"]["properties"]["verb"]["enum"] == list(VERBS)


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        ([], "there is no command"),
        ([{"text": "Draw a cat", "verb": "generate", "words": ""}], "of what the user asked for is in no command"),
        (PIECES[:1], "is in no command"),
        ([*PIECES, {"text": "Add a purple elephant", "verb": "add", "words": ""}], "command 4 asks for something"),
        ([*PIECES[:2], {**PIECES[2], "words": "delete every file of this computer"}], "command 3 asks for something"),
        ([*PIECES, {"text": " ", "verb": "add", "words": ""}], "command 4 has no"),
        ([{**PIECES[0], "verb": "obey"}, *PIECES[1:]], "commands.0.verb: Input should be"),
        (PIECES * 20, "at most 40 are allowed"),
        ([{**PIECES[0], "words": "cat " * 1000}, *PIECES[1:]], "longer than 2000"),
        ("all of them", "commands: Input should be"),
    ],
)  # fmt: skip
def test_what_is_not_in_the_prompt_or_not_in_the_plan_is_asked_again_and_left_to_the_rules(
    commands: Any, words: str, server: ChatServer
) -> None:
    server.brain = lambda asked: {"commands": commands}
    planned = first(server)
    assert server.book.requests == 3 and words in data_of(server.book.asked[1])["what_was_wrong"]
    assert planned.plan == RulesExtractor(reorder=False).first(Task(PROMPT))
    assert planned.plan.note.startswith("by rules: the model gave no plan (broken: ")
    assert planned.usd == pytest.approx(3 * USD)


def test_a_second_answer_that_is_right_is_taken(server: ChatServer) -> None:
    server.brain = lambda asked: {"commands": PIECES if "what_was_wrong" in data_of(asked) else PIECES[:1]}
    assert len(first(server).plan.commands) == 3 and server.book.requests == 2


@pytest.mark.parametrize("order", ORDERS)
def test_orders_in_a_prompt_are_commands_like_any_other(order: str, server: ChatServer) -> None:
    plan = first(server, f"{PROMPT} {order}").plan
    assert plan.note.startswith("by llm") and plan.current.text == "Draw a grey cat on a sofa" and plan.remaining
    assert not any(outside(asked) for asked in server.book.asked)
    judged = attempt(plan, [0.0], feedback=order)
    (planned,) = extractor(server).next([judged])
    assert planned.plan.current == plan.current and not any(outside(asked) for asked in server.book.asked)


def test_a_list_is_asked_at_once_and_faults_stay_with_their_item(server: ChatServer) -> None:
    server.delay, server.fault = 0.02, Faults(0.2, 2, FAULTS)
    tasks = [Task(f"Draw cat number {n}. Add a hat.") for n in range(60)]
    planned = extractor(server).start(tasks)
    ruled = [k for k, one in enumerate(planned) if one.plan.note.startswith("by rules")]
    assert len(ruled) == server.book.faults.count("refusal") and server.book.together > 1
    assert all(one.plan.current and one.plan.current.text.startswith("Draw cat number") for one in planned)
    assert 60 < server.book.requests <= 78
    again = extractor(server).start(tasks[:1])
    assert again[0].plan == planned[0].plan


def test_a_picture_is_shown_where_that_is_asked_for(server: ChatServer) -> None:
    task = Task(PROMPT, Image.new("RGB", (8, 8), "red"))
    extractor(server, pictures=True).start([task])
    extractor(server).start([task])
    shown, not_shown = (asked["messages"][1]["content"] for asked in server.book.asked)
    assert [part["type"] for part in shown] == ["text", "text", "image_url"] and isinstance(not_shown, str)
    assert [data_of(asked)["picture"] for asked in server.book.asked] == ["there is one"] * 2


# what is no work: prohibitions, conditions, what nobody understands, what cannot be

TOLD = "Make the car red. Don't touch the sky. If there is a dog, remove it. Florble the gronk. Lift the moon."
ASIDES = [
    {"text": "Don't touch the sky", "kind": "prohibition", "why": "the sky stays"},
    {"text": "If there is a dog, remove it", "kind": "condition", "why": "there is no dog"},
    {"text": "Florble the gronk", "kind": "unclear", "why": "nobody knows what a gronk is"},
    {"text": "Lift the moon", "kind": "impossible", "why": "there is no moon"},
]
CAR = {"text": "Make the car red", "verb": "recolour", "words": ""}


def test_what_is_no_work_ends_before_a_call_with_its_reason(server: ChatServer) -> None:
    server.brain = lambda asked: {"commands": [CAR], "asides": ASIDES}
    plan = first(server, TOLD).plan
    assert [command.text for command in plan.pending] == ["Make the car red"]
    assert [(c.text, c.end, c.reason) for c in plan.settled] == [
        ("Don't touch the sky", "done", "the sky stays"),
        ("If there is a dog, remove it", "done", "there is no dog"),
    ]
    assert [(c.text, c.end, c.reason) for c in plan.dropped] == [
        ("Florble the gronk", "not understood", "nobody knows what a gronk is"),
        ("Lift the moon", "not possible", "there is no moon"),
    ]
    assert all(TOLD[slice(*c.span)] == c.text for c in (*plan.settled, *plan.dropped) if c.span)
    schema = server.book.asked[0]["response_format"]["json_schema"]["schema"]
    assert set(schema["required"]) == {"commands", "asides"}
    kinds = schema["$defs"]["Aside"]["properties"]["kind"]["enum"]
    assert kinds == ["prohibition", "condition", "unclear", "impossible"]


def test_a_plan_of_asides_alone_spends_nothing_more(server: ChatServer) -> None:
    server.brain = lambda asked: {"commands": [], "asides": ASIDES[2:3]}
    plan = first(server, "Florble the gronk").plan
    assert plan.pending == () and [c.end for c in plan.dropped] == ["not understood"] and server.book.requests == 1


@pytest.mark.parametrize(
    ("asides", "words"),
    [
        ([{"text": "Don't paint the fence", "kind": "prohibition", "why": ""}], "must be copied from the prompt"),
        ([{**ASIDES[0], "kind": "boring"}], "asides.0.kind: Input should be"),
        (ASIDES[:1], "is in no command"),
    ],
)
def test_an_aside_that_is_not_in_the_prompt_or_hides_work_is_asked_again(
    asides: Any, words: str, server: ChatServer
) -> None:
    server.brain = lambda asked: {"commands": [CAR], "asides": asides}
    planned = first(server, TOLD)
    assert server.book.requests == 3 and words in data_of(server.book.asked[1])["what_was_wrong"]
    assert planned.plan.note.startswith("by rules") and planned.plan == RulesExtractor().first(Task(TOLD))


def test_the_order_of_a_plan_is_the_models(server: ChatServer) -> None:
    """'But first' is understood: the commands stand as the answer has them, whatever their spans say."""
    server.brain = lambda asked: {"commands": [PIECES[0], PIECES[2], PIECES[1]]}
    plan = first(server).plan
    assert [command.text for command in plan.pending] == [PIECES[k]["text"] for k in (0, 2, 1)]


def test_in_the_embedded_world_commands_get_their_meaning(server: ChatServer) -> None:
    said = "Make the star green. Then please move it to the top right. Give it a hat."
    parts = [("Make the star green", ""), ("move it to the top right", "move the star to the top right")]
    parts.append(("Give it a hat", "add a hat to the star"))
    rows = [{"text": text, "verb": "other", "words": words} for text, words in parts]
    server.brain = lambda asked: {"commands": rows}
    scene = Scene("white", (Item(4, "star", "red"),))
    found = extractor(server, world="poster")
    (planned,) = found.start([Task(said, render(scene))], [scene])
    green, moved, hat = planned.plan.pending
    assert found.sees and not extractor(server).sees
    assert green.meaning and green.meaning.colour == "green" and moved.meaning and moved.meaning.place == 2
    assert hat.meaning is None and [c.order for c in planned.plan.pending] == [0, 1, 2]
    (plain,) = extractor(server).start([Task(said, render(scene))], [scene])
    assert all(command.meaning is None for command in plain.plan.pending)


# the next plans


@pytest.mark.parametrize(
    ("every", "scores", "asked"),
    [("start", [0.0], 0), ("failure", [0.9], 0), ("failure", [0.4], 1), ("failure", [math.nan], 1), ("step", [0.9], 1)],
)
def test_when_it_is_asked_again(every: Any, scores: list[float], asked: int, server: ChatServer) -> None:
    (planned,) = extractor(server, every=every).next([attempt(Plan((), A, (B, C)), scores)])
    assert server.book.requests == asked
    expected = RulesExtractor(reorder=False).follow(*attempt(Plan((), A, (B, C)), scores)[:3])
    assert (planned.plan, planned.attempts) == expected and planned.usd == pytest.approx(asked * USD)


def test_it_is_not_asked_when_nothing_is_left(server: ChatServer) -> None:
    (planned,) = extractor(server, every="step").next([attempt(Plan((A,), B), [1.0])])
    assert planned.plan == Plan((A, B)) and server.book.requests == 0


def test_what_it_is_shown_after_a_step(server: ChatServer) -> None:
    judged = attempt(Plan((A,), B, (C,)), [0.25], 1, feedback="there is no hat")
    extractor(server).next([judged])
    data = data_of(server.book.asked[0])
    assert data["done"] == [A.wording] and data["prompt"] == PROMPT and data["picture"] == "none yet"
    assert data["last"] == {"tried": [B.wording], "scores": [0.25], "feedback": "there is no hat"}
    assert [(row["number"], row["text"], row["failed"]) for row in data["pending"]] == [(1, B.text, 2), (2, C.text, 0)]


def revision(*pending: tuple[tuple[int, ...], str], drop: tuple[int, ...] = ()) -> Any:
    changes = [{"numbers": list(n), "text": text, "verb": "add", "words": text} for n, text in pending]
    return {"pending": changes, "drop": list(drop)}


def test_it_may_reword_reorder_and_merge_and_failures_come_along(server: ChatServer) -> None:
    server.brain = lambda asked: revision(((2,), C.words), ((1,), "put a hat that is red on the grey cat"))
    found = extractor(server)
    (later,) = found.next([attempt(Plan((A,), B, (C,)), [0.0], 1)])
    assert later.plan.current == C and later.attempts == 0
    assert later.plan.remaining[0].wording == "put a hat that is red on the grey cat"
    assert later.plan.remaining[0].failed == 2
    (back,) = found.next([attempt(later.plan, [1.0])])
    assert back.plan.current == later.plan.remaining[0] and back.attempts == 2
    (gone,) = found.next([attempt(back.plan, [0.0], back.attempts)])
    assert gone.plan == Plan((A, C), dropped=(later.plan.remaining[0],))
    server.brain = lambda asked: revision(((1, 2), f"{B.words} and {C.words}"))
    (merged,) = found.next([attempt(Plan((A,), B, (C,)), [0.1], 0)])
    assert merged.plan.remaining == () and merged.attempts == 1 and merged.plan.current.failed == 1


def test_three_failed_attempts_end_a_command_whatever_the_model_says(server: ChatServer) -> None:
    """A model that rewords what failed every time cannot try it a fourth time."""
    words = iter(f"put a red hat on the cat {n}" for n in range(100))
    server.brain = lambda asked: revision(*(((row["number"],), next(words)) for row in data_of(asked)["pending"]))
    found, planned, tries = extractor(server, most=5), Planned(Plan((A,), B)), 0
    while planned.plan.current is not None:
        (planned,) = found.next([attempt(planned.plan, [0.0], planned.attempts)])
        tries += 1
    assert tries == 3 and len(planned.plan.dropped) == 1


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (revision(((1,), B.words)), "number 2 is neither pending nor dropped"),
        (revision(((1,), B.words), drop=(2,)), "number 2 has not failed yet"),
        (revision(((1, 2, 3), B.words)), "only the numbers 1 to 2"),
        (revision(((1,), B.words), ((2,), C.words), drop=(1,)), "number 1 is both"),
        (revision(((1,), B.words), ((), "put a hat"), ((2,), C.words)), 'has no "numbers"'),
        (revision(((1,), "put it"), ((2,), "make it")), "is in no command"),
        (revision(((1,), "paint a purple elephant"), ((2,), C.words)), "command 1 asks for something"),
    ],
)
def test_a_revision_beyond_the_rules_is_refused_and_the_scored_plan_stays(
    said: Any, words: str, server: ChatServer
) -> None:
    server.brain = lambda asked: said
    (planned,) = extractor(server).next([attempt(Plan((A,), B, (C,)), [0.0])])
    assert words in data_of(server.book.asked[1])["what_was_wrong"] and server.book.requests == 3
    assert planned.plan == Plan((A,), B, (C,)) and planned.attempts == 1 and planned.plan.note.startswith("by rules")


def test_what_has_failed_may_be_dropped(server: ChatServer) -> None:
    server.brain = lambda asked: revision(((2,), C.words), drop=(1,))
    (planned,) = extractor(server).next([attempt(Plan((A,), B, (C,)), [0.0])])
    assert planned.plan == Plan((A,), C, (), (B,)) and planned.attempts == 0


def test_done_is_what_the_scores_say(server: ChatServer) -> None:
    claim = {"done": ["all"], "score": 1.0, "attempts": 0}
    server.brain = lambda asked: {**split(asked), **claim}
    (planned,) = extractor(server, every="step").next([attempt(Plan((), A, (B, C)), [0.1, 0.9])])
    assert planned.plan == Plan((B,), A, (C,)) and planned.attempts == 1


class Never:
    """A critic to whom nothing is ever right."""

    id = "never:1"

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        return [Critique((0.1,) * len(look.wanted), (1.0,) * len(look.earlier), feedback="no") for look in looks]


@pytest.mark.parametrize("every", ["start", "failure", "step"])
def test_episodes_end_and_its_price_is_in_what_was_spent(every: Any, server: ChatServer) -> None:
    mdp = replace(make(), extractor=extractor(server, every=every), critic=Never())
    policy = Fixed("fixed", (mdp.actions.slot("fake-draw-1"), mdp.actions.slot("fake-tint-1")))
    tasks = [Task(f"Draw cat number {n}. Add a hat. Make it blue.", seed=n, id=str(n)) for n in range(4)]
    found = dict(rollout(mdp, policy, tasks))
    ends = [found[k].steps[-1].after for k in range(4)]
    assert all(state.ended for state in ends) and [len(state.plan.dropped) for state in ends] == [2] * 4
    assert sum(state.spent.usd for state in ends) == pytest.approx(USD * server.book.requests)
    steps = [step for trajectory in found.values() for step in trajectory.steps]
    assert all(step.after.attempts <= 3 for step in steps)
    assert all(("by llm" in step.after.plan.note) == (every != "start") for step in steps if step.after.plan.current)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "extractor llm: no model is named"),
        ({"model": "m", "every": "day"}, "every is 'day'; type one of step, failure, start"),
        ({"model": "m", "most": 0}, "most is 0"),
        ({"model": "m", "pictures": "yes"}, "pictures is 'yes'"),
        ({"model": "m", "merge": 3}, "extractor llm: no such key 'merge'"),
        ({"model": "m", "world": "mars"}, "world is 'mars'; type poster"),
        ({"model": "m", "plan": "plan-0"}, "no such prompt 'plan-0'"),
    ],
)
def test_wrong_settings_are_one_line(told: dict[str, Any], words: str) -> None:
    with pytest.raises(PoserError) as caught:
        planning.load("llm", told)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_key_is_needed_at_the_first_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    found = planning.load("llm", {"model": "m"})
    with pytest.raises(PoserError, match="extractor llm: .*OPENAI_API_KEY is not set"):
        found.start([Task(PROMPT)])
    assert planning.load("rules").id == "rules"
