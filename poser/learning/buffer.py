"""The replay buffer: dictionary observations, n-step returns, legal actions only, a generator of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.buffers import DictReplayBuffer
from stable_baselines3.common.type_aliases import DictReplayBufferSamples

from poser.types import InvalidAction

ARRAYS = ("actions", "rewards", "dones", "timeouts")


class NStepBuffer(DictReplayBuffer):
    """Stores single steps, [rows, seats, ...]; a sample is the discounted sum of up to `n_steps` rewards of one seat,
    the observation after the last of them, and that one's discount (gamma ** steps, in `discounts`).

    The same samples as stable-baselines3's `NStepReplayBuffer` for flat observations. Sums stop at an episode's end and
    at the newest row. With `handle_timeout_termination` an end that `TimeLimit.truncated` marks is no end for the
    bootstrap.
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
        """One step of every seat. Raises `InvalidAction`, and stores nothing, where the mask forbids an action or a
        state that goes on allows none."""
        slots = np.asarray(action).reshape(-1)
        forbidden = obs["mask"][np.arange(self.n_envs), slots] == 0
        if forbidden.any():
            raise InvalidAction(f"slot {slots[forbidden.argmax()]} is not legal; it is not stored")
        stuck = ~np.asarray(done, bool) & ~next_obs["mask"].any(axis=1)
        if stuck.any():
            raise InvalidAction(f"seat {stuck.argmax()} goes on without any legal slot")
        super().add(obs, next_obs, action, reward, done, infos)

    def sample(self, batch_size: int, env: Any = None) -> DictReplayBufferSamples:
        """A batch, drawn with replacement, evenly over all rows and seats."""
        rows = self.rng.integers(0, self.size(), batch_size)
        return self.gather(rows, self.rng.integers(0, self.n_envs, batch_size))

    def gather(self, rows: np.ndarray, seats: np.ndarray) -> DictReplayBufferSamples:
        """The samples that begin at these rows of these seats."""
        ends = self._ends(rows, seats)
        steps = np.arange(self.n_steps)
        counted = steps <= ends[:, None]  # [B, n]
        rewards = self.rewards[(rows[:, None] + steps) % self.buffer_size, seats[:, None]]
        discounts = self.gamma ** steps.astype(np.float32)
        last = (rows + ends) % self.buffer_size
        over = self.dones[last, seats] * (1 - self.timeouts[last, seats])
        return DictReplayBufferSamples(
            observations={key: torch.from_numpy(values[rows, seats]) for key, values in self.observations.items()},
            actions=torch.from_numpy(self.actions[rows, seats]),
            next_observations={key: torch.from_numpy(v[last, seats]) for key, v in self.next_observations.items()},
            dones=torch.from_numpy(over.astype(np.float32)[:, None]),
            rewards=torch.from_numpy((rewards * discounts * counted).sum(axis=1, keepdims=True, dtype=np.float32)),
            discounts=torch.from_numpy((self.gamma ** counted.sum(axis=1, keepdims=True)).astype(np.float32)),
        )

    def _ends(self, rows: np.ndarray, seats: np.ndarray) -> np.ndarray:
        """Steps from each row to the last one that its sum takes in, 0 .. n - 1."""
        ahead = (rows[:, None] + np.arange(self.n_steps)) % self.buffer_size  # [B, n]
        ended = (self.dones[ahead, seats[:, None]] + self.timeouts[ahead, seats[:, None]]) > 0
        stops = ended | (ahead == (self.pos - 1) % self.buffer_size)
        return np.where(stops.any(axis=1), stops.argmax(axis=1), self.n_steps - 1)
