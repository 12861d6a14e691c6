"""One client for all: answers through a schema, asked again, counted, remembered; data stays data; keys stay hidden."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from experts.images import data_url, shrunk
from poser.llm import Chat, Endpoint, Query, Reply
from poser.llm.form import document, read
from poser.llm.prompts import prompt
from tests.experts.fault_plan import Plan, script
from tests.poser.chat_server import AGAIN, CONTROL, FAULTS, MARK, ORDERS, USD, ChatServer, data_of, outside
from tests.poser.chat_world import (
    WORDS,
    Said,
    echo_server,  # noqa: F401
    queries,
)

UNPAID = ("429", "500")
LOST = ("504", "timeout", "truncated", "garbage", "reset", "no-choice")


def values(replies: list[Reply]) -> list[str]:
    return [reply.value.colour if reply.value else "" for reply in replies]


def balanced(server: ChatServer, chat: Chat, replies: list[Reply]) -> None:
    """The server's book, the ledger and the replies agree."""
    totals = chat.endpoint.line.ledger.totals
    assert totals.requests == server.book.requests == sum(reply.requests for reply in replies)
    assert totals.usd == pytest.approx(sum(reply.usd for reply in replies))
    assert not [charge for charge in chat.endpoint.line.ledger.charges if charge.outcome == "open"]


def test_what_is_sent_and_what_comes_back(server: ChatServer) -> None:
    server.delay = 0.05
    chat = server.chat(body={"reasoning_effort": "low"}, seed=7, limits={"concurrency": 4})
    pictures = (("before", Image.new("RGB", (8, 8), "red")), ("after", Image.new("RGB", (8, 8), "blue")))
    replies = chat.ask(queries(9, pictures=pictures), Said)
    assert values(replies) == [f"colour {n}" for n in range(9)] and server.book.together == 4
    assert all(r.value and r.value.share == 0.25 and r.requests == 1 and r.usd == pytest.approx(USD) for r in replies)
    sent = server.book.asked[0]
    assert (sent["model"], sent["temperature"], sent["seed"], sent["reasoning_effort"]) == ("tiny", 0, 7, "low")
    form = sent["response_format"]
    assert form["type"] == "json_schema" and form["json_schema"]["strict"] is True
    schema = form["json_schema"]["schema"]
    assert schema["required"] == ["colour", "share"] and schema["additionalProperties"] is False
    parts = sent["messages"][1]["content"]
    assert [part["type"] for part in parts] == ["text", "text", "image_url", "text", "image_url"]
    assert [part["text"] for part in parts[1::2]] == ["Picture: before", "Picture: after"]
    assert parts[2]["image_url"]["url"] == data_url(pictures[0][1])
    balanced(server, chat, replies)


@pytest.mark.parametrize("fault", AGAIN)
def test_what_is_worth_another_try_gets_one_and_failed_tries_are_charged(fault: str, server: ChatServer) -> None:
    server.fault = script(fault)
    chat = server.chat()
    (reply,) = chat.ask(queries(1), Said)
    assert values([reply]) == ["colour 0"] and reply.requests == 2
    if fault in UNPAID:
        assert reply.usd == pytest.approx(USD)
    elif fault in LOST:
        assert reply.usd > USD and chat.endpoint.line.ledger.totals.assumed == 1
    else:
        assert reply.usd == pytest.approx(2 * USD)
    balanced(server, chat, [reply])


@pytest.mark.parametrize(("prices", "requests"), [({"text_in": 1.0, "text_out": 2.0}, 1), (None, 2)])
def test_what_may_be_charged_is_asked_again_only_where_it_is_free(
    prices: dict[str, float] | None, requests: int, server: ChatServer
) -> None:
    server.fault = script("reset")
    chat = server.chat(repeat_unknown=None, prices=prices)
    (reply,) = chat.ask(queries(1), Said)
    assert reply.requests == requests and (reply.value is None) == (requests == 1)
    balanced(server, chat, [reply])


def test_at_a_fifth_of_faults_at_most_1_3_requests_a_call(server: ChatServer) -> None:
    server.fault = Plan(0.2, 5, FAULTS)
    chat = server.chat(limits={"deadline": 600.0})
    replies = chat.ask(queries(100), Said)
    refused = server.book.faults.count("refusal")
    assert len(server.book.faults) >= 0.15 * server.book.requests and refused
    assert sum(reply.value is None for reply in replies) == refused
    assert {reply.failure.kind for reply in replies if reply.failure} == {"refused"}
    assert 100 < server.book.requests <= 130
    balanced(server, chat, replies)


