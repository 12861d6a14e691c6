"""The learner learns, repeats itself, obeys every mask, and stores what stable-baselines3's flat buffer would."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.buffers import NStepReplayBuffer

from poser.learned import network
from poser.learning.buffer import NStepBuffer
from poser.learning.learner import MaskedDQN
from poser.learning.train_config import TrainConfig
from poser.types import InvalidAction, PoserError
from tests.poser.learning.echo import CARDS, CONFIG, PROTOTYPES, SLOTS, TEXT, Echo


def make(right: str = "card", masked: bool = True, **changes: Any) -> MaskedDQN:
    config = CONFIG.model_copy(update=changes)
    return MaskedDQN(Echo(config.n_envs, right, masked), config)


def hits(model: MaskedDQN, right: str, masked: bool = True) -> float:
    """Share of new turns whose right slot is the greedy one."""
    env = Echo(400, right, masked)
    env.seed(999)
    seen = env.reset()
    return float((model.predict(seen, deterministic=True)[0] == env.best(seen)).mean())


@pytest.mark.parametrize("right", ["card", "text"])
@pytest.mark.parametrize("changes", [{}, {"double_q": False, "n_steps": 1}], ids=["ours", "plain"])
def test_it_learns_an_echo(right, changes, monkeypatch):
    monkeypatch.setitem(network.GAIN, "slot", 4.0)  # in half of these problems nothing but the text tells
    model = make(right, total_timesteps=400, **changes)
    before = hits(model, right)
    model.advance()
    assert before < 0.7 and hits(model, right) > 0.97
    assert model.num_timesteps == 400 and model.illegal == 0


def test_the_papers_fixed_head_learns_what_the_text_tells():
    """Without cards, a slot is its number: kind k is answered by slot k."""
    config = CONFIG.model_copy(update={"network": "flat", "total_timesteps": 500, "gamma": 0.0})
    model = MaskedDQN(_Numbered(4), config)
    model.advance()
    env = _Numbered(300)
    env.seed(99)
    seen = env.reset()
    assert (model.predict(seen, deterministic=True)[0] == env.best(seen)).mean() > 0.97


class _Numbered(Echo):
    """The right slot is the number of the text's kind."""

    def __init__(self, n_envs: int) -> None:
        super().__init__(n_envs, "text", masked=False)

    def _draw(self, k: int) -> dict[str, np.ndarray]:
        seen = super()._draw(k)
        seen["cards"][:] = 0
        return seen

    def best(self, seen: dict[str, np.ndarray]) -> np.ndarray:
        return (seen["state"][..., :TEXT] @ PROTOTYPES.T).argmax(axis=-1)


def test_it_trains_twice_identically():
    one, two, other = (make(total_timesteps=120, seed=seed).advance() for seed in (3, 3, 4))
    assert [name for name, value in one.weights().items() if not torch.equal(value, two.weights()[name])] == []
    assert not torch.equal(one.weights()["card.weight"], other.weights()["card.weight"])
    assert np.array_equal(one.replay_buffer.actions, two.replay_buffer.actions)


def test_learn_is_stable_baselines3s():
    """The same calls, however they are asked for."""
    one, two = make(total_timesteps=120).advance(), make(total_timesteps=120).learn(60).learn(60)
    assert two.num_timesteps == 120 and two._n_updates == one._n_updates
    assert all(torch.equal(value, two.weights()[name]) for name, value in one.weights().items())


masks = st.lists(st.lists(st.booleans(), min_size=SLOTS, max_size=SLOTS).filter(any), min_size=1, max_size=6)


@settings(max_examples=40)
@given(masks, st.sampled_from([0, 100, 10**6]), st.booleans(), st.integers(0, 99))
def test_masks_are_obeyed_in_warm_up_exploration_and_greedy(rows, calls, deterministic, seed):
    model = _MODEL
    model.num_timesteps, noise = calls, np.random.default_rng(seed)
    seen = {
        "state": noise.standard_normal((len(rows), TEXT + 1)).astype(np.float32),
        "cards": noise.standard_normal((len(rows), SLOTS, CARDS)).astype(np.float32) * 100,
        "mask": np.asarray(rows, np.int8),
    }
    chosen, _ = model.predict(seen, deterministic=deterministic)
    assert seen["mask"][np.arange(len(rows)), chosen].all()
    one, _ = model.predict({name: value[0] for name, value in seen.items()}, deterministic=deterministic)
    assert np.shape(one) == () and rows[0][int(one)]


_MODEL = make()


