"""A world that is learned in seconds: one legal slot is right at each turn; the card says so, or the text does."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from poser.learning.train_config import TrainConfig

SLOTS, KINDS, TEXT = 5, 3, 32
CARDS = 1 + KINDS
PROTOTYPES = np.random.default_rng(7).standard_normal((KINDS, TEXT))
CONFIG = TrainConfig(
    updates_per_step=1.0,
    extras=("turn",),
    total_timesteps=1000,
    n_envs=4,
    learning_starts=64,
    batch_size=32,
    hidden_size=32,
    target_update_interval=50,
    buffer_size=2000,
    exploration_fraction=0.6,
    seed=3,
)


class Echo(VecEnv):
    """Reward 1 for the right slot, 0 for any other; episodes have 1 to 3 turns, the third is cut off by the budget.

    `right`: 'card' (column 0 of its card is 1) or 'text' (its card's kind is that of the text).
    `masked`: whether only some slots are legal. Whoever takes an illegal one fails the test.
    """

    def __init__(self, n_envs: int = 4, right: str = "card", masked: bool = True) -> None:
        self.right, self.masked, self.render_mode = right, masked, None
        box = {"state": (TEXT + 1,), "cards": (SLOTS, CARDS)}
        parts: dict[str, Any] = {name: spaces.Box(-np.inf, np.inf, shape, np.float32) for name, shape in box.items()}
        super().__init__(n_envs, spaces.Dict({**parts, "mask": spaces.MultiBinary(SLOTS)}), spaces.Discrete(SLOTS))
        self.taken: list[list[int]] = [[] for _ in range(n_envs)]

    def seed(self, seed: int | None = None) -> list[int | None]:
        self.rngs = [np.random.default_rng((seed or 0, k)) for k in range(self.num_envs)]
        return [seed]

    def reset(self) -> dict[str, np.ndarray]:
        self.before, self.seen, self.taken = [{}] * self.num_envs, [{}] * self.num_envs, [[]] * self.num_envs
        for k in range(self.num_envs):
            self._begin(k)
        return self._all()

    def _begin(self, k: int) -> None:
        self.before[k], self.taken[k] = self.rngs[k].bit_generator.state, []
        self.seen[k] = self._draw(k)

    def _draw(self, k: int) -> dict[str, np.ndarray]:
        """One environment's observation; its right slot is legal."""
        rng = self.rngs[k]
        right, kind = int(rng.integers(SLOTS)), int(rng.integers(KINDS))
        mask = (rng.random(SLOTS) < 0.5) if self.masked else np.ones(SLOTS, bool)
        mask[right] = True
        kinds = (kind + 1 + rng.integers(KINDS - 1, size=SLOTS)) % KINDS
        kinds[right] = kind
        cards = np.zeros((SLOTS, CARDS), np.float32)
        cards[:, 1:] = np.eye(KINDS)[kinds]
        cards[:, 0] = np.eye(SLOTS)[right] if self.right == "card" else rng.random(SLOTS)
        text = PROTOTYPES[kind] + 0.3 * rng.standard_normal(TEXT)
        state = [*text / np.linalg.norm(text), len(self.taken[k]) / 3]
        return {"state": np.asarray(state, np.float32), "cards": cards, "mask": mask.astype(np.int8)}

    def _all(self) -> dict[str, np.ndarray]:
        return {name: np.stack([row[name] for row in self.seen]) for name in self.observation_space.spaces}

    def best(self, seen: dict[str, np.ndarray]) -> np.ndarray:
        """The right slots."""
        if self.right == "card":
            return seen["cards"][..., 0].argmax(axis=-1)
        kind = (seen["state"][..., :TEXT] @ PROTOTYPES.T).argmax(axis=-1)
        return np.where(
            seen["mask"] > 0, np.take_along_axis(seen["cards"][..., 1:], kind[:, None, None], 2)[..., 0], -1
        ).argmax(axis=-1)

    def step_async(self, actions: np.ndarray) -> None:
        self.chosen = [int(slot) for slot in actions]

    def _take(self, k: int, slot: int) -> tuple[float, bool, bool]:
        """Reward, ended, cut off."""
        seen = self.seen[k]
        assert seen["mask"][slot], f"environment {k} took slot {slot}, which is illegal"
        right = self.best({name: value[None] for name, value in seen.items()})[0] == slot
        self.taken[k].append(slot)
        cut = len(self.taken[k]) == 3
        ended = bool(self.rngs[k].random() < 0.3) and not cut
        self.seen[k] = self._draw(k)
        return float(right), ended, cut

    def step_wait(self) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, list[dict[str, Any]]]:
        rewards, dones, infos = [], [], []
        for k, slot in enumerate(self.chosen):
            reward, ended, cut = self._take(k, slot)
            info: dict[str, Any] = {"TimeLimit.truncated": cut}
            if ended or cut:
                last = {**self.seen[k]}
                if ended:
                    last["mask"] = np.zeros(SLOTS, np.int8)
                info |= {"terminal_observation": last, "episode": {"r": reward, "l": len(self.taken[k]), "t": 0.0}}
                self._begin(k)
            rewards.append(reward)
            dones.append(ended or cut)
            infos.append(info)
        return self._all(), np.asarray(rewards, np.float32), np.asarray(dones), infos

    def state(self) -> dict[str, Any]:
        return {"episodes": [{"rng": b, "slots": list(t)} for b, t in zip(self.before, self.taken, strict=True)]}

    def restore(self, data: dict[str, Any]) -> None:
        self.reset()
        for k, row in enumerate(data["episodes"]):
            self.rngs[k].bit_generator.state = row["rng"]
            self._begin(k)
            for slot in row["slots"]:
                self._take(k, slot)

    def close(self) -> None:
        pass

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise AttributeError(attr_name)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        raise AttributeError(method_name)

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs
