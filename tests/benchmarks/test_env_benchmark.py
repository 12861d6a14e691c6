"""The environment's benchmark: both sides see the same shapes, every figure is measured."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import env

TINY = env.CONFIG.model_copy(
    update={"n_envs": 3, "learning_starts": 4, "batch_size": 4, "buffer_size": 64, "hidden_size": 8}
)


def test_the_null_environment_has_the_shapes_of_the_real_one() -> None:
    real, nothing = env.world(env.PoserVecEnv, TINY), env.null(TINY)
    one, other = real.reset(), nothing.reset()
    assert {name: rows.shape for name, rows in one.items()} == {name: rows.shape for name, rows in other.items()}
    assert all(real.observation_space[name].contains(rows[0]) for name, rows in other.items())
    assert nothing.action_space == real.action_space


def test_learners_without_masks_may_play_the_obeying_environment() -> None:
    world = env.world(env.Obeying, TINY)
    mask = world.reset()["mask"]
    for _ in range(6):
        mask = world.step(np.argmin(mask, axis=1))[0]["mask"]  # an illegal slot wherever there is one


def test_every_figure_is_measured() -> None:
    found = env.figures(TINY, 6, 2)
    assert len(found["steps_a_second"]) == 6 and all(rate > 0 for rate in found["steps_a_second"].values())
    for name in ("learning", "our_learner", "our_learner_against_stock", "without_learning"):
        assert 0 < found[name]["least"] <= found[name]["median"] <= found[name]["most"]


def test_ratios_are_of_the_same_rounds() -> None:
    rates = {"a": [1.0, 4.0, 3.0], "b": [2.0, 4.0, 12.0]}
    assert env.ratio(rates, "a", "b") == {"median": 0.5, "least": 0.25, "most": 1.0}


def test_rounds_take_turns_and_the_first_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now, played = [0.0], []

    def play(name: str, cost: float):
        def run(count: int) -> None:
            played.append(name)
            now[0] += cost * count

        return run

    monkeypatch.setattr(env.time, "process_time", lambda: now[0])
    rates = env.measure({"slow": play("slow", 0.5), "fast": play("fast", 0.25)}, 8, 2)
    assert played == ["slow", "fast"] * 3 and rates == {"slow": [2.0, 2.0], "fast": [4.0, 4.0]}
