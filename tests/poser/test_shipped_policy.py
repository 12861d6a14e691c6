"""The shipped policy loads, fits the shipped experts, and chooses again what it chose when it was recorded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experts.poster.render import render
from experts.poster.scene import Item, Scene
from poser import Poser
from poser.learned import policy_file, skills
from poser.learning.train import CONFIG, SKILL_SCORES
from poser.learning.train_config import DQN, TrainConfig
from poser.planning.poster import first
from poser.policies.dqn import SHIPPED
from poser.types import State

RECORDED = json.loads((Path(__file__).parent / "shipped.json").read_text())


@pytest.fixture(scope="module")
def poser() -> Poser:
    return Poser.from_pretrained("poster", policy="dqn")


def test_it_was_trained_on_the_shipped_experts_and_critic(poser: Poser) -> None:
    about, _ = policy_file.load(SHIPPED / "poster")
    assert about["actions"]["digest"] == poser.mdp.actions.digest
    assert about["critic"] == poser.mdp.critic.id


def test_what_lies_beside_it_is_what_it_was_trained_with() -> None:
    about, _ = policy_file.load(SHIPPED / "poster")
    assert TrainConfig.model_validate_json((SHIPPED / "poster" / CONFIG).read_text()) == DQN
    assert TrainConfig.model_validate(about["train_config"]) == DQN
    assert skills.scores_of(skills.load(SHIPPED / "poster" / SKILL_SCORES)) == about["observer"]["scores"]


def test_it_makes_the_recorded_trajectory_again(poser: Poser) -> None:
    whole = poser(RECORDED["prompt"], seed=RECORDED["seed"]).trajectory
    assert whole.policy == RECORDED["policy"]
    made = [
        {"action": str(s.action), "request": s.request and s.request.prompt, "accepted": s.accepted}
        for s in whole.steps
    ]
    assert made == RECORDED["steps"]


def test_running_it_needs_no_stable_baselines3() -> None:
    code = (
        "import sys; sys.modules['stable_baselines3'] = None\n"
        "from poser import Poser\n"
        "poser = Poser.from_pretrained('poster', policy='dqn')\n"
        "states = poser.mdp.start([poser.task('Draw a red star.')])\n"
        "print(poser.mdp.actions.slots[poser.policy(states, poser.mdp.mask(states))[0]])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith("poster-")


def test_it_chooses_nothing_that_its_training_did_not_know() -> None:
    scene = Scene("white", (Item(4, "star", "red"), Item(0, "heart", "blue")))
    more = {"rules.recreate": True, "rules.scopes": ["current", "first 2", "all"]}
    agent = Poser.from_pretrained("poster", policy="dqn", overrides=more)
    task = agent.task("Make the star green. Make the heart red. Add a green circle at the top right.", render(scene))
    state = State(task, first(task, scene), image=task.image, seen=scene)
    mask = agent.mdp.mask([state])
    values = agent.policy.values([state], mask)[0]
    for slot, legal, value in zip(agent.mdp.actions.slots, mask[0], values, strict=True):
        draws = slot.expert in ("poster-sd", "poster-pixart", "poster-flux")
        assert legal and np.isfinite(value) == (not draws and slot.scope != "first 2"), slot
