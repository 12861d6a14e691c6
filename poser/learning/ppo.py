"""MaskablePPO of sb3-contrib over the network of ours: its scores are the logits, so what it learns is a policy file.

Masks are read from the observation, in the choice and in the loss; the state's value has a small network of its own,
which is not written. It is the field's standard on-policy learner, here to be compared with (`poser train --algorithm
ppo`); a run that was cut off begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.distributions import MaskableDistribution
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn

from poser.learned import network
from poser.learned.network import NetworkShape
from poser.learning.learner import OnTurn, shape_of
from poser.learning.train_config import TrainConfig


class _Policy(MaskableActorCriticPolicy):
    """Logits of the shared network over masked slots, and a value of the state."""

    def __init__(self, *args: Any, shape: NetworkShape, **kwargs: Any) -> None:
        self.shape = shape
        super().__init__(*args, **kwargs)

    def _build(self, lr_schedule: Any) -> None:
        self.net = network.build(self.shape)
        size = self.shape.hidden_size
        self.value_net = nn.Sequential(nn.Linear(self.shape.state_columns, size), nn.ReLU(), nn.Linear(size, 1))
        self.optimizer = torch.optim.AdamW(self.parameters(), lr=lr_schedule(1))

    def _over(self, obs: Mapping[str, Tensor]) -> MaskableDistribution:
        scores = self.net(obs["state"].float(), obs["cards"].float())
        found = self.action_dist.proba_distribution(action_logits=scores)
        found.apply_masking((obs["mask"] != 0).cpu().numpy())
        return found

    def get_distribution(self, obs: Any, action_masks: Any = None) -> MaskableDistribution:
        return self._over(obs)

    def predict_values(self, obs: Any) -> Tensor:
        found: Tensor = self.value_net(obs["state"].float())
        return found

    def forward(self, obs: Any, deterministic: bool = False, action_masks: Any = None) -> tuple[Tensor, Tensor, Tensor]:
        found = self._over(obs)
        actions = found.get_actions(deterministic=deterministic)
        return actions, self.predict_values(obs), found.log_prob(actions)

    def evaluate_actions(
        self, obs: Any, actions: Tensor, action_masks: Any = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        found = self._over(obs)
        return self.predict_values(obs), found.log_prob(actions), found.entropy()


class MaskedPPO(MaskablePPO):
    """A masked PPO over `Observer`'s observations, with the parts that a training run asks of its learner.

    Args:
        env: the environment, which is seeded with the config's seed.
        config: its settings; weights: of the network at the start, None: fresh ones.
        log: a folder for TensorBoard files; None: none are written.
    """

    def __init__(
        self, env: VecEnv, config: TrainConfig, weights: Mapping[str, Tensor] | None = None, log: str | None = None
    ) -> None:
        space: Any = env.observation_space
        self.config, self.shape = config, shape_of(space, config)
        self._on_turn: OnTurn | None = None
        self._going = True
        steps = max(1, min(config.rollout_steps, config.total_timesteps // env.num_envs))
        super().__init__(
            _Policy,
            env,
            learning_rate=config.learning_rate,
            n_steps=steps,
            batch_size=min(config.batch_size, steps * env.num_envs),
            n_epochs=config.n_epochs,
            gamma=config.gamma,
            gae_lambda=config.gae_lambda,
            ent_coef=config.ent_coef,
            policy_kwargs={"shape": self.shape, "normalize_images": False},
            seed=config.seed,
            tensorboard_log=log,
            device="cpu",
        )
        if weights is not None:
            self.policy.net.load_state_dict(dict(weights))

    def advance(self, until: int | None = None, on_turn: OnTurn | None = None, callback: Any = None) -> MaskedPPO:
        """Goes on until `until` calls have been made in all (None: the config's `total_timesteps`), and no more than
        that where it is one rollout at least; `on_turn` is called after every update, and ends the run by returning
        False."""
        until, rollout = self.config.total_timesteps if until is None else until, self.n_steps * self.n_envs
        more = max(rollout, until - until % rollout) - self.num_timesteps
        self._on_turn, self._going = on_turn, True
        if more > 0:
            self.learn(more, callback, reset_num_timesteps=False)
        return self

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> bool:
        """As sb3-contrib's; nothing more once the run was ended."""
        return self._going and bool(super().collect_rollouts(*args, **kwargs))

    def train(self) -> None:
        """An update on what was collected."""
        super().train()
        self._going = self._on_turn is None or self._on_turn(self) is not False

    def epsilon(self) -> float:
        """Mean chance of a slot other than the most likely one in the last rollout: its exploration, [0, 1]."""
        rows = {name: torch.as_tensor(value) for name, value in dict(self._last_obs or {}).items()}
        if not rows:
            return 1.0
        with torch.no_grad():
            chances = self.policy._over(rows).distribution.probs
        return float(np.mean(1 - chances.max(dim=1).values.numpy()))

    def weights(self) -> dict[str, Tensor]:
        """A copy of the weights that score the slots, for `policy_file.save`."""
        return {name: value.detach().clone() for name, value in self.policy.net.state_dict().items()}