def test_each_environment_has_its_own_coin_and_every_legal_slot_its_chance():
    model, count = make(), 4000
    env = Echo(count, masked=False)
    env.seed(1)
    seen = env.reset()
    seen["mask"][:, 4] = 0
    model.num_timesteps = int(0.5 * CONFIG.exploration_fraction * CONFIG.total_timesteps)
    best, _ = model.predict(seen, deterministic=True)
    chosen, _ = model.predict(seen)
    half = (CONFIG.exploration_initial_eps + CONFIG.exploration_final_eps) / 2
    assert (chosen != best).mean() == pytest.approx(half * 3 / 4, abs=0.03)
    model.num_timesteps = 0
    shares = np.bincount(model.predict(seen)[0], minlength=SLOTS) / count
    assert shares == pytest.approx([0.25] * 4 + [0.0], abs=0.03)


def test_exploration_falls_with_calls_alone():
    model = make(
        learning_starts=64,
        total_timesteps=1000,
        exploration_fraction=0.5,
        exploration_initial_eps=0.9,
        exploration_final_eps=0.1,
    )
    found = []
    for calls in (0, 63, 64, 250, 500, 900):
        model.num_timesteps = calls
        found.append(model.epsilon())
    assert found == pytest.approx([1, 1, 0.9 - 0.8 * 64 / 500, 0.5, 0.1, 0.1])


def test_no_legal_slot_is_an_error():
    model, seen = make(), Echo(2).observation_space.sample()
    seen["mask"][:] = 0
    with pytest.raises(InvalidAction, match="no legal slot"):
        model.predict(seen)


def test_updates_follow_the_calls():
    made = [
        make(total_timesteps=100, learning_starts=64, updates_per_step=ratio).advance()._n_updates
        for ratio in (1.0, 0.25, 2.0)
    ]
    assert made == [36, 9, 72]


def test_the_target_network_is_a_copy_every_so_many_updates():
    model = make(total_timesteps=100, target_update_interval=25).advance(88)
    assert model._n_updates == 24
    online, target = model.q_net.net.slot[1].weight, model.q_net_target.net.slot[1].weight
    assert not torch.equal(online, target)
    model.study(1)
    assert torch.equal(online, target)


def batch(model: MaskedDQN, mask: list[list[int]], done: float = 0.0) -> Any:
    noise, rows = torch.Generator().manual_seed(0), len(mask)
    after = {
        "state": torch.randn(rows, TEXT + 1, generator=noise),
        "cards": torch.randn(rows, SLOTS, CARDS, generator=noise),
        "mask": torch.tensor(mask, dtype=torch.int8),
    }
    return SimpleNamespace(next_observations=after, dones=torch.full((rows, 1), done))


@settings(max_examples=30)
@given(masks, st.booleans())
def test_the_target_looks_at_legal_slots_only(rows, double):
    model = make(double_q=double)
    with torch.no_grad():
        for value in model.q_net_target.parameters():
            value.add_(0.1)  # so that the two networks differ
    asked = batch(model, rows)
    after = asked.next_observations
    with torch.no_grad():
        online, target = (net.net(after["state"], after["cards"]) for net in (model.q_net, model.q_net_target))
    for found, mine, other, legal in zip(model._next_value(asked), online, target, rows, strict=True):
        at = [k for k, yes in enumerate(legal) if yes]
        wanted = other[max(at, key=lambda k: mine[k])] if double else max(other[k] for k in at)
        assert float(found) == pytest.approx(float(wanted), abs=1e-5)


def test_an_end_is_worth_nothing_and_never_nan():
    model, none = make(), [[0] * SLOTS] * 3
    assert model._next_value(batch(model, none, done=1.0)).tolist() == [0, 0, 0]
    assert model._next_value(batch(model, none)).tolist() == [0, 0, 0]
    assert model._next_value(batch(model, [[1] * SLOTS] * 3, done=1.0)).tolist() == [0, 0, 0]


def test_an_end_by_the_budget_is_an_end():
    """The budget is part of the task: nothing is earned after it."""
    model = make().advance(64)
    buffer = model.replay_buffer
    assert buffer.dones[: buffer.pos].any() and not buffer.timeouts.any()


def test_an_illegal_choice_is_counted_and_never_stored():
    model = make(masked=True)
    space = model.observation_space
    seen = {name: np.zeros((4, *space[name].shape), space[name].dtype) for name in space.spaces}
    seen["mask"][:, 1] = 1
    model._last_obs, model.predict = seen, lambda *_, **__: (np.asarray([1, 0, 1, 2]), None)  # a broken choice
    slots, _ = model._sample_action(0)
    assert model.illegal == 2
    with pytest.raises(InvalidAction, match="slot 0 is not legal"):
        model.replay_buffer.add(seen, seen, slots, np.zeros(4), np.zeros(4), [{}] * 4)
    stuck = {**seen, "mask": np.zeros((4, SLOTS), np.int8)}
    with pytest.raises(InvalidAction, match="without any legal slot"):
        model.replay_buffer.add(seen, stuck, np.ones(4, int), np.zeros(4), np.asarray([1, 1, 0, 1]), [{}] * 4)
    assert model.replay_buffer.size() == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 14), st.integers(1, 4), st.sampled_from([0.0, 0.9, 1.0]), st.integers(0, 2**31 - 1))
