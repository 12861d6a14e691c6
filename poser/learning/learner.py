"""The learner: stable-baselines3's DQN with action masks, one coin an environment, double Q, n-step returns.

Masks hold in the warm-up, in exploration, in the greedy choice and in the TD target (`network.masked`); the buffer
refuses what is illegal. Exploration and updates follow the number of calls made, never the number of vector steps or of
calls of `learn`, so a run may be cut anywhere: a run of N + M calls is a run of N, a checkpoint (`checkpoint`), and M
more, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import DQN
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import RolloutReturn
from stable_baselines3.common.utils import configure_logger
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.dqn.policies import DQNPolicy
from torch import Tensor
from torch.nn import functional

from poser.actions import anything
from poser.learned import network
from poser.learned.network import NetworkShape
from poser.learned.observation import IDENTITY_COLUMNS, SCORE_COLUMN, text_columns
from poser.learning.buffer import NStepBuffer
from poser.learning.train_config import TrainConfig
from poser.types import InvalidAction, PoserError

_SB3 = {"learning_rate", "buffer_size", "learning_starts", "batch_size", "gamma", "seed"}
"""Settings that stable-baselines3's DQN takes as they are."""
OnTurn = Callable[[Any], bool | None]
"""Sees the model after every turn (a step of every environment, and the updates due after it); False ends the run."""


def shape_of(space: spaces.Dict, config: TrainConfig) -> NetworkShape:
    """The network for these observations (`Observer.space`)."""
    shapes: Any = {name: part.shape for name, part in space.spaces.items()}
    (state,), (slots, cards) = shapes["state"], shapes["cards"]
    scored = config.network == "slot" and config.cards == "full" and cards > SCORE_COLUMN
    return NetworkShape(
        kind=config.network,
        state_columns=state,
        card_columns=cards,
        slots=slots,
        hidden_size=config.hidden_size,
        text_columns=text_columns(state, config.extras),
        identity_columns=IDENTITY_COLUMNS if scored else 0,
        score_column=SCORE_COLUMN if scored else None,
    )


class _MaskedQ(BasePolicy):
    """A Q-network in stable-baselines3's form: dictionary observation -> Q [B, K], illegal slots at `ILLEGAL`."""

    def __init__(self, observation_space: spaces.Dict, action_space: spaces.Discrete, shape: NetworkShape) -> None:
        super().__init__(observation_space, action_space, normalize_images=False)
        self.net = network.build(shape)

    def forward(self, obs: Mapping[str, Tensor]) -> Tensor:
        return network.masked(self.net(obs["state"], obs["cards"]), obs["mask"])

    def _predict(self, observation: Mapping[str, Tensor], deterministic: bool = True) -> Tensor:
        return self(observation).argmax(dim=1)


class _Policy(DQNPolicy):
    """Online and target network over `_MaskedQ`, and their optimizer."""

    def __init__(self, *args: Any, shape: NetworkShape, linear_lr_factor: float, **kwargs: Any) -> None:
        self.shape, self.linear_lr_factor = shape, linear_lr_factor
        super().__init__(*args, **kwargs)

    def _build(self, lr_schedule: Any) -> None:
        """Both networks; the weights `SlotQ.trust` learn at a rate of their own."""
        super()._build(lr_schedule)
        named = list(self.q_net.named_parameters())
        groups: list[dict[str, Any]] = [
            {"params": [weight for name, weight in named if (".trust." in name) == linear], "lr": rate}
            for linear, rate in ((False, lr_schedule(1)), (True, self.linear_lr_factor * lr_schedule(1)))
        ]
        self.optimizer = self.optimizer_class([group for group in groups if group["params"]], **self.optimizer_kwargs)

    def make_q_net(self) -> _MaskedQ:
        return _MaskedQ(self.observation_space, self.action_space, self.shape).to(self.device)


