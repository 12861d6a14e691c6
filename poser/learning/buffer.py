"""The replay buffer: dictionary observations, n-step returns, legal actions only, a generator of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.buffers import DictReplayBuffer
from stable_baselines3.common.type_aliases import DictReplayBufferSamples

from poser.types import InvalidAction

ARRAYS = ("actions", "rewards", "dones", "timeouts")
"""Attributes of a buffer that are arrays [rows, environments, ...], beside both dictionaries of observations."""


class NStepBuffer(DictReplayBuffer):
    """Stores single steps in arrays [rows, environments, ...]. A sample is an n-step transition of one environment: the
    observation and action of its first step, the discounted sum of up to `n_steps` rewards, the observation after the
    last of them, and the discount of that observation's value (gamma ** steps, in `discounts`).

    The same samples as stable-baselines3's `NStepReplayBuffer`, which takes flat observations alone. Sums stop at an
    episode's end and at the newest row. With `handle_timeout_termination` an end that `TimeLimit.truncated` marks is no
    end for the bootstrap.

    Args:
        n_steps: rewards of a sample at most, >= 1; gamma: discount of a step, [0, 1].
        seed: of the generator that draws the samples.
        args, kwargs: as for `DictReplayBuffer`.
    """

    def __init__(self, *args: Any, n_steps: int = 1, gamma: float = 0.99, seed: Any = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.n_steps, self.gamma = n_steps, gamma
        self.rng = np.random.default_rng(seed)

    def add(
        self,
        obs: dict[str, np.ndarray],
        next_obs: dict[str, np.ndarray],
        action: np.ndarray,
        reward: np.ndarray,
        done: np.ndarray,
        infos: list[dict[str, Any]],
    ) -> None:
        """One step of every environment. Raises `InvalidAction`, and stores nothing, where the mask forbids an action
        or a state that goes on allows none."""
        slots = np.asarray(action).reshape(-1)
        forbidden = obs["mask"][np.arange(self.n_envs), slots] == 0
        if forbidden.any():
            raise InvalidAction(f"slot {slots[forbidden.argmax()]} is not legal; it is not stored")
        stuck = ~np.asarray(done, bool) & ~next_obs["mask"].any(axis=1)
        if stuck.any():
            raise InvalidAction(f"environment {stuck.argmax()} goes on without any legal slot")
        super().add(obs, next_obs, action, reward, done, infos)

    def sample(self, batch_size: int, env: Any = None) -> DictReplayBufferSamples:
        """A batch, drawn with replacement, evenly over all rows and environments."""
        rows = self.rng.integers(0, self.size(), batch_size)
        return self.gather(rows, self.rng.integers(0, self.n_envs, batch_size))

    def gather(self, rows: np.ndarray, envs: np.ndarray) -> DictReplayBufferSamples:
        """The samples that begin at these rows of these environments, int [B] and [B]."""
        ends = self._ends(rows, envs)
        steps = np.arange(self.n_steps)
        counted = steps <= ends[:, None]  # [B, n]
        rewards = self.rewards[(rows[:, None] + steps) % self.buffer_size, envs[:, None]]
        discounts = self.gamma ** steps.astype(np.float32)
        last = (rows + ends) % self.buffer_size
        over = self.dones[last, envs] * (1 - self.timeouts[last, envs])
        return DictReplayBufferSamples(
            observations={key: torch.from_numpy(values[rows, envs]) for key, values in self.observations.items()},
            actions=torch.from_numpy(self.actions[rows, envs]),
            next_observations={key: torch.from_numpy(v[last, envs]) for key, v in self.next_observations.items()},
            dones=torch.from_numpy(over.astype(np.float32)[:, None]),
            rewards=torch.from_numpy((rewards * discounts * counted).sum(axis=1, keepdims=True, dtype=np.float32)),
            discounts=torch.from_numpy((self.gamma ** counted.sum(axis=1, keepdims=True)).astype(np.float32)),
        )

    def _ends(self, rows: np.ndarray, envs: np.ndarray) -> np.ndarray:
        """How many rows after its first each sum ends, 0 .. n - 1."""
        ahead = (rows[:, None] + np.arange(self.n_steps)) % self.buffer_size  # [B, n]
        ended = (self.dones[ahead, envs[:, None]] + self.timeouts[ahead, envs[:, None]]) > 0
        stops = ended | (ahead == (self.pos - 1) % self.buffer_size)
        return np.where(stops.any(axis=1), stops.argmax(axis=1), self.n_steps - 1)
