"""The gymnasium environment: both checkers, refusals, seeds, pictures of itself, and how gymnasium finds it."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common import env_checker

from poser.learning.env import OrchestrateEnv
from poser.learning.frame import SIDE, frame
from poser.types import Budget, PoserError, Task
from tests.poser.learning.doors import PICTURE, Tasks, choose, observer, plain, sometimes
from tests.poser.world import make

ROOT = Path(__file__).parents[3]
NAME = "poser.learning.env:poser/Orchestrate-v0"


def environment(**changes) -> OrchestrateEnv:
    mdp = make(usd=0.1, fail=sometimes)
    given = {"mdp": mdp, "observer": observer(mdp), "tasks": Tasks(), "render_mode": "rgb_array"}
    return OrchestrateEnv(**given | changes)


def play(env: OrchestrateEnv, seed: int, turns: int = 12) -> list[tuple]:
    """Random legal steps, over as many episodes as they reach."""
    rng, rows = np.random.default_rng(1), [env.reset(seed=seed)]
    for _ in range(turns):
        rows.append(env.step(choose(env.action_masks()[None], rng)[0]))
        if rows[-1][2] or rows[-1][3]:
            rows.append(env.reset())
    return rows


def same(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(np.array_equal(one, other))


def test_gymnasiums_checker_has_nothing_to_say_but_that_boxes_are_open() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        check_env(environment())
    known = ("is -infinity", "is infinity", "not having a spec", "was refused: its mask forbids it")
    assert [str(w.message) for w in said if not any(words in str(w.message) for words in known)] == []


def test_stable_baselines_checker_passes() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        env_checker.check_env(environment(), skip_render_check=False)
    mine = [str(w.message) for w in said if "stable_baselines3" in w.filename]
    assert len(mine) == 1 and "cards has an unconventional shape" in mine[0]  # a row a slot is what the cards are


def test_seeds_decide_everything() -> None:
    one, other = environment(), environment()
    assert same(play(one, 3), play(other, 3))
    assert play(one, 3)[0][1] != play(one, 4)[0][1]


def test_infos_are_plain_and_name_every_term() -> None:
    rows = play(environment(), 0)
    steps = [row for row in rows if len(row) == 5]
    assert len(steps) == 12 and all(plain(row[-1]) for row in rows)
    for _, reward, terminated, truncated, info in steps:
        assert type(reward) is float and type(terminated) is type(truncated) is bool
        assert info["terms"]["total"] == reward and not info["illegal"]
        assert reward == pytest.approx(sum(v for name, v in info["terms"].items() if name != "total"))


def test_an_illegal_action_is_refused_and_changes_nothing() -> None:
    env = environment(tasks=Tasks([Budget(3)]))
    before, _ = env.reset(seed=0)
    picture = env.render()
    illegal = int(np.flatnonzero(before["mask"] == 0)[0])
    for slot in (illegal, -1, 10**6):
        seen, reward, terminated, truncated, info = env.step(slot)
        assert same(seen, before) and reward == 0.0 and info["illegal"] and not info["accepted"] and not terminated
        assert np.array_equal(env.render(), picture)
    assert truncated  # as many refusals as the budget has steps
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(int(np.flatnonzero(before["mask"])[0]))


def test_refusals_do_not_disturb_an_episode() -> None:
    task = Task("Draw a cat. Make it blue. Add a hat.", seed=11, budget=Budget(6), id="one")
    quiet, noisy, rng = environment(), environment(), np.random.default_rng(5)
    quiet.reset(options={"task": task})
    noisy.reset(options={"task": task})
    ended = False
    while not ended:
        mask = quiet.action_masks()
        noisy.step(int(np.flatnonzero(~mask)[-1])) if not mask.all() and rng.random() < 0.5 else None
        slot = choose(mask[None], rng)[0]
        one, other = quiet.step(slot), noisy.step(slot)
        assert same(one, other)
        ended = one[2] or one[3]


def test_the_budget_is_a_true_end() -> None:
    env = environment(tasks=Tasks([Budget(1)]))
    ends = [row for row in play(env, 0, 40) if len(row) == 5 and (row[2] or row[3])]
    assert ends and all(terminated and not truncated for _, _, terminated, truncated, _ in ends)
    assert not any(seen["mask"].any() for seen, *_ in ends)


def test_a_given_task_is_played_and_unknown_options_are_named() -> None:
    env = environment()
    assert env.reset(options={"task": Task("A dog.", PICTURE, id="mine")})[1] == {"task": "mine"}
    with pytest.raises(PoserError, match="'prompt'"):
        env.reset(options={"prompt": "A dog."})
    with pytest.raises(PoserError, match="'human'"):
        environment(render_mode="human")


def test_no_step_before_reset() -> None:
    with pytest.raises(gymnasium.error.ResetNeeded):
        environment().step(0)
    with pytest.raises(gymnasium.error.ResetNeeded):
        environment().render()


def test_it_shows_the_picture_and_what_was_done_to_it() -> None:
    mdp = make()
    env = environment(mdp=mdp, observer=observer(mdp), tasks=Tasks([Budget(6)]))
    env.reset(options={"task": Task("Make it blue. Add a hat.", PICTURE, seed=2, budget=Budget(6))})
    start = env.render()
    assert start.dtype == np.uint8 and start.shape[1:] == (SIDE, 3) and start.shape[0] > SIDE
    enlarged = np.asarray(PICTURE).repeat(SIDE // 32, 0).repeat(SIDE // 32, 1)
    assert np.array_equal(start[:SIDE], enlarged)
    env.step(int(np.flatnonzero(env.action_masks())[1]))
    after = env.render()
    assert after.shape == start.shape and not np.array_equal(after[SIDE:], start[SIDE:])
    assert (after[SIDE:] < 100).any(axis=2).mean() > 0.01  # there are letters
    assert environment(render_mode=None).render() is None


@pytest.mark.parametrize("prompt", ["word " * 600, "W" * 5000, "A dog."])
@pytest.mark.parametrize("size", [(96, 96), (33, 70), (1024, 256)])
def test_frames_have_one_size_whatever_is_written(prompt: str, size: tuple[int, int]) -> None:
    state = make().start([Task(prompt, PICTURE)])[0]
    plain_frame = frame(replace(state, image=None), None, size)
    written = frame(state, None, size)
    assert written.shape == plain_frame.shape == frame(make().start([Task("A dog.")])[0], None, size).shape
    factor = max(1, SIDE // max(size))
    margin = written[size[1] * factor :, -8:]
    assert (margin == 255).all()  # no letter runs out of the picture


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import gymnasium", NAME),
        ("import poser, gymnasium", NAME),
        ("import gymnasium, poser", "poser/Orchestrate-v0"),
        ("import gymnasium; gymnasium.spec('CartPole-v1'); import poser.types", "poser/Orchestrate-v0"),
        ("import poser, gymnasium; poser.register_env(); poser.register_env()", "poser/Orchestrate-v0"),
    ],
)
def test_gymnasium_finds_it_by_module_and_id_or_once_it_is_registered(code: str, name: str) -> None:
    check = f"{code}\ntry: gymnasium.make({name!r}, preset='postr')\nexcept Exception as error: print(error)"
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("no preset 'postr'"), done.stdout + done.stderr


def test_importing_poser_imports_no_gymnasium_and_hooks_no_import() -> None:
    check = "import sys; before = list(sys.meta_path); import poser, poser.cli\n"
    check += "print('gymnasium' in sys.modules, sys.meta_path == before)"
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"], done.stderr


def test_an_observer_of_other_slots_is_refused() -> None:
    mdp = make()
    for other in (make(1, 1).actions, mdp.actions.only(("current",))):  # its masks would not be the transition's
        with pytest.raises(PoserError, match="another action set"):
            environment(mdp=mdp, observer=replace(observer(mdp), actions=other))


def test_made_by_name_with_the_configs_own_parts() -> None:
    given = {"embedder.name": "hash", "rules.steps": 3, "cost_weight": 0.5}
    env = gymnasium.make(NAME, preset="poster", split="validation", overrides=given)
    seen, info = env.reset(seed=1)
    assert env.observation_space.contains(seen) and info["task"]
    task = env.unwrapped._state.task
    assert task.budget.steps == 3 and task.price.second == pytest.approx(0.1)
    with pytest.raises(PoserError, match="no preset 'postr'"):
        gymnasium.make(NAME, preset="postr")


@pytest.mark.slow
def test_the_embedded_world_passes_gymnasiums_checker() -> None:
    env = gymnasium.make(NAME, preset="poster", overrides={"embedder.name": "hash"})
    check_env(env.unwrapped)
    env.reset(seed=0)
    *_, info = env.step(int(np.flatnonzero(env.unwrapped.action_masks())[-1]))
    assert info["expert"] and not info["illegal"] and env.unwrapped._step.critique is not None
