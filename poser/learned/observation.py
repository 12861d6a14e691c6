"""What a learned policy sees: the state as one row of numbers, every slot as a row of numbers, and the mask.

`Encoder` makes the row of a state: the embedded current command, the embedded remaining commands (the paper's
observation) and named extras. `Observer` adds a row a slot (its card): what the expert is for, what it costs, how it is
described, how it scored per kind of command, and how it fits this state. A slot's columns do not depend on the slot's
number, so one network serves any roster.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from experts.poster.scene import caption
from experts.types import VERBS
from poser.actions import ActionSet, carried_out
from poser.learned.embedders import Embedder, Floats
from poser.learned.extras import COLUMNS, EXTRAS, known
from poser.types import Action, Command, PoserError, State

if TYPE_CHECKING:
    from gymnasium.spaces import Dict

Observation = dict[str, np.ndarray]
"""'state' float32 [B, D], 'cards' float32 [B, K, F], 'mask' int8 [B, K]; of a single environment without B."""
Scores = Mapping[str, Mapping[str, float]]
"""Card id -> kind of command (`kind_of`, or 'all') -> measured score [0, 1]; what was not measured is absent."""


def text_columns(state_columns: int, extras: Sequence[str]) -> int:
    """How many of the columns of a state are text embeddings: all but those of the extras, at least 0."""
    return max(0, state_columns - sum(len(COLUMNS[extra][0]) for extra in extras))


@dataclass(frozen=True)
class Encoder:
    """States -> float32 [B, D]: embed(current command), embed(remaining commands) and, if wanted, named extras.

    Attributes:
        embedder: the text embedder; the encoder is a pure function given it.
        extras: names of `extras.EXTRAS`, in the order of their columns: turn (of the budget's steps), attempts
            a / (1 + a), last (scope, 8 signs of the expert's id), scores (of the last critique: the step's, mean of the
            earlier commands', kept; each with a flag, both 0 without a verdict), spent (USD and seconds of the budget,
            0 without a limit), has_image, value, price (of a second, of a dollar: p / (1 + p)), plan (done, pending,
            words, verbs), saw (what the critic saw in the picture that is there), left (calls, edits so far, whether a
            picture was given). All in [-1, 1], turn apart where an episode outlasts its budget, and plan, saw and left
            in long prompts.
        remaining: whether the remaining commands are seen (without, the ablation: their columns are 0).

    Raises `PoserError` for an unknown or repeated extra.
    """

    embedder: Embedder
    extras: tuple[str, ...] = field(default=())
    remaining: bool = True

    def __post_init__(self) -> None:
        for name in self.extras:
            if name not in COLUMNS:
                raise PoserError(f"no extra {name!r}; extras are {', '.join(EXTRAS)}")
        if len(set(self.extras)) < len(self.extras):
            raise PoserError(f"extras {', '.join(self.extras)}: one stands there twice; name each once")

    @property
    def names(self) -> tuple[str, ...]:
        """One name a column."""
        texts = [f"{text}:{k}" for text in ("current", "remaining") for k in range(self.embedder.dim)]
        return (*texts, *(name for extra in self.extras for name in COLUMNS[extra][0]))

    @property
    def dim(self) -> int:
        """D, the number of columns."""
        return 2 * self.embedder.dim + sum(len(COLUMNS[extra][0]) for extra in self.extras)

    @property
    def digest(self) -> str:
        """sha256 of what decides the columns' meaning, hexadecimal: a policy fits observations of its own digest."""
        parts = (self.embedder.id, self.embedder.dim, self.extras, self.remaining, 2)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def __call__(self, states: Sequence[State]) -> Floats:
        """float32 [B, D]; zeros where a state has no current or no remaining command."""
        width = self.embedder.dim
        table = np.zeros((len(states), self.dim), np.float32)
        texts: list[str] = []
        for row, state in zip(table, states, strict=True):
            remaining = "; ".join(command.wording for command in state.plan.remaining) if self.remaining else ""
            texts += [state.plan.current.wording if state.plan.current else "", remaining]
            row[2 * width :] = [number for extra in self.extras for number in COLUMNS[extra][1](state)]
        if present := [k for k, text in enumerate(texts) if text]:
            halves = table[:, : 2 * width].reshape(-1, width)  # a copy: rows of `table` are wider
            halves[present] = self.embedder.embed([texts[k] for k in present])
            table[:, : 2 * width] = halves.reshape(len(states), -1)
        return table


DESCRIPTION_COLUMNS = 16
"""Columns of an expert's description: its embedding through one fixed random projection."""
_IDENTITY = (*(f"for:{verb}" for verb in VERBS), *(f"words:{k}" for k in range(DESCRIPTION_COLUMNS)))
_GENERAL = ("stop", "text-to-image", "image-to-image", "current", "all", "seconds", "usd")
_FIT = ("fit", "fit?", "fits:mean", "fits:min", "fits?", "made", "made:all", "tried", "last", "again", "price")
_MORE = ("draws:more", "edits:more")
_CARD = (*_IDENTITY, *_GENERAL, *_FIT, *_MORE)
IDENTITY_COLUMNS = len(_IDENTITY)
"""So many first columns of a card tell experts apart: the verbs that each was made for, and its description."""
SCORE_COLUMN = _CARD.index("fit")
"""The column of an expert's skill for what it would be handed: for several commands in one edit that for kind 'all', or
where that is not known, for the first of them."""


def kind_of(command: Command) -> str:
    """The kind of a command: its verb; drawing is split by how much is asked for ('generate:3', in words / 10)."""
    return kind_of_drawing((command,)) if command.verb == "generate" else command.verb


def kind_of_drawing(commands: Sequence[Command], given: str = "") -> str:
    """The kind of drawing all of these commands as one picture, after what is read in a `given` one."""
    words = len(given.split()) + sum(len(command.wording.split()) for command in commands)
    return f"generate:{min(4, words // 10)}"


def _fit(scores: list[float], made: list[float], together: float) -> list[float]:
    """The first seven columns of `_FIT`.

    Args:
        scores: the expert's skill for each command that it would be handed, NaN where it was not measured.
        made: 1 or 0 for each of these commands: whether the card says that the expert was made for its verb.
        together: its skill for several commands in one edit, NaN where it is not known or where there is only one.
    """
    measured = [score for score in scores if not math.isnan(score)]
    first = known(together) if not math.isnan(together) or not scores else known(scores[0])
    mean, low = (sum(measured) / len(measured), min(measured)) if measured else (0.0, 0.0)
    count = max(1, len(scores))
    return [*first, mean, low, len(measured) / count, made[0] if made else 0.0, sum(made) / count]


@dataclass(frozen=True)
class Observer:
    """States -> `Observation`: 'state' float32 [B, D], 'cards' float32 [B, K, F], 'mask' int8 [B, K].

    Attributes:
        encoder: makes 'state'.
        actions: the K slots; an environment's observer has the action set of its transition.
        scores: measured scores of the experts (`poser.learning.probe`); they win over the skills of the cards.
        identity: 'cards' is the slot's number, one-hot, and nothing else (the ablation without cards).
    """

    encoder: Encoder
    actions: ActionSet
    scores: Scores = field(default_factory=dict)
    identity: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """One name a column of 'cards'."""
        return tuple(str(action) for action in self.actions.slots) if self.identity else _CARD

    @property
    def digest(self) -> str:
        """sha256 of what decides the columns' meaning, hexadecimal; experts and their scores do not."""
        return hashlib.sha256(repr((self.encoder.digest, self.names, 2)).encode()).hexdigest()

    @property
    def space(self) -> Dict:
        """The observation space of one environment: float32 boxes and a MultiBinary mask."""
        from gymnasium import spaces

        slots, box = len(self.actions.slots), lambda *shape: spaces.Box(-np.inf, np.inf, shape, np.float32)
        parts = {"state": box(self.encoder.dim), "cards": box(slots, len(self.names))}
        return spaces.Dict({**parts, "mask": spaces.MultiBinary(slots)})

    def __call__(self, states: Sequence[State], mask: np.ndarray | None = None) -> Observation:
        """The observation of a batch of B states, its mask included.

        `mask`, [B, K], is given by whoever has computed or narrowed it already; None: the action set's. Columns of
        illegal slots are filled like those of any others.
        """
        cards = np.repeat(self._constant_columns[None], len(states), axis=0)
        if not self.identity:
            shape = (len(states), len(self.actions.slots), len(_FIT + _MORE))
            fits = np.asarray([self._state_columns(state) for state in states], np.float32).reshape(shape)
            cards = np.concatenate([cards, fits], axis=2)
        mask = self.actions.mask(states) if mask is None else mask
        return {"state": self.encoder(states), "cards": cards, "mask": np.asarray(mask, np.int8)}

    @cached_property
    def _constant_columns(self) -> Floats:
        """The columns that no state changes, float32 [K, ...]."""
        if self.identity:
            return np.eye(len(self.actions.slots), dtype=np.float32)
        return np.stack([self._about(action) for action in self.actions.slots])

    def _about(self, action: Action) -> Floats:
        """The constant columns of one slot."""
        if action.expert is None:
            return np.asarray([0.0] * IDENTITY_COLUMNS + [1.0] + [0.0] * (len(_GENERAL) - 1), np.float32)
        card, embedder = self.actions.cards[action.expert], self.encoder.embedder
        shape = (embedder.dim, DESCRIPTION_COLUMNS)
        projection = np.random.default_rng(0).standard_normal(shape) / math.sqrt(DESCRIPTION_COLUMNS)
        verbs = [float(verb in card.verbs) for verb in VERBS]
        description = embedder.embed([card.description])[0] @ projection
        mode = [float(card.mode == mode) for mode in ("text-to-image", "image-to-image")]
        scope = [float(action.scope == scope) for scope in ("current", "all")]
        cost = [math.log1p(card.seconds), math.log1p(100 * card.usd)]
        return np.asarray([*verbs, *description, 0.0, *mode, *scope, *cost], np.float32)

    def _state_columns(self, state: State) -> list[list[float]]:
        """A row a slot, how it fits this state: its expert's skills and declared verbs for what it would be handed,
        what was tried here before, what the call costs at the task's prices, and how many commands beyond the first it
        would be handed ((n - 1) / 4, at most 1).

        A text-to-image expert draws what is done already as well, all as one picture.
        """
        price, last, scopes = state.task.price, state.last, self.actions.scopes
        own_commands = {scope: carried_out(state.plan, scope) for scope in scopes}
        given = caption(state.seen) if state.task.image is not None and state.seen is not None else ""
        drawn = {scope: [kind_of_drawing((*state.plan.done, *own_commands[scope]), given)] for scope in scopes}
        edited = {scope: [kind_of(command) for command in own_commands[scope]] for scope in scopes}
        rows: dict[Action, list[float]] = {}
        for name, card in self.actions.cards.items():
            own = {kind: skill.score for kind, skill in card.skills.items()} | dict(self.scores.get(name, {}))
            draws = card.mode == "text-to-image"
            before = [state.tried.count(name) / 3, float(last is not None and last.expert == name)]
            cost = math.log1p(price.second * card.seconds + price.usd * card.usd)
            for scope, commands in own_commands.items():
                action = Action(name, scope)
                kinds = drawn[scope] if draws else edited[scope]
                made = [float("generate" in card.verbs)] if draws else [float(c.verb in card.verbs) for c in commands]
                more = min(1.0, max(0, len(commands) - 1) / 4)
                together = own.get("all", math.nan) if not draws and len(commands) > 1 else math.nan
                fit = _fit([own.get(kind, math.nan) for kind in kinds], made, together)
                rows[action] = [*fit, *before, float(last == action), cost, more * draws, more * (not draws)]
        nothing = [0.0] * len(_FIT + _MORE)
        return [rows.get(action, nothing) for action in self.actions.slots]