def test_samples_equal_the_flat_buffers(steps, n_steps, gamma, seed):
    """Part-filled and wrapped (6 rows), with ends and truncations."""
    noise, envs, rows = np.random.default_rng(seed), 3, 6
    box = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action, depth = spaces.Discrete(3), {"n_steps": n_steps, "gamma": gamma}
    flat = NStepReplayBuffer(rows * envs, box, action, "cpu", envs, **depth)
    whole = spaces.Dict({"state": box, "mask": spaces.MultiBinary(3)})
    ours = NStepBuffer(rows * envs, whole, action, "cpu", envs, **depth)
    legal = np.ones((envs, 3), np.int8)
    for _ in range(steps):
        before, after = noise.standard_normal((2, envs, 2)).astype(np.float32)
        done = noise.random(envs) < 0.3
        infos = [{"TimeLimit.truncated": bool(end and noise.random() < 0.5)} for end in done]
        step = noise.integers(3, size=envs), noise.standard_normal(envs), done, infos
        flat.add(before, after, *step)
        ours.add({"state": before, "mask": legal}, {"state": after, "mask": legal}, *step)
    np.random.seed(seed)
    wanted = flat.sample(50)
    np.random.seed(seed)
    found = ours.gather(np.random.randint(0, ours.size(), size=50), np.random.randint(0, envs, size=50))
    for name in ("actions", "dones", "rewards", "discounts"):
        torch.testing.assert_close(getattr(found, name), getattr(wanted, name), msg=name)
    assert torch.equal(found.observations["state"], wanted.observations)
    assert torch.equal(found.next_observations["state"], wanted.next_observations)


def test_sampling_reaches_every_filled_place_and_nothing_else():
    model = make().advance(64)
    buffer = model.replay_buffer
    drawn = buffer.sample(4000).observations["state"].numpy()
    filled = buffer.observations["state"][: buffer.pos].reshape(-1, TEXT + 1)
    assert {row.tobytes() for row in drawn} == {row.tobytes() for row in filled}


def test_records_alone_are_enough_to_study():
    """Random steps of others, without an environment."""
    teacher = make(total_timesteps=600, learning_starts=600).advance()
    pupil = MaskedDQN(teacher.observation_space, CONFIG.model_copy(update={"n_steps": 1}))
    theirs = teacher.replay_buffer
    for row in range(theirs.size()):
        for k in range(4):
            pair = [
                {name: values[row, k][None] for name, values in side.items()}
                for side in (theirs.observations, theirs.next_observations)
            ]
            step = (a[row, k][None] for a in (theirs.actions, theirs.rewards, theirs.dones))
            pupil.replay_buffer.add(*pair, *step, [{}])
    assert hits(pupil.study(300), "card") > 0.97 and pupil.num_timesteps == 0


def test_weights_begin_another_run():
    old = make(total_timesteps=80).advance()
    new = MaskedDQN(Echo(), CONFIG, old.weights())
    for net in (new.q_net, new.q_net_target):
        assert all(torch.equal(value, old.weights()[name]) for name, value in net.net.state_dict().items())
    with pytest.raises(PoserError, match="another network"):
        MaskedDQN(Echo(), CONFIG.model_copy(update={"hidden_size": 8}), old.weights())


def test_a_turn_is_settled_and_may_end_the_run():
    seen: list[tuple[int, int, int]] = []

    def turn(model: MaskedDQN) -> bool:
        seen.append((model.num_timesteps, model._n_updates, model.replay_buffer.pos))
        return len(seen) < 20

    assert make().advance(on_turn=turn).num_timesteps == 80
    assert seen == [(4 * k, max(0, 4 * k - 64), k) for k in range(1, 21)]


def test_the_settings_of_both_configs_reach_the_network():
    ours, paper = make().shape, make(network="flat", extras=()).shape
    sizes = {"state_columns": TEXT + 1, "card_columns": CARDS, "slots": SLOTS, "hidden_size": 32}
    assert ours == network.NetworkShape(kind="slot", text_columns=TEXT, **sizes)
    assert paper == network.NetworkShape(kind="flat", text_columns=TEXT + 1, **sizes)
    assert TrainConfig().double_q and make(gamma=0.5, n_steps=2).replay_buffer.gamma == 0.5
