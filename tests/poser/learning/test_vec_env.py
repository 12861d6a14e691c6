"""The vector environment, and law 6: environment, vector environment and rollout make identical steps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from poser.learned.observation import Observation, Observer
from poser.learning.env import OrchestrateEnv
from poser.learning.vec_env import PoserVecEnv
from poser.mdp import MDP
from poser.rollout import rollout
from poser.types import Budget, InvalidAction, PoserError, State, Step
from tests.poser.learning.doors import Script, Tasks, choose, observer, plain, sometimes
from tests.poser.world import make


def vector(n_envs: int = 3, seed: int = 0, mdp: MDP | None = None, **given: Any) -> PoserVecEnv:
    mdp = mdp or make(usd=0.1, fail=sometimes)
    return PoserVecEnv(mdp, observer(mdp), given.pop("tasks", Tasks()), n_envs, seed, **given)


def play(env: PoserVecEnv, seen: dict, turns: int, rng: np.random.Generator) -> list[tuple]:
    """Random legal vector steps from the observations `seen`."""
    rows = []
    for _ in range(turns):
        rows.append(env.step(choose(seen["mask"], rng)))
        seen = rows[-1][0]
    return rows


def same(one: Any, other: Any) -> bool:
    """Equal in every number, wall clocks apart."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(key == "t" or same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(np.array_equal(one, other))


def episodes(seen: Sequence[tuple[int, Step]]) -> list[list[Step]]:
    """The whole episodes of recorded (number, Step) pairs, as they ended."""
    running: dict[int, list[Step]] = {}
    whole = []
    for number, step in seen:
        running.setdefault(number, []).append(step)
        if step.after.ended:
            whole.append(running.pop(number))
    return whole


@pytest.mark.parametrize(("n_envs", "seed"), [(1, 0), (4, 1), (7, 2)])
def test_doors_give_identical_steps(n_envs: int, seed: int) -> None:
    seen: list[tuple[int, Step]] = []
    env = vector(n_envs, seed, on_step=lambda number, step: seen.append((number, step)))
    rows = play(env, env.reset(), 25, np.random.default_rng(seed))
    made = episodes(seen)
    assert len(made) > 5 and {steps[-1].truncated for steps in made} == {True, False}
    mdp = make(usd=0.1, fail=sometimes)
    slots = {(s.before.task.id, s.before.turn): mdp.actions.slots.index(s.action) for _, s in seen}
    again = dict(rollout(mdp, Script(slots), [steps[0].before.task for steps in made], seats=3))
    assert [list(again[k].steps) for k in range(len(made))] == made
    finals = [info["terminal_observation"] for row in rows for info in row[3] if "episode" in info]
    single = OrchestrateEnv(mdp=mdp, observer=observer(mdp), tasks=Tasks())
    for steps, final in zip(made, finals, strict=True):
        single.reset(options={"task": steps[0].before.task})
        for step in steps:
            told = single.step(slots[step.before.task.id, step.before.turn])
            assert single._step == step
            assert told[1:4] == (step.reward["total"], step.after.ended, False)
        assert same(told[0], final)


def test_an_environment_goes_on_in_the_same_step() -> None:
    seen: list[tuple[int, Step]] = []
    env = vector(4, on_step=lambda number, step: seen.append((number, step)))
    start = env.reset()
    assert env.observation_space.contains({name: row[0] for name, row in start.items()})
    observations, rng = start, np.random.default_rng(0)
    ended = 0
    for _ in range(12):
        seen.clear()
        observations, rewards, dones, infos = env.step(choose(observations["mask"], rng))
        steps = [step for _, step in seen]
        assert rewards.dtype == np.float32 and dones.dtype == bool and observations["mask"].any(axis=1).all()
        for k, (step, info) in enumerate(zip(steps, infos, strict=True)):
            assert rewards[k] == np.float32(step.reward["total"]) and dones[k] == step.after.ended
            assert info["TimeLimit.truncated"] is False and info["task"] == step.before.task.id
            assert ("terminal_observation" in info) == ("episode" in info) == dones[k]
            if dones[k]:
                ended += 1
                own = env.observer([step.after])
                for name in ("state", "cards"):
                    assert np.array_equal(info["terminal_observation"][name], own[name][0])
                assert not info["terminal_observation"]["mask"].any()
                fresh = env._episodes[k].state
                assert fresh.turn == 0 and fresh.task.id != step.after.task.id
    assert ended > 0


def test_episodes_are_summed_up_and_infos_are_plain() -> None:
    seen: list[tuple[int, Step]] = []
    env = vector(3, on_step=lambda number, step: seen.append((number, step)))
    infos = [info for row in play(env, env.reset(), 20, np.random.default_rng(3)) for info in row[3]]
    assert all(map(plain, infos))
    told = [info["episode"] for info in infos if "episode" in info]
    made = episodes(seen)
    assert [one["l"] for one in told] == [len(steps) for steps in made]
    assert [one["r"] for one in told] == pytest.approx([sum(s.reward["total"] for s in steps) for steps in made])
    assert all(one["t"] >= 0 for one in told)