class MaskedDQN(DQN):
    """A masked DQN over `Observer`'s observations.

    Args:
        env: the environment, which is seeded with the config's seed; or an observation space alone, for a learner of a
            single environment whose buffer is filled by hand and that can only `study`.
        config: its settings.
        weights: of its networks at the start; None: random ones.
        log: a folder for TensorBoard files; None: none are written.

    Attributes:
        shape: of its network.
        illegal: actions chosen that the mask forbids, over the whole run: 0, or the mask is broken.
        online_updates: updates made while practising; `_n_updates` counts those of `study` too.

    Raises `PoserError` where the weights are of another network.
    """

    def __init__(
        self,
        env: VecEnv | spaces.Dict,
        config: TrainConfig,
        weights: Mapping[str, Tensor] | None = None,
        log: str | None = None,
    ) -> None:
        space: Any = env if isinstance(env, spaces.Dict) else env.observation_space
        self.config, self.shape = config, shape_of(space, config)
        self.illegal = self.online_updates = 0
        self.action_rng = np.random.default_rng((config.seed, 1))
        self._on_turn: OnTurn | None = None
        super().__init__(
            _Policy,
            None if env is space else env,
            **config.model_dump(include=_SB3),
            train_freq=1,
            gradient_steps=0,  # updates are made in `collect_rollouts`
            replay_buffer_class=NStepBuffer,
            replay_buffer_kwargs={
                "n_steps": config.n_steps,
                "gamma": config.gamma,
                "seed": (config.seed, 2),
                # the budget is part of a task: what would come after its end is never earned, so every end is one
                "handle_timeout_termination": False,
            },
            policy_kwargs={
                "shape": self.shape,
                "linear_lr_factor": config.linear_lr_factor,
                "optimizer_class": torch.optim.AdamW,
                "optimizer_kwargs": {"fused": True},
            },
            tensorboard_log=log,
            device="cpu",
            _init_setup_model=False,
        )
        if self.env is None:
            self.observation_space, self.action_space, self.n_envs = space, spaces.Discrete(self.shape.slots), 1
        self._setup_model()
        try:
            for q in (self.q_net, self.q_net_target):
                if weights is not None:
                    q.net.load_state_dict(dict(weights))
        except RuntimeError as error:
            line = str(error).splitlines()[-1].strip()
            raise PoserError(f"the weights are of another network ({line:.160}); begin without them") from None

    def learn(self, total_timesteps: int, *args: Any, reset_num_timesteps: bool = False, **kwargs: Any) -> MaskedDQN:
        """Goes on for at least so many calls; as stable-baselines3's, but counters go on by default."""
        super().learn(total_timesteps, *args, reset_num_timesteps=reset_num_timesteps, **kwargs)
        return self

    def advance(self, until: int | None = None, on_turn: OnTurn | None = None, callback: Any = None) -> MaskedDQN:
        """Goes on until `until` calls have been made in all (None: the config's `total_timesteps`).

        `on_turn` is called between turns, where nothing is half done: it may evaluate, save a checkpoint, and end the
        run by returning False. `callback` is stable-baselines3's.
        """
        more = (self.config.total_timesteps if until is None else until) - self.num_timesteps
        self._on_turn = on_turn
        try:
            return self.learn(more, callback, log_interval=50) if more > 0 else self
        finally:
            self._on_turn = None

    def study(self, updates: int) -> MaskedDQN:
        """So many updates on what the buffer holds, without any call."""
        if not hasattr(self, "_logger"):
            self._logger = configure_logger(self.verbose, self.tensorboard_log, "offline", False)
        self.train(updates, self.batch_size)
        return self

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> RolloutReturn:
        """One step of every environment, and the updates that are due after it."""
        done = super().collect_rollouts(*args, **kwargs)
        practised = max(0, self.num_timesteps - self.config.learning_starts)
        due = int(self.config.updates_per_step * practised) - self.online_updates
        if due > 0:
            self.online_updates += due
            self.train(due, self.batch_size)
        going = done.continue_training and (self._on_turn is None or self._on_turn(self) is not False)
        return done._replace(continue_training=going)

    def train(self, gradient_steps: int, batch_size: int = 128) -> None:
        """Updates of the online network; after every `target_update_interval` of them the target becomes its copy."""
        self.policy.set_training_mode(True)
        total = 0.0
        for _ in range(gradient_steps):
            loss = self._loss(self.replay_buffer.sample(batch_size))
            self.policy.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.q_net.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
            total += loss.item()
            self._n_updates += 1
            if self._n_updates % self.config.target_update_interval == 0:
                self.q_net_target.load_state_dict(self.q_net.state_dict())
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", total / max(1, gradient_steps))

    def _loss(self, batch: Any) -> Tensor:
        """Huber loss between Q of the slots taken and their n-step targets, and the penalty on A of `SlotQ`."""
        obs, slots = batch.observations, batch.actions[:, 0]
        target = batch.rewards[:, 0] + batch.discounts[:, 0] * self._next_value(batch)
        q, correction = self.q_net.net.at(obs["state"], obs["cards"], slots)
        return functional.smooth_l1_loss(q, target) + self.config.correction_penalty * correction.square().mean()

    @torch.no_grad()
    def _next_value(self, batch: Any) -> Tensor:
        """The value of the state after each sample, [B]: 0 where the episode is over or nothing is legal."""
        values = torch.zeros(len(batch.dones))
        rows = ((batch.dones[:, 0] == 0) & (batch.next_observations["mask"] != 0).any(dim=1)).nonzero()[:, 0]
        if len(rows):
            obs = {key: value[rows] for key, value in batch.next_observations.items()}
            if self.config.double_q:
                best = self.q_net(obs).argmax(dim=1)
                values[rows] = self.q_net_target.net.at(obs["state"], obs["cards"], best)[0]
            else:
                values[rows] = self.q_net_target(obs).max(dim=1).values
        return values

    def epsilon(self) -> float:
        """Chance of a random slot now: 1 before `learning_starts`, then a straight line over the calls of the run."""
        config = self.config
        if self.num_timesteps < config.learning_starts:
            return 1.0
        share = min(1.0, self.num_timesteps / (config.exploration_fraction * config.total_timesteps))
        fall = config.exploration_final_eps - config.exploration_initial_eps
        return config.exploration_initial_eps + share * fall

    def predict(
        self,
        observation: dict[str, np.ndarray],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Legal slots [B] (a number for a single observation): the best ones; unless `deterministic`, each row becomes
        a random one with the chance `epsilon()`. Raises `InvalidAction` where none is legal."""
        mask = np.atleast_2d(observation["mask"]) != 0
        if not mask.any(axis=1).all():
            row = mask.any(axis=1).argmin()
            raise InvalidAction(f"row {row} has no legal slot; the episode ended, or the mask is broken")
        best, _ = self.policy.predict(observation, deterministic=True)
        if deterministic:
            return best, state
        coins, lots = self.action_rng.random(len(mask)), anything(mask, self.action_rng)
        chosen = np.where(coins < self.epsilon(), lots, best)
        return chosen.reshape(np.shape(best)), state

    def weights(self) -> dict[str, Tensor]:
        """A copy of the online network's weights, for `policy_file.save`."""
        return {name: value.detach().clone() for name, value in self.q_net.net.state_dict().items()}

    def _sample_action(self, *args: Any, **kwargs: Any) -> tuple[np.ndarray, np.ndarray]:
        """The chosen slots twice, as stable-baselines3 wants them: to act with, and to store."""
        slots, _ = self.predict(self._last_obs)
        mask = self._last_obs["mask"]
        self.illegal += int((mask[np.arange(len(slots)), slots] == 0).sum())
        return slots, slots

    def _on_step(self) -> None:
        """In place of stable-baselines3's, whose schedules count vector steps."""
        self._n_calls += 1
        self.exploration_rate = self.epsilon()
        self.logger.record("rollout/exploration_rate", self.exploration_rate)
