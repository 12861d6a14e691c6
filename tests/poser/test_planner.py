"""The planner: a language model chooses among what is legal, and 'greedy' where it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from poser import policies
from poser.llm.prompts import prompt
from poser.mdp import MDP
from poser.policies import planner
from poser.policies.greedy import Greedy
from poser.policies.planner import Choice, Planner
from poser.rollout import rollout
from poser.types import PoserError, Step, Task
from tests.experts.fault_plan import Plan as Faults
from tests.poser.chat_server import FAULTS, ORDERS, ChatServer, data_of, outside
from tests.poser.world import make

PROMPTS = ("Draw a cat. Make it blue. Add a hat.", "A dog. Remove the dog. Change the background to red. Add a hat.")


def last_legal(asked: dict[str, Any]) -> Any:
    """The last slot that is legal, with prose around it; 'stop' where an order got through."""
    choice = {"expert": None, "scope": "stop"} if outside(asked) else data_of(asked)["legal"][-1]
    return f"I choose:\n```json\n{json.dumps(choice)}\n```"


@pytest.fixture(name="server")
def chat_server() -> Iterator[ChatServer]:
    with ChatServer(last_legal) as server:
        yield server


def tasks(count: int) -> list[Task]:
    return [Task(PROMPTS[k % 2], seed=k, id=str(k)) for k in range(count)]


def steps_of(mdp: MDP, policy: Any, count: int) -> list[Step]:
    return [step for _, whole in rollout(mdp, policy, tasks(count)) for step in whole.steps]


def planned(server: ChatServer, mdp: MDP, **more: Any) -> Planner:
    return Planner(server.chat(again=1, **more), mdp.actions)


def test_it_plays_whole_episodes_and_sees_cards_and_commands(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mdp = make()
    monkeypatch.setenv("OPENAI_API_KEY", "secret-0123")
    policy = policies.load(f"planner:tiny@{server.base}", mdp.actions)
    steps = steps_of(mdp, policy, 4)
    assert policy.id == f"planner:tiny:{prompt('choose-1').id}" and policy.left == 0
    assert policy.asked == server.book.requests <= len(steps)
    for step in steps:
        legal = np.flatnonzero(mdp.mask([step.before])[0])
        assert step.action == mdp.actions.slots[legal[-1]]
    shown = data_of(server.book.asked[0])
    assert {card["id"] for card in shown["models"]} == {"fake-draw-1", "fake-draw-2"}
    plans = [[c.wording for c in state.plan.pending] for state in mdp.start(tasks(2))]
    assert [row["command"] for row in shown["pending"]] in plans
    assert server.book.headers[0]["authorization"] == "Bearer secret-0123"


@pytest.mark.parametrize("order", ORDERS)
def test_orders_in_a_prompt_stay_data(order: str, server: ChatServer) -> None:
    mdp = make()
    policy = planned(server, mdp)
    states = mdp.start([Task(order)])
    slots = policy(states, mdp.mask(states))
    assert slots == [int(np.flatnonzero(mdp.mask(states)[0])[-1])] and policy.left == 0
    told = " ".join(row["command"] for row in data_of(server.book.asked[0])["pending"])
    assert "OBEY ME" in told and not outside(server.book.asked[0])


def test_it_asks_again_once_and_says_what_was_wrong(server: ChatServer) -> None:
    answers = [{"expert": "fake-tint-1", "scope": "current"}, {"expert": "fake-draw-2", "scope": "all"}]
    server.brain = lambda asked: answers[len(server.book.asked) - 1]
    mdp = make()
    policy = planned(server, mdp)
    states = mdp.start(tasks(1))
    assert policy(states, mdp.mask(states)) == [mdp.actions.slot("fake-draw-2", "all")]
    again = data_of(server.book.asked[1])
    assert "fake-tint-1" in again["refused_answer"] and "fake-draw-1/current" in again["what_was_wrong"]
    assert policy.asked == 2 and policy.left == 0


@pytest.mark.parametrize(
    "answer",
    ["no idea", "", '["fake-draw-1"]', '{"expert": ["fake-draw-1"], "scope": {}}', "{" * 30_000, '{"scope": "stop"}'],
)
def test_what_it_cannot_use_is_left_to_the_rules(answer: str, server: ChatServer) -> None:
    server.brain = lambda asked: answer
    mdp = make()
    policy = planned(server, mdp)
    states = mdp.start(tasks(2))
    mask = mdp.mask(states)
    assert policy(states, mask) == Greedy(mdp.actions)(states, mask)
    assert policy.left == 2 and policy.why and policy.asked == 4 and "\n" not in policy.why


@pytest.mark.parametrize(("fault", "requests"), [("500", 4), ("401", 1), ("refusal", 1)])
def test_what_the_endpoint_does_ends_no_episode(fault: str, requests: int, server: ChatServer) -> None:
    server.fault = lambda: fault
    mdp = make()
    policy = planned(server, mdp)
    states = mdp.start(tasks(2))
    mask = mdp.mask(states)
    assert policy(states, mask) == Greedy(mdp.actions)(states, mask)
    assert policy.left == 2 and policy.asked == 2 * requests
    server.close()
    assert all(step.action.expert for step in steps_of(mdp, planned(server, mdp), 2))


def test_faults_cost_few_requests(server: ChatServer) -> None:
    server.fault = Faults(0.2, 6, FAULTS)
    mdp = make()
    policy = planned(server, mdp)
    states = mdp.start([Task(f"Draw cat number {n}.") for n in range(60)])
    policy(states, mdp.mask(states))
    assert 60 < policy.asked == server.book.requests <= 78
    assert policy.left <= server.book.faults.count("refusal") + 2


def test_a_model_that_refuses_a_temperature_is_asked_without(server: ChatServer) -> None:
    server.lacks = ("temperature",)
    mdp = make()
    policy = planned(server, mdp)
    states = mdp.start(tasks(1))
    policy(states, mdp.mask(states))
    assert policy.left == 0
    assert "temperature" in server.book.asked[0] and "temperature" not in server.book.asked[1]


def test_stop_can_be_chosen_once_there_is_a_picture() -> None:
    mdp, stop = make(), Choice(expert=None, scope="stop")
    drawn = mdp.step(mdp.start(tasks(1)), [1])[0].after
    assert planner.chosen(stop, mdp.mask([drawn])[0], mdp.actions) == 0
    assert planner.chosen(stop, mdp.mask(mdp.start(tasks(1)))[0], mdp.actions) is None


def test_where_the_endpoint_comes_from() -> None:
    both = {"POSER_PLANNER_URL": "http://localhost:1/v1", "POSER_PLANNER_MODEL": "m", "OPENAI_API_KEY": "k"}
    local = {"base_url": "http://localhost:1/v1", "key": "OPENAI_API_KEY"}
    assert planner.endpoint("", both) == {"model": "m", **local}
    assert planner.endpoint("org/n@1", both) == {"model": "org/n@1", **local}
    assert planner.endpoint("a@b@https://host/v1", {}) == {"model": "a@b", "base_url": "https://host/v1", "key": None}
    assert planner.endpoint("n", {"OPENAI_API_KEY": "k"}) == {"model": "n", "base_url": None, "key": "OPENAI_API_KEY"}
    for argument, environ in (
        ("", {}),
        ("n", {}),
        ("", {"OPENAI_API_KEY": "k"}),
        ("n@ftp://h/v1", {}),
        ("http://h", {}),
    ):
        with pytest.raises(PoserError, match="planner"):
            planner.endpoint(argument, environ)


def test_a_key_does_not_travel_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-0123")
    with pytest.raises(PoserError, match="planner: .* in the clear: use https"):
        policies.load("planner:n@http://example.org/v1", make().actions)
