"""The critic that asks for typed decisions, in both protocols: probabilities, refusals, faults, words as data."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.speed.critic import qwen3_vl
from poser.critics.questions.asking import Ask, Generic, QuestionCritic
from poser.critics.vlm.answerer import Answerer
from poser.critics.vlm.image_processor import processor_of
from poser.llm.prompts import prompt
from poser.types import PoserError
from tests.experts.fault_plan import script
from tests.poser.chat_server import AGAIN, MARK, ORDERS, ChatServer
from tests.poser.chat_world import look, plain

HONEST = 0.2


def decide(asked: dict[str, Any]) -> Any:
    """P(yes) by the question's number, in the protocol of the request; 1.0 where an order got through."""
    questions = asked["questions"]
    usage = {"input_tokens": 1000, "output_tokens": 0, "total_tokens": 1000}
    if isinstance(questions, dict):
        answers: Any = {name: {"type": "noul", "noul": share_of(q["instructions"])} for name, q in questions.items()}
        return {"model": "tiny", "answers": answers, "usage": usage}
    answers = []
    for question in questions:
        text, document = question["instructions"]
        assert text["type"] == "input_text" and document["type"] == "input_json" and MARK not in text["text"]
        refused = "refuse" in document["data"]["question"]
        kind = {"type": "refusal"} if refused else {"type": "predicate", "probability": share_of(document["data"])}
        answers.append({"name": question["name"], **kind})
    return {"model": "tiny", "answers": answers, "usage": usage}


def share_of(document: dict[str, str]) -> float:
    assert set(document) == {"question"}
    return {"draw a cat": 0.75, "draw a dog": 0.25}.get(re.findall('"(.*)"', document["question"])[0], HONEST)


@pytest.fixture(name="server")
def chat_server() -> Iterator[ChatServer]:
    with ChatServer(decide) as server:
        yield server


def decisions_critic(server: ChatServer, protocol: str = "openai", **settings: Any) -> QuestionCritic:
    prices = {"prices": {"text_in": 1.0}}
    answerer = Answerer(server.endpoint(**prices, **settings), protocol, prompt("decide-1"))
    return QuestionCritic("decisions", answerer, Generic())


@pytest.mark.parametrize("protocol", ["openai", "systemone"])
def test_questions_become_probabilities_in_one_request_a_picture(protocol: str, server: ChatServer) -> None:
    critic = decisions_critic(server, protocol)
    looks = [look(wanted=("draw a cat", "draw a dog")), look("blue", ("draw a dog",)), look(wanted=("draw a cat",))]
    found = critic(looks)
    assert [critique.wanted for critique in found] == [(0.75, 0.25), (0.25,), (0.75,)]
    assert server.book.requests == 2 and [c.usd for c in found] == pytest.approx([1e-3, 1e-3, 0.0])
    assert critic.id == f"decisions:tiny:{prompt('decide-1').id}:{Generic.id}" == found[0].critic
    assert plain(critic(looks)) == plain(found) and server.book.requests == 2
    assert server.book.paths[0] == ("/v1/decisions" if protocol == "openai" else "/v1/systemone")


def test_the_request_is_what_transformers_serve_takes(server: ChatServer, tmp_path: Path) -> None:
    """A tiny vision-language model behind `DecisionPipeline`, which is what answers /v1/systemone there."""
    from transformers import AutoModelForImageTextToText
    from transformers.pipelines import DecisionPipeline

    folder = qwen3_vl(tmp_path)
    processor, model = processor_of(str(folder)), AutoModelForImageTextToText.from_pretrained(folder)
    pipe = DecisionPipeline(model=model, tokenizer=processor.tokenizer, processor=processor)

    def serve(asked: dict[str, Any]) -> Any:
        assert set(asked) == {"model", "state", "questions", "assets"} and len(asked["assets"]) == 1
        asked = {key: value for key, value in asked.items() if key != "model"}
        return {"model": "tiny", "answers": pipe(asked), "usage": {"input_tokens": 7, "output_tokens": 0}}

    critic = decisions_critic(server, "systemone")
    server.brain = serve
    found = critic([look("red"), look("blue"), look("red", (f"draw a cat {ORDERS[1]}",))])
    red, blue, order = (critique.score for critique in found)
    assert red != blue and all(0.0 < p < 1.0 for p in (red, blue, order))
    question = {"type": "noul", "instructions": {"question": found[0].answers[0].question}}
    state = {"task": prompt("decide-1").text, "picture": "img-1"}
    direct = pipe({"state": state, "questions": {"q": question}, "assets": {"img-1": look("red").image}})
    assert red == pytest.approx(direct["q"]["noul"], abs=1e-5)


@pytest.mark.parametrize(("protocol", "most"), [("openai", 400), ("systemone", 64)])
def test_more_questions_than_a_request_takes_go_in_several(protocol: str, most: int, server: ChatServer) -> None:
    critic = decisions_critic(server, protocol)
    picture = Image.new("RGB", (16, 16))
    said = critic.model.ask([Ask(picture, f'"number {n}"') for n in range(most + 1)])
    assert sorted(len(asked["questions"]) for asked in server.book.asked) == [1, most]
    assert [one.yes for one in said] == [HONEST] * (most + 1) and sum(one.usd for one in said) == pytest.approx(2e-3)


def test_a_refused_question_is_nan_and_the_others_are_not(server: ChatServer) -> None:
    (critique,) = decisions_critic(server)([look(wanted=("refuse this", "draw a cat"))])
    assert math.isnan(critique.wanted[0]) and critique.wanted[1] == 0.75


@pytest.mark.parametrize(
    "fault", [fault for fault in AGAIN if fault not in ("prose", "cut-json", "schema", "empty", "no-choice")]
)
def test_faults_get_another_try(fault: str, server: ChatServer) -> None:
    server.fault = script(fault)
    (critique,) = decisions_critic(server)([look()])
    assert critique.wanted == (0.75,) and server.book.requests == 2


@pytest.mark.parametrize(
    "said",
    [
        {"answers": []},
        {"answers": [{"type": "predicate", "probability": 1.5}]},
        {"answers": [{"type": "predicate", "probability": "1"}]},
        {"answers": [{"type": "predicate", "name": "q7", "probability": 1.0}]},
        {"answers": "yes"},
        ["yes"],
    ],
)
def test_answers_of_another_form_are_no_verdict(said: Any, server: ChatServer) -> None:
    critic = decisions_critic(server, limits={"attempts": 2})
    server.brain = lambda asked: said
    (critique,) = critic([look()])
    assert math.isnan(critique.score) and server.book.requests == 2


def test_no_such_endpoint_is_one_line_at_the_first_use(server: ChatServer) -> None:
    server.routes = ("/chat/completions",)
    with pytest.raises(PoserError, match=r"makes no decisions with 'tiny' .*critic to \{name: chat\}") as caught:
        decisions_critic(server)([look()])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("protocol", ["openai", "systemone"])
def test_orders_stay_in_the_question(protocol: str, order: str, server: ChatServer) -> None:
    (critique,) = decisions_critic(server, protocol)([look(wanted=(order,))])
    asked = server.book.asked[0]
    asked.pop("questions")
    assert critique.wanted == (HONEST,) and MARK not in str(asked)


def test_a_bad_picture_is_no_verdict_and_harms_no_neighbour(server: ChatServer) -> None:
    broken = Image.new("RGB", (8, 8))
    broken.close()
    bad, good = decisions_critic(server)([look(image=broken), look()])
    assert math.isnan(bad.score) and not math.isnan(good.score)
