"""A run of N + M calls is a run of N, a checkpoint, and M more, bit for bit; a checkpoint is small, and never half."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest
import torch

from poser.learned.extras import EXTRAS
from poser.learning import checkpoint
from poser.learning.learner import MaskedDQN
from poser.learning.vec_env import PoserVecEnv
from poser.types import PoserError
from tests.poser.learning import doors
from tests.poser.learning.echo import CONFIG, Echo
from tests.poser.world import make


def start(**changes: Any) -> tuple[MaskedDQN, Echo]:
    config = CONFIG.model_copy(update={"n_steps": 3, "buffer_size": 160, **changes})
    env = Echo(config.n_envs)
    return MaskedDQN(env, config), env


def everything(model: MaskedDQN, env: Echo) -> dict[str, Any]:
    """All that decides what comes next, as bytes and numbers."""
    found: dict[str, Any] = {name: value.numpy().tobytes() for name, value in checkpoint._tensors(model).items()}
    buffer = model.replay_buffer
    found |= {name: rows.tobytes() for name, rows in checkpoint._rows(buffer).items()}
    state = checkpoint._state(model, env)
    return found | {key: json.dumps(value) for key, value in state.items()}


@pytest.mark.parametrize("cut, buffer", [(40, 160), (100, 160), (148, 64)], ids=["warm-up", "learning", "full buffer"])
def test_a_run_cut_in_two_ends_as_the_whole_one(tmp_path, cut, buffer):
    model, env = start(buffer_size=buffer)
    whole = everything(model.advance(180), env)
    model, env = start(buffer_size=buffer)
    model.advance(cut)
    checkpoint.save(model, env, tmp_path, {"rows": [1]})
    noise = np.random.rand(), random.random(), torch.rand(1)  # another process has drawn other numbers
    other = Echo()
    other.seed(77)
    model, note = checkpoint.resume(tmp_path, other, model.config)
    model.advance(180)
    assert note == {"rows": [1]} and len(noise) == 3
    again = everything(model, other)
    assert set(again) == set(whole)
    assert [name for name in whole if whole[name] != again[name]] == []


def test_the_real_environment_goes_on_as_if_nothing_had_been(tmp_path):
    """Fake experts, some failing; episodes are open when the run is cut."""
    config = CONFIG.model_copy(update={"extras": EXTRAS, "learning_starts": 16})

    def begin() -> PoserVecEnv:
        mdp = make(fail=doors.sometimes)
        return PoserVecEnv(mdp, doors.observer(mdp), doors.Tasks(), config.n_envs, config.seed)

    def rows(model: MaskedDQN) -> dict[str, bytes]:
        found = {name: value.numpy().tobytes() for name, value in checkpoint._tensors(model).items()}
        return found | {name: value.tobytes() for name, value in checkpoint._rows(model.replay_buffer).items()}

    whole = MaskedDQN(begin(), config).advance(72)
    env = begin()
    model = MaskedDQN(env, config).advance(40)
    assert any(row["slots"] for row in env.state()["episodes"])
    checkpoint.save(model, env, tmp_path)
    again = checkpoint.resume(tmp_path, begin(), config)[0].advance(72)
    assert rows(again) == rows(whole) and again.illegal == whole.illegal == 0


def test_saving_changes_nothing(tmp_path):
    (one, env), (two, other) = start(), start()
    one.advance(90)
    checkpoint.save(one, env, tmp_path)
    assert everything(one.advance(130), env) == everything(two.advance(90).advance(130), other)


def test_a_checkpoint_is_as_large_as_what_it_holds(tmp_path):
    model, env = start(buffer_size=40_000, hidden_size=128, learning_starts=596)
    model.advance(600)
    saved = sum(path.stat().st_size for path in checkpoint.save(model, env, tmp_path).iterdir())
    used = sum(rows.nbytes for rows in checkpoint._rows(model.replay_buffer).values())
    used += sum(value.numel() * value.element_size() for value in checkpoint._tensors(model).values())
    whole = sum(values.nbytes for values in model.replay_buffer.observations.values())
    assert saved <= 1.1 * used < whole


def test_only_the_newest_stays(tmp_path):
    model, env = start()
    for calls in (40, 80):
        checkpoint.save(model.advance(calls), env, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["000002"]
    assert checkpoint.resume(tmp_path, Echo(), model.config)[0].num_timesteps == 80


class Killed(BaseException):
    pass


@pytest.mark.parametrize("call", ["save_file", "save_arrays", "json.dumps", "_settle", "os.rename", "tidy"])
def test_a_kill_between_two_writes_leaves_a_whole_checkpoint(tmp_path, monkeypatch, call):
    model, env = start()
    checkpoint.save(model.advance(40), env, tmp_path)
    model.advance(80)

    def kill(*given: Any, **named: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(f"poser.learning.checkpoint.{call}", kill)
        with pytest.raises(Killed):
            checkpoint.save(model, env, tmp_path)
    found = checkpoint.resume(tmp_path, Echo(), model.config)[0]
    assert found.num_timesteps == (80 if call == "tidy" else 40)
    checkpoint.save(model, env, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    assert checkpoint.resume(tmp_path, Echo(), model.config)[0].num_timesteps == 80


def test_a_longer_run_may_go_on_and_another_may_not(tmp_path):
    model, env = start()
    checkpoint.save(model.advance(80), env, tmp_path)
    longer = model.config.model_copy(update={"total_timesteps": 5000})
    assert checkpoint.resume(tmp_path, Echo(), longer)[0].config.total_timesteps == 5000
    with pytest.raises(PoserError, match=r"trained with gamma 0\.9, this run has 0\.5"):
        checkpoint.resume(tmp_path, Echo(), model.config.model_copy(update={"gamma": 0.5}))
    with pytest.raises(PoserError, match="cannot be used"):
        checkpoint.resume(tmp_path, Echo(n_envs=2), model.config)


def test_a_learner_without_an_environment_is_kept_too(tmp_path):
    teacher, _ = start()
    model = MaskedDQN(teacher.observation_space, teacher.config)
    checkpoint.save(model, None, tmp_path)
    again, note = checkpoint.resume(tmp_path, teacher.observation_space, teacher.config)
    assert note is None and again.n_envs == 1


def test_a_checkpoint_of_an_older_format_says_what_to_do(tmp_path):
    model, env = start()
    file = checkpoint.save(model.advance(80), env, tmp_path) / "state.json"
    state = json.loads(file.read_text())
    file.write_text(json.dumps({**state, "format": 1, "recipe": state.pop("train_config")}))
    with pytest.raises(PoserError, match="has format 1, this version reads 3; train anew") as caught:
        checkpoint.resume(tmp_path, Echo(), model.config)
    assert "\n" not in str(caught.value)


def test_no_checkpoint_is_one_line(tmp_path):
    with pytest.raises(PoserError, match="no checkpoint in"):
        checkpoint.resume(tmp_path / "none", Echo(), CONFIG)


@pytest.mark.parametrize("name", ["state.json", "model.safetensors", "buffer.safetensors"])
@pytest.mark.parametrize("harm", ["cut", "gone", "noise"])
def test_a_damaged_checkpoint_is_one_line(tmp_path, name, harm):
    model, env = start()
    file = checkpoint.save(model.advance(80), env, tmp_path) / name
    data = file.read_bytes()
    file.unlink()
    if harm != "gone":
        file.write_bytes(data[: len(data) // 2] if harm == "cut" else b"\xff" * 100)
    with pytest.raises(PoserError) as caught:
        checkpoint.resume(tmp_path, Echo(), model.config)
    words = "no checkpoint in" if (name, harm) == ("state.json", "gone") else "cannot be used"
    assert "\n" not in str(caught.value) and words in str(caught.value)
