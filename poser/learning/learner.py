"""The learner: stable-baselines3's DQN with masks that always hold, one coin a seat, double Q and n-step returns.

Masks hold in the warm-up, in exploration, in the greedy choice and in the TD target (`network.masked`); the buffer
refuses what is illegal. Counters are absolute (calls made, updates done), so that a run may be cut anywhere: a run of
N + M calls is a run of N, a checkpoint (`checkpoint`), and M more, bit for bit. Source: performance.md 8 and 9.
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
from poser.learned.network import Shape
from poser.learned.observation import FIT, OWN
from poser.learning.buffer import NStepBuffer
from poser.learning.train_config import Recipe
from poser.types import InvalidAction, PoserError

Turn = Callable[["MaskedDQN"], bool | None]
"""Sees the model after every turn (a step of every seat, and the updates it is due); False ends the run."""


class _Masked(BasePolicy):
    """A Q-network as stable-baselines3 asks for it: dictionary observation -> Q [B, K], illegal slots at the floor."""

    def __init__(self, observation_space: spaces.Dict, action_space: spaces.Discrete, shape: Shape) -> None:
        super().__init__(observation_space, action_space, normalize_images=False)
        self.net = network.build(shape)

    def forward(self, obs: Mapping[str, Tensor]) -> Tensor:
        return network.masked(self.net(obs["state"], obs["cards"]), obs["mask"])

    def _predict(self, observation: Mapping[str, Tensor], deterministic: bool = True) -> Tensor:
        return self(observation).argmax(dim=1)


class _Policy(DQNPolicy):
    """Online and target network over `_Masked`."""

    def __init__(self, *args: Any, shape: Shape, lead: float, **kwargs: Any) -> None:
        self.shape, self.lead = shape, lead
        super().__init__(*args, **kwargs)

    def _build(self, lr_schedule: Any) -> None:
        """Networks and optimizer; weights of the cards themselves learn `lead` times as fast."""
        super()._build(lr_schedule)
        groups: dict[bool, list[Tensor]] = {False: [], True: []}
        for name, weight in self.q_net.named_parameters():
            groups[".trust." in name].append(weight)
        rate = lr_schedule(1)
        split = [{"params": groups[False], "lr": rate}, {"params": groups[True], "lr": self.lead * rate}]
        self.optimizer = self.optimizer_class([group for group in split if group["params"]], **self.optimizer_kwargs)

    def make_q_net(self) -> _Masked:
        return _Masked(self.observation_space, self.action_space, self.shape).to(self.device)


class MaskedDQN(DQN):
    """See the module.

    Attributes:
        recipe: its settings; shape: of its network.
        illegal: actions chosen that the mask forbids, over the whole run: 0, or the mask is broken.
    """

    def __init__(self, env: VecEnv | spaces.Dict, recipe: Recipe, log: str | None = None) -> None:
        space: Any = env if isinstance(env, spaces.Dict) else env.observation_space
        (state,), (slots, cards) = space["state"].shape, space["cards"].shape
        text = network.text_columns(state, recipe.extras)
        self.recipe = recipe
        known = recipe.network == "slot" and recipe.cards == "full" and cards > FIT
        own, fit = (OWN, FIT) if known else (0, None)
        self.shape = Shape(recipe.network, state, cards, slots, recipe.hidden, text, own, fit)
        self.illegal = self.trained = 0
        self.dice = np.random.default_rng((recipe.seed, 1))
        self._on_turn: Turn | None = None
        fused = {"optimizer_class": torch.optim.AdamW, "optimizer_kwargs": {"fused": True}}
        # the budget is part of a task: what would come after its end is never earned, so every end is one
        steps = {"n_steps": recipe.n_steps, "gamma": recipe.discount, "seed": (recipe.seed, 2)}
        super().__init__(
            _Policy,
            None if env is space else env,
            learning_rate=recipe.rate,
            buffer_size=recipe.buffer,
            learning_starts=recipe.warmup,
            batch_size=recipe.batch,
            gamma=recipe.discount,
            train_freq=1,
            gradient_steps=0,
            replay_buffer_class=NStepBuffer,
            replay_buffer_kwargs={**steps, "handle_timeout_termination": False},
            policy_kwargs={"shape": self.shape, "lead": recipe.lead, **fused},
            tensorboard_log=log,
            seed=recipe.seed,
            device="cpu",
            _init_setup_model=False,
        )
        if self.env is None:
            self.observation_space, self.action_space, self.n_envs = space, spaces.Discrete(slots), 1
        self._setup_model()

    def learn(self, total_timesteps: int, *args: Any, reset_num_timesteps: bool = False, **kwargs: Any) -> MaskedDQN:
        """Goes on for at least so many calls; as stable-baselines3's, but counters go on by default."""
        super().learn(total_timesteps, *args, reset_num_timesteps=reset_num_timesteps, **kwargs)
        return self

    def advance(self, until: int | None = None, on_turn: Turn | None = None, callback: Any = None) -> MaskedDQN:
        """Goes on until `until` calls have been made in all (None: the recipe's steps). Between turns all is settled:
        `on_turn` may evaluate, save a checkpoint, and end the run by returning False."""
        more = (self.recipe.steps if until is None else until) - self.num_timesteps
        self._on_turn = on_turn
        try:
            return self.learn(more, callback, log_interval=50) if more > 0 else self
        finally:
            self._on_turn = None

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> RolloutReturn:
        """One step of every seat, and the updates that are due after it."""
        done = super().collect_rollouts(*args, **kwargs)
        due = int(self.recipe.updates * max(0, self.num_timesteps - self.recipe.warmup)) - self.trained
        if due > 0:
            self.trained += due
            self.train(due, self.batch_size)
        going = done.continue_training and (self._on_turn is None or self._on_turn(self) is not False)
        return done._replace(continue_training=going)

    def study(self, updates: int) -> MaskedDQN:
        """So many updates on what the buffer holds, without any call."""
        if not hasattr(self, "_logger"):
            self._logger = configure_logger(self.verbose, self.tensorboard_log, "offline", False)
        self.train(updates, self.batch_size)
        return self

    def train(self, gradient_steps: int, batch_size: int = 128) -> None:
        """Updates of the online network; every `recipe.target` of them the target network becomes its copy."""
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
            if self._n_updates % self.recipe.target == 0:
                self.q_net_target.load_state_dict(self.q_net.state_dict())
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", total / max(1, gradient_steps))

    def _loss(self, batch: Any) -> Tensor:
        """Huber loss between Q of the slots taken and their n-step targets, and the pull on what corrects the cards."""
        obs, slots = batch.observations, batch.actions[:, 0]
        goal = batch.rewards[:, 0] + batch.discounts[:, 0] * self._ahead(batch)
        found, extra = self.q_net.net.at(obs["state"], obs["cards"], slots)
        return functional.smooth_l1_loss(found, goal) + self.recipe.shrink * extra.square().mean()

    @torch.no_grad()
    def _ahead(self, batch: Any) -> Tensor:
        """The value of the state after each sample, [B]: 0 where the episode is over or nothing is legal."""
        values = torch.zeros(len(batch.dones))
        rows = ((batch.dones[:, 0] == 0) & (batch.next_observations["mask"] != 0).any(dim=1)).nonzero()[:, 0]
        if len(rows):
            obs = {key: value[rows] for key, value in batch.next_observations.items()}
            if self.recipe.double:
                best = self.q_net(obs).argmax(dim=1)
                values[rows] = self.q_net_target.net.at(obs["state"], obs["cards"], best)[0]
            else:
                values[rows] = self.q_net_target(obs).max(dim=1).values
        return values

    def rate(self) -> float:
        """Chance of a random slot now: 1 in the warm-up, then a straight line over the recipe's steps."""
        recipe = self.recipe
        if self.num_timesteps < recipe.warmup:
            return 1.0
        share = min(1.0, self.num_timesteps / (recipe.until * recipe.steps))
        return recipe.explore + share * (recipe.floor - recipe.explore)

    def predict(
        self,
        observation: dict[str, np.ndarray],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Legal slots [B] (a number for a single observation): the best ones, or with the chance `rate()`, a coin a
        row, random ones. Raises `InvalidAction` where none is legal."""
        mask = np.atleast_2d(observation["mask"]) != 0
        if not mask.any(axis=1).all():
            raise InvalidAction(
                f"row {mask.any(axis=1).argmin()} has no legal slot; the episode ended, or the mask is broken"
            )
        best, _ = self.policy.predict(observation, deterministic=True)
        if deterministic:
            return best, state
        coins, lots = self.dice.random(len(mask)), anything(mask, self.dice)
        chosen = np.where(coins < self.rate(), lots, best)
        return chosen.reshape(np.shape(best)), state

    def weights(self) -> dict[str, Tensor]:
        """A copy of the online network's weights, for `policyfile.save`."""
        return {name: value.detach().clone() for name, value in self.q_net.net.state_dict().items()}

    def _sample_action(self, *args: Any, **kwargs: Any) -> tuple[np.ndarray, np.ndarray]:
        slots, _ = self.predict(self._last_obs)
        mask = self._last_obs["mask"]
        self.illegal += int((mask[np.arange(len(slots)), slots] == 0).sum())
        return slots, slots

    def _on_step(self) -> None:
        """Nothing hangs on vector steps: the schedules count calls and updates."""
        self._n_calls += 1
        self.exploration_rate = self.rate()
        self.logger.record("rollout/exploration_rate", self.exploration_rate)


def make(
    env: VecEnv | spaces.Dict, recipe: Recipe, weights: Mapping[str, Tensor] | None = None, log: str | None = None
) -> MaskedDQN:
    """A learner for this environment, which it seeds with the recipe's seed; or, of an observation space alone, one of
    a single seat whose buffer is filled by hand and that can only `study`.

    `weights` begins both networks, `log` is a folder for TensorBoard. Raises `PoserError` where the weights are
    of another network.
    """
    model = MaskedDQN(env, recipe, log)
    if weights is not None:
        try:
            for net in (model.q_net, model.q_net_target):
                net.net.load_state_dict(dict(weights))
        except RuntimeError as error:
            line = str(error).splitlines()[-1].strip()
            raise PoserError(f"the weights are of another network ({line:.160}); begin without them") from None
    return model
