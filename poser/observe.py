"""What a learned policy sees: the state as numbers, a row of numbers a slot, and the mask.

Columns of a slot are about its expert (what it can do, what it costs, what it is said to be, how it scored per kind of
command) and about how it fits this state. They do not depend on the slot's number, so one network serves any roster.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from experts.types import VERBS
from poser.actions import ActionSet
from poser.embed import Floats
from poser.encode import Encoder
from poser.types import Action, Command, State

if TYPE_CHECKING:
    from gymnasium.spaces import Dict

WORDS = 16
"""Numbers of a description: its embedding through one fixed random projection."""
_STATIC = ("stop", "text-to-image", "image-to-image", "current", "all", *(f"for:{v}" for v in VERBS), "seconds", "usd")
_FIT = ("fit", "fit?", "fits:mean", "fits:min", "fits?", "made", "made:all", "tried", "last", "again", "price")
Scores = Mapping[str, Mapping[str, float]]
"""Card id -> kind of command (`kind_of`) -> measured score [0, 1]; what was not measured is absent."""


def kind_of(command: Command) -> str:
    """The kind of a command: its verb; drawing is split by how much is asked for ('generate:3', in words / 10)."""
    if command.verb != "generate":
        return command.verb
    return f"generate:{min(4, len(command.wording.split()) // 10)}"


def _suits(scores: list[float], made: list[float]) -> list[float]:
    """The first seven columns of `_FIT`, from the scores (NaN: not measured) and 1 or 0 for 'made for it', a command
    each."""
    known = [score for score in scores if not math.isnan(score)]
    first = (scores[0], 1.0) if scores and not math.isnan(scores[0]) else (0.0, 0.0)
    mean, low = (sum(known) / len(known), min(known)) if known else (0.0, 0.0)
    count = max(1, len(scores))
    return [*first, mean, low, len(known) / count, made[0] if made else 0.0, sum(made) / count]


@dataclass(frozen=True)
class Observer:
    """States and their masks -> {'state': [B, D], 'cards': [B, K, F], 'mask': [B, K]}.

    Attributes:
        encoder: makes 'state'.
        actions: the K slots.
        scores: measured scores of the experts, by `probe`.
        identity: 'cards' is the slot's number, one-hot, and nothing else (the ablation without cards).
    """

    encoder: Encoder
    actions: ActionSet
    scores: Scores = field(default_factory=dict)
    identity: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """One name a column of 'cards'."""
        if self.identity:
            return tuple(str(action) for action in self.actions.slots)
        return (*_STATIC, *(f"words:{k}" for k in range(WORDS)), *_FIT)

    @property
    def digest(self) -> str:
        """sha256 of what decides the columns' meaning, hexadecimal; experts and their scores do not."""
        slots = self.names if self.identity else (*_STATIC, WORDS, *_FIT)
        return hashlib.sha256(repr((self.encoder.digest, slots, 1)).encode()).hexdigest()

    @property
    def space(self) -> Dict:
        """The observation space of one environment: float32 boxes and a MultiBinary mask."""
        from gymnasium import spaces

        slots, box = len(self.actions.slots), lambda *shape: spaces.Box(-np.inf, np.inf, shape, np.float32)
        parts = {"state": box(self.encoder.dim), "cards": box(slots, len(self.names))}
        return spaces.Dict({**parts, "mask": spaces.MultiBinary(slots)})

    @cached_property
    def _fixed(self) -> Floats:
        """[K, columns that no state changes]."""
        if self.identity:
            return np.eye(len(self.actions.slots), dtype=np.float32)
        return np.stack([self._static(action) for action in self.actions.slots])

    def _static(self, action: Action) -> Floats:
        if action.expert is None:
            return np.asarray([1.0] + [0.0] * (len(_STATIC) - 1 + WORDS), np.float32)
        card = self.actions.cards[action.expert]
        embedder = self.encoder.embedder
        mix = np.random.default_rng(0).standard_normal((embedder.dim, WORDS)) / math.sqrt(WORDS)
        mode = [float(card.mode == mode) for mode in ("text-to-image", "image-to-image")]
        scope = [float(action.scope == scope) for scope in ("current", "all")]
        verbs = [float(verb in card.verbs) for verb in VERBS]
        cost = [math.log1p(card.seconds), math.log1p(100 * card.usd)]
        words = embedder.embed([card.description])[0] @ mix
        return np.asarray([0.0, *mode, *scope, *verbs, *cost, *words], np.float32)

    def _fits(self, state: State) -> list[list[float]]:
        """A row a slot, how it fits a state: measured and declared, what it did here before, what it costs here."""
        pending, price, last = state.plan.pending, state.task.price, state.last
        kinds = [kind_of(command) for command in pending]
        rows: dict[Action, list[float]] = {}
        for name, card in self.actions.cards.items():
            own = self.scores.get(name, {})
            scores = [own.get(kind, math.nan) for kind in kinds]
            made = [float(command.verb in card.verbs) for command in pending]
            before = [state.tried.count(name) / 3, float(last is not None and last.expert == name)]
            cost = math.log1p(price.second * card.seconds + price.usd * card.usd)
            for scope, count in (("current", 1), ("all", len(kinds))):
                action = Action(name, scope)  # type: ignore[arg-type]
                rows[action] = [*_suits(scores[:count], made[:count]), *before, float(last == action), cost]
        nothing = [0.0] * len(_FIT)
        return [rows.get(action, nothing) for action in self.actions.slots]

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> dict[str, Any]:
        """float32 [B, D] and [B, K, F], int8 [B, K]; columns of illegal slots are filled as any others."""
        rows = np.repeat(self._fixed[None], len(states), axis=0)
        if not self.identity:
            fits = [self._fits(state) for state in states]
            shape = (len(states), len(self.actions.slots), len(_FIT))
            rows = np.concatenate([rows, np.asarray(fits, np.float32).reshape(shape)], axis=2)
        return {"state": self.encoder(states), "cards": rows, "mask": np.asarray(mask, np.int8)}
