"""Whole episodes in which a model plans, words, chooses and judges, through the public way in; and their record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from poser import critics, planning, policies, wording
from poser.llm.prompts import prompt
from poser.rollout import rollout
from poser.runs.record import Recorder, load
from poser.types import Task, Trajectory
from tests.poser.chat_server import MARK, ORDERS, ChatServer, data_of, outside
from tests.poser.chat_world import KEY
from tests.poser.world import make

TASKS = [Task(f"Draw cat number {n}. Make it blue. Add a hat. {ORDERS[n]}", seed=n, id=str(n)) for n in range(3)]


def anything(asked: dict[str, Any]) -> Any:
    """One model for every task, by what the document holds; it fails at what an order outside the data asks for."""
    data = data_of(asked)
    if outside(asked):
        return MARK
    if "legal" in data:
        return data["legal"][-1]
    if "wanted" in data:
        scores = [{"id": row["id"], "seen": "it", "score": 0.9 if "hat" in str(row) else 0.4} for row in data["wanted"]]
        earlier = [{"id": row["id"], "seen": "it", "score": 0.9} for row in data["earlier"]]
        premises = [{"id": row["id"], "holds": 0.8, "missing": ""} for row in data["next"]]
        said = {"kept": None, "quality": 0.7, "feedback": "the cat is grey", "premises": premises}
        return {"wanted": scores, "earlier": earlier, **said}
    if "mode" in data:
        return {"prompt": f"{data['mode']}: {'. '.join(data['instructions'])}"}
    if "pending" in data:
        rows = [{**row, "numbers": [row["number"]]} for row in data["pending"]]
        return {"pending": rows, "drop": []}
    parts = data["prompt"].split(". ", 3)
    return {"commands": [{"text": part, "verb": "other", "words": ""} for part in parts]}


@pytest.fixture(name="server")
def chat_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ChatServer(anything, key=KEY) as server:
        yield server


def played(server: ChatServer, folder: Path) -> list[Trajectory]:
    """The tasks, carried out with what `load` makes of settings as they stand in a config."""
    told = {
        "model": "tiny",
        "base_url": server.base,
        "key": "OPENAI_API_KEY",
        "answers": str(folder / "answers.sqlite"),
    }
    mdp = make()
    mdp = replace(
        mdp,
        critic=critics.load("chat", told),
        extractor=planning.load("llm", {**told, "every": "step", "pictures": True}),
        wording=wording.load("llm", told),
    )
    policy = policies.load(f"planner:tiny@{server.base}", mdp.actions)
    found = dict(rollout(mdp, policy, TASKS, config={"critic": told}))
    return [found[k] for k in range(len(TASKS))]


def test_everything_by_a_model_and_a_second_run_for_nothing(
    server: ChatServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = played(server, tmp_path)
    asked = server.book.requests
    states = [whole.steps[-1].after for whole in first]
    assert all(state.ended for state in states) and not caplog.records
    assert not any(outside(request) for request in server.book.asked)
    steps = [step for whole in first for step in whole.steps]
    judged = f"chat:tiny:{prompt('judge-2').id}"
    planned = f"by llm:tiny:{prompt('plan-2').id}+{prompt('replan-1').id}"
    assert {step.critique.critic for step in steps if step.critique} == {judged}
    assert {step.before.plan.note for step in steps} == {planned}
    assert all(
        step.request and step.request.prompt.startswith(("text-to-image: ", "image-to-image: ")) for step in steps
    )
    for number, whole in enumerate(first):
        recorder = Recorder(tmp_path / str(number))
        recorder.start(replace(whole, steps=()))
        for step in whole.steps:
            recorder.step(step)
        recorder.end(whole)
        assert [step.after.plan for step in load(tmp_path / str(number)).steps] == [
            step.after.plan for step in whole.steps
        ]
    told = "".join(file.read_text("latin-1") for file in tmp_path.rglob("*") if file.is_file())
    assert KEY not in told and judged in told and planned in told
    again = played(server, tmp_path)
    chosen = sum("legal" in data_of(request) for request in server.book.asked[asked:])
    assert server.book.requests - asked == chosen  # policies keep no file
    assert [[step.action for step in whole.steps] for whole in again] == [[s.action for s in w.steps] for w in first]
    assert [whole.steps[-1].after.plan for whole in again] == [state.plan for state in states]
    assert all(step.after.spent.usd == 0.0 for whole in again for step in whole.steps)