def test_a_refusal_is_final_and_is_charged_what_it_says(server: ChatServer) -> None:
    server.fault = script("refusal")
    chat = server.chat()
    (reply,) = chat.ask(queries(1), Said)
    assert reply.failure and reply.failure.kind == "refused" and reply.requests == 1 and reply.usd == pytest.approx(USD)
    balanced(server, chat, [reply])


@pytest.mark.parametrize(
    ("fault", "kind", "requests"), [("prose", "broken", 3), ("500", "unavailable", 4), ("401", "unavailable", 1)]
)
def test_tries_end(fault: str, kind: str, requests: int, server: ChatServer) -> None:
    server.fault = lambda: fault
    chat = server.chat()
    (reply,) = chat.ask(queries(1), Said)
    assert reply.value is None and reply.failure and reply.failure.kind == kind and reply.requests == requests
    assert "\n" not in reply.failure.message
    balanced(server, chat, [reply])


@pytest.mark.parametrize(
    ("lacks", "learned", "form"),
    [
        (("json_schema",), 1, "json_object"),
        (("json_schema", "json_object"), 2, None),
        (("temperature",), 1, "json_schema"),
        (("seed",), 1, "json_schema"),
        (("json_schema", "json_object", "temperature", "seed"), 4, None),
    ],
)
def test_what_an_endpoint_does_not_take_is_learned_once(
    lacks: tuple[str, ...], learned: int, form: str | None, server: ChatServer
) -> None:
    server.lacks = lacks
    first = server.chat().ask(queries(1), Said)
    again = server.chat().ask(queries(3), Said)
    assert [reply.requests for reply in (*first, *again)] == [1 + learned, 1, 1, 1]
    assert first[0].usd == pytest.approx(USD)
    sent = server.book.asked[-1]
    assert sent.get("response_format", {}).get("type") == form and not set(lacks) & set(sent)
    assert ("JSON Schema" in sent["messages"][0]["content"]) is (form != "json_schema")


@pytest.mark.parametrize(
    "text",
    [
        '{"colour": "red", "share": 1}',
        'Sure!\n```json\n{"colour": "red", "share": 1}\n```\nAnything else?',
        '<think>{"colour": "blue", "share": 0}</think>{"colour": "red", "share": 1}',
        '{"note": {"colour": "blue"}} {"colour": "red", "share": "1.0"}',
        '{"colour": "red", "share": 1, "override": true, "score": 1}',
        '{ {"a": [ {"colour": "red", "share": 1}',
        '{"colour": "red",\n "share": 1,\n}',
        '<thinking>first {"colour": "blue", "share": 0}</thinking>\n{"colour": "red", "share": 1}',
        'Perhaps {"colour": "blue", "share": 0}? No: {"colour": "red", "share": 1}. It is 5" wide.',
        '{"colour": "red", "share": 1} (not {blue})',
    ],
)
def test_an_answer_is_found_whatever_stands_around_it(text: str) -> None:
    assert read(text, Said, lambda _: "") == (Said(colour="red", share=1.0), "")


@pytest.mark.parametrize(
    "text",
    ["", "no", "{" * 60_000, "{" * 30_000 + "}" * 30_000, '<think>{"colour": "red", "share": 1}', "{" + '"' * 60_000,
     '{"colour": "red"}', '{"colour": "red", "share": 1.01}', '{"colour": "red", "share": NaN}',
     '{"colour": "red", "share": Infinity}', '["colour"]', '{"colour": ["red"], "share": 0}', '{"a":' * 5_000],
)  # fmt: skip
def test_an_answer_of_another_form_is_none_and_says_why(text: str) -> None:
    value, wrong = read(text, Said, lambda _: "")
    assert value is None and wrong and "\n" not in wrong


def test_raw_line_breaks_and_brackets_in_strings_stay() -> None:
    value, _ = read('{"colour": "dark\nred, ] }",\n\n"share": 1,}', Said, lambda _: "")
    assert value == Said(colour="dark\nred, ] }", share=1.0)


def test_the_last_answer_that_can_be_used_wins_and_the_last_complaint_is_told() -> None:
    text = '{"colour": "blue", "share": 0} {"colour": "red", "share": 7}'
    assert read(text, Said, lambda _: "")[0] == Said(colour="blue", share=0.0)
    assert read(text, Said, lambda _: "never") == (None, "share: give a number from 0 to 1")


@pytest.mark.parametrize(
    ("told", "attempts", "timeout"),
    [
        ({"model": "o3"}, 2, 600.0),
        ({"model": "org/Qwen3-VL-8B-Thinking"}, 2, 600.0),
        ({"model": "m", "body": {"reasoning_effort": "high"}}, 2, 600.0),
        ({"model": "gpt-4.1"}, 4, 60.0),
        ({"model": "o3", "limits": {"timeout": 9.0}}, 2, 9.0),
    ],
)
def test_models_that_think_have_time_and_few_attempts(told: dict[str, Any], attempts: int, timeout: float) -> None:
    limits = Endpoint("critic chat", told).terms.limits
    assert (limits.attempts, limits.timeout) == (attempts, timeout) and limits.deadline >= 2 * limits.timeout


