"""Named extras of an observation: columns of a state that are no text. Pure.

A file of a policy names its extras, so that a new one changes nothing for policies that lack it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

from experts.types import VERBS
from poser.types import State


def _share(spent: float, limit: float) -> float:
    """The used part of a limit, [0, 1]; 0 where there is no limit."""
    if math.isinf(limit):
        return 0.0
    return min(spent / limit, 1.0) if limit > 0 else 1.0


def known(score: float) -> tuple[float, float]:
    """A score, and whether there is one: NaN -> (0, 0)."""
    return (0.0, 0.0) if math.isnan(score) else (score, 1.0)


def _last(state: State) -> list[float]:
    """Scope of the last action, and 8 signs hashed from its expert's id (the same in every roster); at first zeros."""
    if state.last is None or state.last.expert is None:
        return [0.0] * 10
    bits = hashlib.sha256(state.last.expert.encode()).digest()[0]
    scope = [float(state.last.scope == scope) for scope in ("current", "all")]
    return scope + [1.0 if bits >> k & 1 else -1.0 for k in range(8)]


def _scores(state: State) -> list[float]:
    """Of the last critique: the step's score, the mean of the earlier commands', what was kept, each with its flag."""
    critique = state.critique
    earlier = [score for score in critique.earlier if not math.isnan(score)] if critique else []
    mean = sum(earlier) / len(earlier) if earlier else math.nan
    values = (critique.score, mean, critique.kept) if critique else (math.nan,) * 3
    return [number for value in values for number in known(value)]


def _spent(state: State) -> list[float]:
    budget, spent = state.task.budget, state.spent
    return [_share(spent.usd, budget.usd), _share(spent.seconds, budget.seconds)]


def _price(state: State) -> list[float]:
    """Prices of a second and of a dollar, p / (1 + p)."""
    price = state.task.price
    return [price.second / (1 + price.second), price.usd / (1 + price.usd)]


def _plan(state: State) -> list[float]:
    """Commands done and pending, n / 6; words of the current command and of all pending ones, n / 40; the verb of the
    current command, one-hot over `VERBS`; how many of the remaining commands have each verb, n / 6."""
    plan = state.plan
    words = [len(command.wording.split()) / 40 for command in plan.pending]
    current = [float(plan.current is not None and plan.current.verb == verb) for verb in VERBS]
    remaining = [sum(command.verb == verb for command in plan.remaining) / 6 for verb in VERBS]
    return [len(plan.done) / 6, len(plan.pending) / 6, words[0] if words else 0.0, sum(words), *current, *remaining]


ASKED = ("item", "attribute", "background", "count", "anything", "")
"""Kinds of questions (`poser.types.Answer`)."""


def _saw(state: State) -> list[float]:
    """What the critic saw in the picture that is there, zeros where nobody judged it.

    Of its answers by kind of question: mean score and share below .5; things that are there as they should, n / 9;
    things that it read in the input picture, n / 9; things harmed, n / 3; likeness to the input picture, with a flag;
    commands done that the picture no longer shows, by verb, n / 3.
    """
    verdict, row = state.verdict, list[float]()
    answers = [a for a in verdict.answers if not math.isnan(a.yes)] if verdict else []
    for kind in ASKED:
        scores = [a.score for a in answers if a.kind == kind]
        row += [sum(scores) / len(scores), sum(s < 0.5 for s in scores) / len(scores)] if scores else [0.0, 0.0]
    there = sum(a.kind == "item" and a.wanted and a.yes >= 0.5 for a in answers)
    row += [there / 9, len(state.seen.items) / 9 if state.seen else 0.0, len(verdict.harmed) / 3 if verdict else 0.0]
    row += known(verdict.identity if verdict else math.nan)
    earlier = zip(state.plan.done, verdict.earlier, strict=False) if verdict else ()
    lost = [command.verb for command, score in earlier if score < 0.5]
    return row + [lost.count(verb) / 3 for verb in VERBS]


def _left(state: State) -> list[float]:
    """Calls that are left, n / 8; commands beyond them, n / 8; accepted edits of the picture so far, n / 8; whether
    there was an input picture."""
    left, pending = state.task.budget.steps - state.spent.steps, len(state.plan.pending)
    return [left / 8, max(0, pending - left) / 8, state.edits / 8, float(state.task.image is not None)]


COLUMNS: dict[str, tuple[tuple[str, ...], Callable[[State], list[float]]]] = {
    "turn": (("turn",), lambda state: [state.turn / max(state.task.budget.steps, 1)]),
    "attempts": (("attempts",), lambda state: [state.attempts / (1 + state.attempts)]),
    "last": (("last:current", "last:all", *(f"last:expert{k}" for k in range(8))), _last),
    "scores": (("score", "score?", "earlier", "earlier?", "kept", "kept?"), _scores),
    "spent": (("usd", "seconds"), _spent),
    "has_image": (("has_image",), lambda state: [float(state.image is not None)]),
    "value": (("value",), lambda state: [known(state.value)[0]]),
    "price": (("price:second", "price:usd"), _price),
    "plan": (
        ("done", "pending", "words", "words:all", *(f"now:{v}" for v in VERBS), *(f"later:{v}" for v in VERBS)),
        _plan,
    ),
    "saw": (
        (
            *(f"saw:{kind or 'other'}{what}" for kind in ASKED for what in ("", ":wrong")),
            *("there", "read", "harmed", "identity", "identity?", *(f"lost:{verb}" for verb in VERBS)),
        ),
        _saw,
    ),
    "left": (("left", "left:over", "edits", "given"), _left),
}
"""Name of an extra -> names of its columns, and the function that fills them."""
EXTRAS = tuple(COLUMNS)
