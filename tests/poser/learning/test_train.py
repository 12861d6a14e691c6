"""Training a policy: what it leaves, resumed bit for bit, offline without a call, and a policy that it wrote runs."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from experts.pool import Pool
from poser import policies
from poser.learned import policy_file
from poser.learned.embedders import HashEmbedder
from poser.learned.skills import SkillScore
from poser.learning.offline import read
from poser.learning.progress import HEIGHT, PAGE, WIDTH, plot
from poser.learning.train import LOG, RECORD, Setting, fallback, train
from poser.learning.train_config import DQN, PAPER, TrainConfig
from poser.mdp import MDP
from poser.types import PoserError, Task
from tests.poser.world import make


class Words:
    id = "words"

    def draw(self, rng: np.random.Generator) -> Task:
        seed = int(rng.integers(1000))
        picture = Image.new("RGB", (32, 32), (seed % 256, 0, 0)) if seed % 2 else None
        return Task("Add a hat. Make it blue." if picture else "Draw a cat. Make it blue.", picture, seed)

    def first(self, count: int) -> list[Task]:
        return [self.draw(np.random.default_rng(k)) for k in range(count)]


def setting(mdp: MDP | None = None, **more: object) -> Setting:
    settings = {"n_eval_tasks": 4, "eval_freq": 60, **more}
    return Setting(mdp or make(), Words(), Words(), HashEmbedder(), **settings)  # type: ignore[arg-type]


def short(**changes: object) -> TrainConfig:
    sizes = {"total_timesteps": 120, "n_envs": 4, "learning_starts": 20, "hidden_size": 16, "batch_size": 16}
    return DQN.model_copy(update={**sizes, **changes})


def test_it_leaves_a_policy_that_runs_a_log_and_its_episodes(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = []
    folder = train(setting(), short(), tmp_path / "a", on_row=rows.append)
    assert [row["calls"] for row in rows] == [60, 120]
    assert [json.loads(line) for line in (folder / LOG).read_text().splitlines()] == rows
    mdp = make()
    policy = policies.load(f"dqn:{folder}", mdp.actions)
    states = mdp.start(Words().first(6))
    mask = mdp.mask(states)
    assert all(mask[k, slot] for k, slot in enumerate(policy(states, mask)))
    recorded = [step for whole in read(folder / RECORD) for step in whole.steps]
    assert 100 < len(recorded) <= 120
    about, _ = policy_file.load(folder)
    assert about["critic"] == mdp.critic.id and 0 <= about["calibration"]["error"] <= 1


def test_a_run_that_was_interrupted_ends_as_the_uninterrupted_one(tmp_path: Path) -> None:
    whole = train(setting(), short(), tmp_path / "whole")

    def interrupt(calls: int) -> None:
        if calls == 72:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(setting(), short(), tmp_path / "cut", on_calls=interrupt)
    with pytest.raises(PoserError, match="--resume"):
        train(setting(), short(), tmp_path / "cut")
    cut = train(setting(), short(), tmp_path / "cut", resume=True)
    (_, one), (_, other) = policy_file.load(whole), policy_file.load(cut)
    assert one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)
    rows = [[{**json.loads(x), "time": 0} for x in (f / LOG).read_text().splitlines()] for f in (whole, cut)]
    assert rows[0] == rows[1]


def test_offline_learns_without_a_training_call(tmp_path: Path) -> None:
    train(setting(), short(), tmp_path / "made")
    mdp, made = make(), []
    inner: Pool = mdp.pool  # type: ignore[assignment]
    run = inner.run
    inner.run = lambda jobs: made.append(len(jobs)) or run(jobs)  # type: ignore[method-assign, func-returns-value]
    folder = train(setting(mdp), short(), tmp_path / "studied", records=tmp_path / "made")
    rows = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    assert [row["calls"] for row in rows] == [0, 0] and rows[-1]["updates"] == 60
    measured = 2 * 4 * DQN.n_steps * 4
    assert 0 < sum(made) <= measured  # the held-out measurements, and nothing else


def test_offline_without_a_usable_step_is_one_line(tmp_path: Path) -> None:
    train(setting(make(n_t2i=3)), short(), tmp_path / "made")
    other = make(n_t2i=1, n_i2i=0)
    assert set(other.actions.cards) < set(make(n_t2i=3).actions.cards)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PoserError, match="nothing is recorded"):
        train(setting(other), short(), tmp_path / "studied", records=tmp_path / "empty")


def test_the_papers_policy_hands_over_one_command_and_never_stops(tmp_path: Path) -> None:
    sizes = {"total_timesteps": 60, "n_envs": 4, "learning_starts": 20, "hidden_size": 16, "batch_size": 16}
    paper = PAPER.model_copy(update=sizes)
    folder = train(setting(), paper, tmp_path / "a")
    mdp = make()
    policy = policies.load(f"paper-dqn:{folder}", mdp.actions)
    states = mdp.start(Words().first(8))
    chosen = [mdp.actions.slots[slot] for slot in policy(states, mdp.mask(states))]
    assert {action.scope for action in chosen} == {"current"}
    recorded = [step.action.scope for whole in read(folder / RECORD) for step in whole.steps]
    assert set(recorded) == {"current"}


def test_ppo_makes_whole_rollouts_and_never_more_calls_than_asked_for(tmp_path: Path) -> None:
    for total, made in ((14, 12), (50, 40)):
        config = short(algorithm="ppo", rollout_steps=5, total_timesteps=total)
        folder = train(setting(eval_freq=1000), config, tmp_path / str(total))
        (row,) = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
        assert row["calls"] == made == policy_file.load(folder)[0]["calls"]


def test_ppo_learns_the_same_network_under_the_masks_and_its_policy_runs(tmp_path: Path) -> None:
    config = short(algorithm="ppo", rollout_steps=5)
    folder = train(setting(), config, tmp_path / "a")
    about, tensors = policy_file.load(folder)
    assert about["train_config"]["algorithm"] == "ppo" and "calibration" not in about and "fallback" not in about
    fresh = train(setting(), config.model_copy(update={"learning_rate": 1e-12}), tmp_path / "b")
    assert any((tensors[name] - other).abs().max() > 1e-4 for name, other in policy_file.load(fresh)[1].items())
    mdp = make()
    policy = policies.load(f"dqn:{folder}", mdp.actions)
    states = mdp.start(Words().first(6))
    mask = mdp.mask(states)
    assert all(mask[k, slot] for k, slot in enumerate(policy(states, mask)))
    recorded = [step for whole in read(folder / RECORD) for step in whole.steps]
    assert recorded and all(mdp.mask([s.before])[0, mdp.actions.slots.index(s.action)] for s in recorded[:20])
    for more in ({"resume": True}, {"records": folder}):
        with pytest.raises(PoserError, match="algorithm ppo cannot"):
            train(setting(), config, tmp_path / "c", **more)  # type: ignore[arg-type]


def test_the_fallback_is_the_best_of_each_mode_by_the_skill_scores() -> None:
    actions = make().actions
    one, two, three, four = actions.cards
    scores = {one: 0.2, two: 0.6, three: 0.9, four: 0.1}
    skills = {name: {"add": SkillScore(score, 1)} for name, score in scores.items()}
    assert fallback(actions, skills) == f"fixed:{two}+{three}"
    assert fallback(actions, {}) == ""


def test_the_page_of_a_run_has_its_curve_and_its_last_pictures_and_stands_alone(tmp_path: Path) -> None:
    seen: list[str] = []
    folder = tmp_path / "a"
    train(setting(), short(), folder, on_row=lambda row: seen.append((folder / PAGE).read_text()))
    last = (folder / PAGE).read_text()
    assert all('http-equiv="refresh"' in page and "under way" in page for page in seen) and len(seen) == 2
    assert 'http-equiv="refresh"' not in last and ">done<" in last
    points = [re.findall(r'<polyline class="c1" points="([^"]*)"', page)[0].split() for page in (*seen, last)]
    assert [len(each) for each in points] == [1, 2, 2]
    assert last.count('src="data:image/png;base64,') == 4 and "Draw a cat. Make it blue." in last
    assert not re.findall(r'(?:src|href)="(?!data:)', last) and "<script" not in last
    with pytest.raises(PoserError, match="belongs to no run"):
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / PAGE).write_text("mine")
        train(setting(), short(), tmp_path / "b")


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(-5, 5) | st.just(float("nan"))), min_size=1, max_size=20))
def test_a_curve_stays_within_its_plot(points: list[tuple[int, float]]) -> None:
    found = plot([{"calls": calls, "returns": value} for calls, value in points], "t", ("returns",), None)
    places = [tuple(map(float, point.split(","))) for point in found.lines[0].points.split()]
    assert len(places) == sum(value == value for _, value in points)
    assert all(0 <= x <= WIDTH and -0.1 <= y <= HEIGHT + 0.1 for x, y in places)
