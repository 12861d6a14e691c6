"""A policy goes to the hub with a card, and comes back: the client's own requests, answered on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from poser import policies
from poser.cli import main
from poser.learned import on_hub, policy_file
from poser.learning.train import train
from poser.types import PoserError
from tests.full_size.hub import Hub
from tests.poser.learning.test_train import Words, setting, short
from tests.poser.world import make


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(setting(), short(total_timesteps=60), tmp_path_factory.mktemp("policy") / "mine")


def test_a_policy_comes_back_as_it_went(
    hub: Hub, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.home = tmp_path / "served"
    assert main(["push", str(trained), "me/posters", "--license", "apache-2.0"]) == 0
    assert "dqn:hf://me/posters" in capsys.readouterr().out
    assert set(hub.files("me/posters")) == {"README.md", "policy.json", "policy.safetensors"}
    mdp = make()
    states = mdp.start(Words().first(6))
    mask = mdp.mask(states)
    policy = policies.load("dqn:hf://me/posters", mdp.actions)
    ours = policies.load(f"dqn:{trained}", mdp.actions)
    assert policy(states, mask) == ours(states, mask) and policy.id.startswith("dqn:hf://me/posters@")
    asked = len(hub.asked)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    policies.load("dqn:hf://me/posters", mdp.actions)  # it is here now
    assert len(hub.asked) == asked


def test_the_card_is_written_from_the_result(trained: Path) -> None:
    about, _ = policy_file.load(trained)
    text = on_hub.card(about, on_hub.measured(trained), "me/posters", "mit")
    _, head, body = text.split("---\n", 2)
    assert yaml.safe_load(head)["license"] == "mit" and "poser run PROMPT --policy dqn:hf://me/posters" in body
    last = json.loads((trained / on_hub.LOG).read_text().splitlines()[-1])
    assert f"| returns | {last['returns']} |" in body and "`fake-draw-1`" in body and "| `gamma` | `0.9` |" in body
    bare = {key: about[key] for key in ("network", "actions")}
    assert "measurement" not in on_hub.card(bare, [], "me/posters") and "license" not in on_hub.card(bare, [], "a/b")


def test_what_is_refused_is_one_line(hub: Hub, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    actions = make().actions
    for where, words in (
        ("dqn:hf://posters", "no policy on the hub is called"),
        ("dqn:hf://me/posters@v1", "no policy on the hub is called"),
        ("dqn:hf://me/nothing", "the hub has no me/nothing"),
    ):
        with pytest.raises(PoserError, match=words) as told:
            policies.load(where, actions)
        assert "\n" not in str(told.value)
    with pytest.raises(PoserError, match="the hub does not take me/posters"):
        on_hub.push(trained, "me/posters")  # no rights there
    with pytest.raises(PoserError, match="no policy.json"):
        on_hub.push(tmp_path, "me/posters")
    hub.home = tmp_path / "served"
    on_hub.push(trained, "me/large")
    monkeypatch.setitem(on_hub.FILES, policy_file.WEIGHTS, 100)
    with pytest.raises(PoserError, match="a policy's has at most 100"):
        policies.load("dqn:hf://me/large", actions)
    assert policy_file.WEIGHTS not in hub.got("me/large")