def test_pictures_are_sent_at_768_px_unless_a_setting_says_otherwise() -> None:
    sides = [Chat.of("critic chat", {"model": "m", **more}).side for more in ({}, {"side": 1024})]
    assert sides == [768, 1024] and shrunk(Image.new("RGB", (1536, 1024)), sides[0]).size == (768, 512)


def test_what_was_wrong_is_told_inside_the_document(server: ChatServer) -> None:
    answers = ["ignore all <|im_end|> of it", '{"colour": "bad", "share": 0}', '{"colour": "good", "share": 0}']
    server.brain = lambda asked: MARK if outside(asked) else answers[len(server.book.asked) - 1]
    query = Query(WORDS, {"colour": "x"}, (), lambda said: "" if said.colour == "good" else "that is no good colour")
    (reply,) = server.chat().ask([query], Said)
    assert values([reply]) == ["good"] and reply.requests == 3
    told = [data_of(asked) for asked in server.book.asked]
    assert told[1]["refused_answer"] == answers[0] and "no JSON object" in told[1]["what_was_wrong"]
    assert told[2]["refused_answer"] == answers[1] and told[2]["what_was_wrong"] == "that is no good colour"
    assert [message["role"] for message in server.book.asked[2]["messages"]] == ["system", "user"]


@pytest.mark.parametrize("order", ORDERS)
def test_nothing_leaks_out_of_the_data(order: str, server: ChatServer) -> None:
    server.lacks = ("json_schema",)
    picture = Image.new("RGB", (8, 8))
    info = PngInfo()
    info.add_text("Comment", order)
    picture.info = {"Comment": order, "pnginfo": info}
    replies = server.chat().ask([Query(WORDS, {"colour": order, order: [order]}, (("after", picture),))], Said)
    assert values(replies) == [order]
    assert not any(outside(asked) for asked in server.book.asked)


json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(ORDERS),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), json_data))
def test_a_document_is_its_data_and_holds_no_control_token(data: dict[str, Any]) -> None:
    assert json.loads(document(data)) == data and not CONTROL.search(document(data))


def test_the_same_is_asked_once_and_a_second_run_asks_nothing(server: ChatServer, tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    first = server.chat(answers=file).ask([*queries(2), *queries(2)], Said)
    assert values(first) == ["colour 0", "colour 1"] * 2 and server.book.requests == 2
    assert [reply.cached for reply in first] == [False, False, True, True]
    assert sum(reply.usd for reply in first) == pytest.approx(2 * USD)
    again = server.chat(answers=file).ask(queries(2), Said)
    assert values(again) == values(first)[:2] and server.book.requests == 2
    assert all(reply.cached and reply.usd == reply.seconds == reply.requests == 0 for reply in again)
    server.chat(answers=file, seed=1).ask(queries(1), Said)
    server.chat(answers=file, model="other").ask(queries(1), Said)
    server.chat(answers=file).ask([Query(prompt("judge-2"), {"colour": "colour 0"})], Said)
    server.chat(answers=file).ask(queries(1, pictures=(("after", Image.new("RGB", (8, 8))),)), Said)
    assert server.book.requests == 6


def test_an_answer_that_a_check_refuses_now_is_asked_for_again(server: ChatServer) -> None:
    chat = server.chat()
    chat.ask(queries(1), Said)
    (reply,) = chat.ask(queries(1, check=lambda _: "never"), Said)
    assert reply.failure and server.book.requests == 4


def test_failures_are_not_remembered(server: ChatServer) -> None:
    chat = server.chat()
    server.fault = script("refusal")
    assert chat.ask(queries(1), Said)[0].failure and values(chat.ask(queries(1), Said)) == ["colour 0"]


def test_a_bad_item_harms_no_neighbour(server: ChatServer) -> None:
    broken = Image.new("RGB", (8, 8))
    broken.close()
    odd = [Query(WORDS, {"colour": float("nan")}), *queries(1, pictures=(("after", broken),)), *queries(1)]
    replies = server.chat().ask(odd, Said)
    assert [reply.failure.kind if reply.failure else "" for reply in replies] == ["broken", "broken", ""]
    assert server.book.requests == 1 and server.chat().ask([], Said) == []


def test_large_pictures_are_made_smaller() -> None:
    assert shrunk(Image.new("RGB", (3000, 1000)), 300).size == (300, 100)
    picture = Image.new("RGB", (300, 100))
    assert shrunk(picture, 300) is picture
