"""How a policy is trained: every number of `poser train`, checked, saved beside the weights."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from poser.learned.encode import EXTRAS
from poser.types import Scope


class Recipe(BaseModel):
    """The settings of one training run.

    Attributes:
        network: 'slot' (one network scores every slot by its card) or 'flat' (a fixed head, the paper's).
        extras: what the state tells beyond the two texts; remaining: whether the remaining commands are seen.
        cards: 'full', or 'identity' (a slot is its number).
        scopes: what an expert may be handed; stop: whether 'stop' may be chosen.
        reward: weights of the terms of `poser.reward`.
        second, usd: highest price of a second and a dollar drawn in training, in units of reward.
        steps: expert calls of the whole run; seats: episodes at once.
        warmup: calls before the first update, made at random.
        discount: of the next step, [0, 1]; n_steps: steps of reward before the bootstrap (more than 1 takes the random
            choices of exploration for the policy's own: on the embedded world, learning from the same records, 3 came
            to a held-out return of 1.9 on editing tasks where 1 came to 2.2); double: double Q.
        shrink: pull towards 0 of what the network adds to a linear function of the cards ('slot' only); lead: that
            function learns so many times as fast (`network.SlotQ`).
        rate, batch, updates: Adam's learning rate, transitions of an update, updates a call.
        hidden: width of the hidden layers; target: updates between copies to the target network.
        explore, floor, until: chance of a random action at the start and at the end, share of the run over which it
            falls in a straight line.
        buffer: transitions kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: Literal["slot", "flat"] = "slot"
    extras: tuple[str, ...] = tuple(name for name in EXTRAS if name != "last")
    remaining: bool = True
    cards: Literal["full", "identity"] = "full"
    scopes: tuple[Scope, ...] = ("current", "all")
    stop: bool = True
    reward: dict[str, float] = Field(default_factory=lambda: {"progress": 1.0, "step": -0.02, "price": -1.0})
    second: float = Field(default=1.0, ge=0)
    usd: float = Field(default=10.0, ge=0)
    steps: int = Field(default=3000, ge=1)
    seats: int = Field(default=32, ge=1)
    seed: int = Field(default=0, ge=0)
    warmup: int = Field(default=256, ge=0)
    discount: float = Field(default=0.9, ge=0, le=1)
    n_steps: int = Field(default=1, ge=1)
    double: bool = True
    shrink: float = Field(default=1.0, ge=0)
    lead: float = Field(default=10.0, gt=0)
    rate: float = Field(default=1e-3, gt=0)
    batch: int = Field(default=128, ge=1)
    updates: float = Field(default=0.5, gt=0)
    hidden: int = Field(default=128, ge=1)
    target: int = Field(default=200, ge=1)
    explore: float = Field(default=1.0, ge=0, le=1)
    floor: float = Field(default=0.2, ge=0, le=1)
    until: float = Field(default=0.9, gt=0, le=1)
    buffer: int = Field(default=20_000, ge=1)


DQN = Recipe()
"""Ours."""
PAPER = Recipe(
    network="flat",
    extras=(),
    cards="identity",
    scopes=("current",),
    stop=False,
    reward={"score": 1.0, "step": -0.05, "price": -1.0},
    second=0.0,
    usd=0.0,
    n_steps=1,
    double=False,
)
"""The paper's: text alone as state, a three-layer network with a fixed head, the score less a penalty a step."""
RECIPES = {"dqn": DQN, "paper-dqn": PAPER}
