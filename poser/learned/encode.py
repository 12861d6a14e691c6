"""The observation: what a policy sees of a state, as numbers. Its text embedders are those of `embed`."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from experts.types import VERBS
from poser.learned.embedders import Embedder, Floats, HashEmbedder, MiniLM, embedder
from poser.types import PoserError, State

__all__ = ["EXTRAS", "Embedder", "Encoder", "HashEmbedder", "MiniLM", "embedder"]


def _share(spent: float, limit: float) -> float:
    """Part of a limit that is used, [0, 1]; 0 where there is none."""
    if math.isinf(limit):
        return 0.0
    return min(spent / limit, 1.0) if limit > 0 else 1.0


def _known(score: float) -> tuple[float, float]:
    """A score, and whether there is one: NaN -> (0, 0)."""
    return (0.0, 0.0) if math.isnan(score) else (score, 1.0)


def _last(state: State) -> list[float]:
    """Scope of the last action, and 8 signs hashed from its expert's id: the same in every roster; zeros before it."""
    if state.last is None or state.last.expert is None:
        return [0.0] * 10
    bits = hashlib.sha256(state.last.expert.encode()).digest()[0]
    return [float(state.last.scope == s) for s in ("current", "all")] + [
        1.0 if bits >> k & 1 else -1.0 for k in range(8)
    ]


def _scores(state: State) -> list[float]:
    critique = state.critique
    earlier = [score for score in critique.earlier if not math.isnan(score)] if critique else []
    mean = sum(earlier) / len(earlier) if earlier else math.nan
    values = (critique.score, mean, critique.kept) if critique else (math.nan,) * 3
    return [number for value in values for number in _known(value)]


def _spent(state: State) -> list[float]:
    budget, spent = state.task.budget, state.spent
    return [_share(spent.usd, budget.usd), _share(spent.seconds, budget.seconds)]


def _price(state: State) -> list[float]:
    """Prices of a second and of a dollar, p / (1 + p)."""
    price = state.task.price
    return [price.second / (1 + price.second), price.usd / (1 + price.usd)]


def _plan(state: State) -> list[float]:
    """How much is done and pending, n / 6; words of the current command and of all pending ones, n / 40; the verb of
    the current command (one of `VERBS`), and how many of the remaining ones have each verb, n / 6."""
    plan = state.plan
    words = [len(command.wording.split()) / 40 for command in plan.pending]
    current = [float(plan.current is not None and plan.current.verb == verb) for verb in VERBS]
    remaining = [sum(command.verb == verb for command in plan.remaining) / 6 for verb in VERBS]
    return [len(plan.done) / 6, len(plan.pending) / 6, words[0] if words else 0.0, sum(words), *current, *remaining]


_EXTRAS: dict[str, tuple[tuple[str, ...], Callable[[State], list[float]]]] = {
    "turn": (("turn",), lambda state: [state.turn / max(state.task.budget.steps, 1)]),
    "attempts": (("attempts",), lambda state: [state.attempts / (1 + state.attempts)]),
    "last": (("last:current", "last:all", *(f"last:expert{k}" for k in range(8))), _last),
    "scores": (("score", "score?", "earlier", "earlier?", "kept", "kept?"), _scores),
    "spent": (("usd", "seconds"), _spent),
    "has_image": (("has_image",), lambda state: [float(state.image is not None)]),
    "value": (("value",), lambda state: [0.0 if math.isnan(state.value) else state.value]),
    "price": (("price:second", "price:usd"), _price),
    "plan": (
        ("done", "pending", "words", "words:all", *(f"now:{v}" for v in VERBS), *(f"later:{v}" for v in VERBS)),
        _plan,
    ),
}
EXTRAS = tuple(_EXTRAS)


@dataclass(frozen=True)
class Encoder:
    """States -> observations: [embed(current command), embed(remaining commands)] and, if wanted, named extras.

    Attributes:
        embedder: the text embedder; the encoder is a pure function given it.
        extras: names of `EXTRAS`, in the order of their columns: turn (of the budget's steps), attempts a / (1 + a),
            last (scope, 8 signs of the expert's id), scores (of the last critique: the step's, mean of the earlier
            commands', kept; each with a flag, both 0 without a verdict), spent (USD and seconds of the budget, 0
            without a limit), has_image, value, price (of a second, of a dollar: p / (1 + p)), plan (done, pending,
            words, verbs). All in [-1, 1], turn apart where an episode outlasts its budget, and plan in long prompts.
        remaining: whether the remaining commands are seen (without, the ablation: their columns are 0).

    Raises `PoserError` for an unknown or repeated extra.
    """

    embedder: Embedder
    extras: tuple[str, ...] = field(default=())
    remaining: bool = True

    def __post_init__(self) -> None:
        for name in self.extras:
            if name not in _EXTRAS:
                raise PoserError(f"no extra {name!r}; extras are {', '.join(EXTRAS)}")
        if len(set(self.extras)) < len(self.extras):
            raise PoserError(f"extras {', '.join(self.extras)}: one stands there twice; name each once")

    @property
    def names(self) -> tuple[str, ...]:
        """One name a column."""
        texts = [f"{text}:{k}" for text in ("current", "remaining") for k in range(self.embedder.dim)]
        return (*texts, *(name for extra in self.extras for name in _EXTRAS[extra][0]))

    @property
    def dim(self) -> int:
        """Columns of an observation."""
        return 2 * self.embedder.dim + sum(len(_EXTRAS[extra][0]) for extra in self.extras)

    @property
    def digest(self) -> str:
        """sha256 of what decides the columns' meaning, hexadecimal: a policy fits observations of its own digest."""
        return hashlib.sha256(
            repr((self.embedder.id, self.embedder.dim, self.extras, self.remaining, 2)).encode()
        ).hexdigest()

    def __call__(self, states: Sequence[State]) -> Floats:
        """float32 [B, dim]; zeros where a state has no current or no remaining command."""
        texts = [
            text
            for state in states
            for text in (
                state.plan.current.wording if state.plan.current else "",
                "; ".join(command.wording for command in state.plan.remaining) if self.remaining else "",
            )
        ]
        present = [text for text in texts if text]
        vectors = iter(self.embedder.embed(present)) if present else iter(())
        table = np.zeros((len(states), self.dim), np.float32)
        width = self.embedder.dim
        for k, text in enumerate(texts):
            if text:
                at = (k % 2) * width
                table[k // 2, at : at + width] = next(vectors)
        for row, state in zip(table, states, strict=True):
            row[2 * width :] = [number for extra in self.extras for number in _EXTRAS[extra][1](state)]
        return table