def test_one_call_of_the_transition_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    class Counted(Observer):
        def __call__(self, states: Sequence[State], mask: np.ndarray | None = None) -> Observation:
            calls.append(len(states))
            return super().__call__(states, mask)

    mdp, sizes, step = make(usd=0.1), [], MDP.step
    monkeypatch.setattr(MDP, "step", lambda own, states, slots: sizes.append(len(states)) or step(own, states, slots))
    kind = observer(mdp)
    env = PoserVecEnv(mdp, Counted(kind.encoder, kind.actions), Tasks(), 5)
    rows = play(env, env.reset(), 10, np.random.default_rng(0))
    assert sizes == [5] * 10
    assert calls == [5] + [5 + int(row[2].sum()) for row in rows]


def test_an_illegal_action_raises_before_anything_runs() -> None:
    env = vector(3)
    seen = env.reset()
    legal, told = choose(seen["mask"], np.random.default_rng(0)), json.dumps(env.state())
    for slot in (int(np.flatnonzero(seen["mask"][1] == 0)[0]), -1, 10**6):
        with pytest.raises(InvalidAction, match="the learner ignores masks"):
            env.step(np.asarray([legal[0], slot, legal[2]]))
        assert json.dumps(env.state()) == told and same(env.observe(), seen)
    with pytest.raises(PoserError, match="2 actions for 3"):
        env.step(legal[:2])


def test_an_environment_draws_its_own_tasks_whatever_the_others_do() -> None:
    def ids(n_envs: int, seed: int) -> list[str]:
        seen: list[tuple[int, Step]] = []
        env = vector(n_envs, seed, tasks=Tasks([Budget(1)]), on_step=lambda number, step: seen.append((number, step)))
        play(env, env.reset(), 6, np.random.default_rng(n_envs))
        return [step.before.task.id for number, step in seen if number == 0]

    assert ids(1, 5) == ids(4, 5) != ids(4, 6)
    first = Tasks([Budget(1)]).draw(np.random.default_rng((5, 0)))
    assert ids(2, 5)[0] == first.id


def test_seed_counts_from_the_next_reset_and_reset_goes_on_without() -> None:
    env = vector(2, 0)
    one = env.reset()
    two = env.reset()
    assert not same(one, two)
    env.seed(0)
    assert same(env.observe(), two) and same(env.reset(), one) and same(env.reset(), two)


@pytest.mark.parametrize("cut", [0, 1, 2, 9])
def test_a_restored_environment_goes_on_as_the_original(cut: int) -> None:
    env, rng = vector(5, 7), np.random.default_rng(8)
    seen = env.reset()
    for row in play(env, seen, cut, rng):
        seen = row[0]
    saved = json.loads(json.dumps(env.state()))
    assert any(row["slots"] for row in saved["episodes"]) == (cut > 0)
    told: list[Step] = []
    other = vector(5, 1234, on_step=lambda _, step: told.append(step))
    assert same(other.restore(saved), seen) and told == []
    assert other.state() == saved
    states = np.random.default_rng(9), np.random.default_rng(9)
    assert same(play(env, seen, 12, states[0]), play(other, other.observe(), 12, states[1]))
    assert env.state() == other.state()


def test_a_state_of_something_else_is_refused_in_one_line() -> None:
    env = vector(2)
    with pytest.raises(PoserError, match="reset"):
        env.state()
    env.reset()
    saved = env.state()
    bad = [
        {**saved, "tasks": "other"},
        {**saved, "episodes": saved["episodes"] * 2},
        {**saved, "episodes": [{"rng": {"bit_generator": "PCG64"}, "slots": []}] * 2},
        {**saved, "episodes": [{**row, "slots": ["1"]} for row in saved["episodes"]]},
        {**saved, "episodes": [{**row, "slots": [10**6]} for row in saved["episodes"]]},
        {"episodes": 3},
        {},
    ]
    for data in bad:
        with pytest.raises(PoserError) as error:
            env.restore(data)
        assert "\n" not in str(error.value)
    with pytest.raises(PoserError, match="actions"):
        vector(2, mdp=make(1, 1)).restore(saved)
    assert env.state() == saved


def test_an_observer_of_other_slots_is_refused() -> None:
    mdp = make()
    with pytest.raises(PoserError, match="another action set"):
        PoserVecEnv(mdp, observer(make(1, 1)), Tasks(), 2)


def test_it_answers_what_learners_ask() -> None:
    env = vector(3)
    seen = env.reset()
    assert env.get_attr("render_mode") == ["rgb_array"] * 3 and env.has_attr("action_masks") and not env.has_attr("x")
    assert np.array_equal(np.stack(env.env_method("action_masks")), seen["mask"].astype(bool))
    assert env.env_is_wrapped(object) == [False] * 3
    with pytest.raises(AttributeError):
        env.env_method("render")
    picture = env.render()
    height, width, _ = env.get_images()[0].shape
    assert picture.dtype == np.uint8 and picture.shape == (2 * height, 2 * width, 3)
    env.close()


def test_the_environments_of_a_preset_are_made_in_one_call() -> None:
    env = PoserVecEnv.from_preset("poster", seats=3, tasks=Tasks(), seed=4)
    seen = env.reset()
    assert env.num_envs == 3 and seen["mask"].shape == (3, len(env.mdp.actions.slots))
    assert env.action_masks().any(axis=1).all()
    with pytest.raises(PoserError, match="seats 0 is out of range"):
        PoserVecEnv.from_preset("poster", seats=0)
