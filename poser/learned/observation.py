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
from poser.learned.embedders import Floats
from poser.learned.encode import Encoder
from poser.types import Action, Command, State

if TYPE_CHECKING:
    from gymnasium.spaces import Dict

WORDS = 16
"""Numbers of a description: its embedding through one fixed random projection."""
_OWN = (*(f"for:{verb}" for verb in VERBS), *(f"words:{k}" for k in range(WORDS)))
_SHARED = ("stop", "text-to-image", "image-to-image", "current", "all", "seconds", "usd")
_FIT = ("fit", "fit?", "fits:mean", "fits:min", "fits?", "made", "made:all", "tried", "last", "again", "price")
_MORE = ("draws:more", "edits:more")
OWN = len(_OWN)
"""The first columns tell experts apart: what each was made for and what is said of it."""
FIT = len(_OWN + _SHARED)
"""The column 'fit': an expert's measured score for what it would be handed, or for the first of several commands."""
Scores = Mapping[str, Mapping[str, float]]
"""Card id -> kind of command (`kind_of`) -> measured score [0, 1]; what was not measured is absent."""


def kind_of(command: Command) -> str:
    """The kind of a command: its verb; drawing is split by how much is asked for ('generate:3', in words / 10)."""
    return _drawing((command,)) if command.verb == "generate" else command.verb


def _drawing(told: Sequence[Command]) -> str:
    """The kind of drawing all of this at once."""
    return f"generate:{min(4, sum(len(command.wording.split()) for command in told) // 10)}"


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
        return (*_OWN, *_SHARED, *_FIT, *_MORE)

    @property
    def digest(self) -> str:
        """sha256 of what decides the columns' meaning, hexadecimal; experts and their scores do not."""
        slots = self.names if self.identity else (*_OWN, *_SHARED, *_FIT, *_MORE)
        return hashlib.sha256(repr((self.encoder.digest, slots, 2)).encode()).hexdigest()

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
            return np.asarray([0.0] * OWN + [1.0] + [0.0] * (len(_SHARED) - 1), np.float32)
        card = self.actions.cards[action.expert]
        embedder = self.encoder.embedder
        mix = np.random.default_rng(0).standard_normal((embedder.dim, WORDS)) / math.sqrt(WORDS)
        mode = [float(card.mode == mode) for mode in ("text-to-image", "image-to-image")]
        scope = [float(action.scope == scope) for scope in ("current", "all")]
        verbs = [float(verb in card.verbs) for verb in VERBS]
        cost = [math.log1p(card.seconds), math.log1p(100 * card.usd)]
        words = embedder.embed([card.description])[0] @ mix
        return np.asarray([*verbs, *words, 0.0, *mode, *scope, *cost], np.float32)

    def _fits(self, state: State) -> list[list[float]]:
        """A row a slot, how it fits a state: measured and declared, what it did here before, what it costs here, how
        many commands more than one it is handed. Whoever draws is handed what is done, too, as one drawing."""
        pending, price, last = state.plan.pending, state.task.price, state.last
        handed = {"current": pending[:1], "all": pending}
        kinds = {
            (scope, draws): [_drawing((*state.plan.done, *told))] if draws else [kind_of(command) for command in told]
            for scope, told in handed.items()
            for draws in (True, False)
        }
        rows: dict[Action, list[float]] = {}
        for name, card in self.actions.cards.items():
            own, draws = self.scores.get(name, {}), card.mode == "text-to-image"
            before = [state.tried.count(name) / 3, float(last is not None and last.expert == name)]
            cost = math.log1p(price.second * card.seconds + price.usd * card.usd)
            for scope, told in handed.items():
                action = Action(name, scope)  # type: ignore[arg-type]
                made = [float("generate" in card.verbs)] if draws else [float(c.verb in card.verbs) for c in told]
                more = min(1.0, max(0, len(told) - 1) / 4)
                suits = _suits([own.get(kind, math.nan) for kind in kinds[scope, draws]], made)
                rows[action] = [*suits, *before, float(last == action), cost, more * draws, more * (not draws)]
        nothing = [0.0] * len(_FIT + _MORE)
        return [rows.get(action, nothing) for action in self.actions.slots]

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> dict[str, Any]:
        """float32 [B, D] and [B, K, F], int8 [B, K]; columns of illegal slots are filled as any others."""
        rows = np.repeat(self._fixed[None], len(states), axis=0)
        if not self.identity:
            fits = [self._fits(state) for state in states]
            shape = (len(states), len(self.actions.slots), len(_FIT + _MORE))
            rows = np.concatenate([rows, np.asarray(fits, np.float32).reshape(shape)], axis=2)
        return {"state": self.encoder(states), "cards": rows, "mask": np.asarray(mask, np.int8)}
