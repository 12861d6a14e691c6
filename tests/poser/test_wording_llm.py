"""Prompts in the words that an expert likes: nothing lost, quotations kept, the user's own words where it fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from experts.types import Card
from poser.llm.prompts import prompt
from poser.protocols import Call
from poser.types import Action, Command, Plan, PoserError, State, Task
from poser.wording import load
from poser.wording.llm import Llm
from poser.wording.plain import Plain
from tests.experts.fault_plan import Plan as Faults
from tests.poser.chat_server import FAULTS, MARK, ORDERS, USD, ChatServer, data_of, outside
from tests.poser.world import make

DRAW = Card("draw", "text-to-image", "Likes long descriptions.", verbs=("generate",), params={"style": "tags"})
EDIT = Card("edit", "image-to-image", "Edits by instruction.", params={"style": 3})
HAT = Command("put a red hat on it", "add", None, "put a red hat on the cat")
CAT = Command("Draw a cat", "generate")


def rewrite(asked: dict[str, Any]) -> Any:
    data = data_of(asked)
    return {"prompt": MARK if outside(asked) else f"{data['mode']}: {', '.join(data['instructions'])}, masterpiece"}


@pytest.fixture(name="server")
def chat_server() -> Iterator[ChatServer]:
    with ChatServer(rewrite) as server:
        yield server


def wording(server: ChatServer, **more: Any) -> Llm:
    return Llm(server.chat(**more), prompt("word-1"))


def call(command: Command = HAT, card: Card = DRAW) -> Call:
    return Call(State(Task("x", Image.new("RGB", (8, 8))), Plan((CAT,), command)), Action(card.id, "current"), card)


def test_it_is_written_for_the_expert_and_asked_stays_the_users(server: ChatServer) -> None:
    drawn, edited = wording(server).write([call(), call(card=EDIT)])
    assert drawn.prompt == "text-to-image: Draw a cat, put a red hat on the cat, masterpiece"
    assert edited.prompt == "image-to-image: put a red hat on the cat, masterpiece"
    assert [drawn.asked, edited.asked] == [w.asked for w in Plain().write([call(), call(card=EDIT)])]
    assert drawn.usd == pytest.approx(USD) and drawn.seconds > 0
    shown = sorted((data_of(asked)["model"] for asked in server.book.asked), key=lambda model: model["id"])
    assert shown[0]["style"] == "tags" and "style" not in shown[1] and shown[1]["description"] == EDIT.description


def test_it_is_asked_once_for_the_same(server: ChatServer) -> None:
    found = wording(server)
    first, second = found.write([call(), call()])
    assert first.prompt == second.prompt and second.usd == 0.0
    assert found.write([call()])[0] == second._replace(seconds=0.0) and server.book.requests == 1


@pytest.mark.parametrize(
    ("command", "said", "words"),
    [
        (HAT, "", '"prompt" is empty'),
        (HAT, "a dog in the garden", "of what was asked for is not in it"),
        (HAT, "a cat with a red hat " * 100, "at most 1500 are allowed"),
        (Command('write "Open 24h" on the sign'), 'the sign says "OPEN 24H", write', "must stay exactly"),
        (Command("write 'Café' on the sign"), "a sign; write Cafe on the sign", "must stay exactly"),
    ],
)
def test_what_is_lost_or_changed_is_asked_again_and_then_it_is_plain(
    command: Command, said: str, words: str, server: ChatServer
) -> None:
    server.brain = lambda asked: {"prompt": said}
    (written,) = wording(server).write([call(command, EDIT)])
    assert words in data_of(server.book.asked[1])["what_was_wrong"] and server.book.requests == 3
    assert written.prompt == Plain().write([call(command, EDIT)])[0].prompt and written.usd == pytest.approx(3 * USD)


def test_quotations_that_stay_are_fine(server: ChatServer) -> None:
    server.brain = lambda asked: {"prompt": 'The sign reads "Open 24h", write it on the sign.'}
    (written,) = wording(server).write([call(Command('write "Open 24h" on the sign'), EDIT)])
    assert written.prompt.startswith("The sign reads") and server.book.requests == 1


@pytest.mark.parametrize("order", ORDERS)
def test_orders_are_words_like_any_other(order: str, server: ChatServer) -> None:
    card = replace(EDIT, description=order)
    (written,) = wording(server).write([call(Command(order), card)])
    assert written.prompt != MARK and not any(outside(asked) for asked in server.book.asked)


def test_faults_cost_few_requests_and_no_step(server: ChatServer) -> None:
    server.fault = Faults(0.2, 4, FAULTS)
    calls = [call(Command(f"add hat number {n}"), EDIT) for n in range(60)]
    written = wording(server).write(calls)
    plain = Plain().write(calls)
    refused = sum(one.prompt == other.prompt for one, other in zip(written, plain, strict=True))
    assert refused == server.book.faults.count("refusal") and 60 < server.book.requests <= 78


def test_a_step_hands_over_what_was_written_and_charges_it(server: ChatServer) -> None:
    mdp = replace(make(), wording=wording(server))
    (step,) = mdp.step(mdp.start([Task("Draw a cat. Add a hat.")]), [1])
    assert step.request and step.request.prompt.endswith("masterpiece") and step.request.asked == "Draw a cat"
    assert step.after.spent.usd == pytest.approx(USD + 0.001)


def test_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    found = load("llm", {"model": "m", "longest": 200})
    assert found.id == f"llm:m:{prompt('word-1').id}"
    for told, words in (
        ({}, "no model is named"),
        ({"model": "m", "longest": 0}, "longest is 0"),
        ({"tone": 1}, "'tone'"),
    ):
        with pytest.raises(PoserError, match=words):
            load("llm", told)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(PoserError, match="wording llm: .*OPENAI_API_KEY is not set"):
        found.write([call()])
