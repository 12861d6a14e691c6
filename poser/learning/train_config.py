"""How a policy is trained: every number of `poser train`, checked, saved beside the weights.

Names are those of stable-baselines3 (`DQN`, `learn`) where the meaning is the same.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from poser.learned.extras import EXTRAS
from poser.types import Scope


class TrainConfig(BaseModel):
    """The settings of one training run.

    Attributes:
        algorithm: 'dqn' (`learner`), or 'ppo' (MaskablePPO of sb3-contrib, `ppo`): what is said of updates,
            exploration, target and buffer is for 'dqn' alone.
        network: 'slot' (one network scores every slot by its card) or 'flat' (a fixed head, the paper's).
        hidden_size: width of the hidden layers.
        extras: what the state tells beyond the two texts; remaining: whether the remaining commands are seen.
        cards: 'full', or 'identity' (a slot is its number).
        scopes: what an expert may be handed; stop: whether 'stop' may be chosen.
        reward: weights of the terms of `poser.reward`.
        max_price_second, max_price_usd: highest price of a second and of a dollar that a training task is given, in
            units of reward.
        total_timesteps: expert calls of the whole run; n_envs: episodes at once.
        learning_starts: calls before the first update, made at random.
        gamma: discount of the next step, [0, 1].
        n_steps: steps of reward before the bootstrap. More than 1 takes the random choices of exploration for the
            policy's own: on the embedded world, learning from the same records, 3 came to a held-out return of 1.9 on
            editing tasks where 1 came to 2.2.
        double_q: whether the online network picks the action of which the target network gives the value (double DQN).
        correction_penalty: weight in the loss of the mean square of what the slot network adds to a linear function of
            the card ('slot' alone; A of `SlotQ`).
        linear_lr_factor: learning rate of that linear function, as a multiple of `learning_rate`.
        learning_rate: of AdamW; batch_size: transitions an update.
        updates_per_step: gradient updates an expert call (update-to-data ratio).
        target_update_interval: updates between two copies to the target network (stable-baselines3 counts steps).
        exploration_initial_eps, exploration_final_eps: chance of a random action at the start and at the end.
        exploration_fraction: share of the run over which that chance falls in a straight line.
        buffer_size: transitions kept.
        rollout_steps: steps of every environment between two updates of 'ppo'; n_epochs: passes over them.
        gae_lambda: of its advantages; ent_coef: weight of the entropy in its loss.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithm: Literal["dqn", "ppo"] = "dqn"
    network: Literal["slot", "flat"] = "slot"
    hidden_size: int = Field(default=128, ge=1)
    extras: tuple[str, ...] = tuple(name for name in EXTRAS if name not in ("last", "saw", "left"))
    remaining: bool = True
    cards: Literal["full", "identity"] = "full"
    scopes: tuple[Scope, ...] = ("current", "all")
    stop: bool = True
    reward: dict[str, float] = Field(default_factory=lambda: {"progress": 1.0, "step": -0.02, "price": -1.0})
    max_price_second: float = Field(default=1.0, ge=0)
    max_price_usd: float = Field(default=10.0, ge=0)
    total_timesteps: int = Field(default=3000, ge=1)
    n_envs: int = Field(default=32, ge=1)
    seed: int = Field(default=0, ge=0)
    learning_starts: int = Field(default=256, ge=0)
    gamma: float = Field(default=0.9, ge=0, le=1)
    n_steps: int = Field(default=1, ge=1)
    double_q: bool = True
    correction_penalty: float = Field(default=1.0, ge=0)
    linear_lr_factor: float = Field(default=10.0, gt=0)
    learning_rate: float = Field(default=1e-3, gt=0)
    batch_size: int = Field(default=128, ge=1)
    updates_per_step: float = Field(default=0.5, gt=0)
    target_update_interval: int = Field(default=200, ge=1)
    exploration_initial_eps: float = Field(default=1.0, ge=0, le=1)
    exploration_final_eps: float = Field(default=0.2, ge=0, le=1)
    exploration_fraction: float = Field(default=0.9, gt=0, le=1)
    buffer_size: int = Field(default=20_000, ge=1)
    rollout_steps: int = Field(default=8, ge=1)
    n_epochs: int = Field(default=8, ge=1)
    gae_lambda: float = Field(default=0.95, ge=0, le=1)
    ent_coef: float = Field(default=0.01, ge=0)

    @property
    def allowed(self) -> tuple[Scope, ...]:
        """The scopes that may be chosen, 'stop' among them where it may."""
        return (*self.scopes, "stop") if self.stop else self.scopes


DQN = TrainConfig()
"""Ours."""
PPO = TrainConfig(algorithm="ppo")
"""Ours, learned by MaskablePPO."""
PAPER = TrainConfig(
    network="flat",
    extras=(),
    cards="identity",
    scopes=("current",),
    stop=False,
    reward={"score": 1.0, "step": -0.05, "price": -1.0},
    max_price_second=0.0,
    max_price_usd=0.0,
    n_steps=1,
    double_q=False,
)
"""The paper's: text alone as state, a three-layer network with a fixed head, the score less a penalty a step."""
TRAIN_CONFIGS = {"dqn": DQN, "paper-dqn": PAPER}
"""By the name of the policy that `poser train` learns."""
