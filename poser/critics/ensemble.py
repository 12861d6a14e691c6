"""Several critics as one: the weighted mean of their scores, and how far they disagree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from poser import critics
from poser.plugins import Context, Requirements, requirements_of
from poser.protocols import Critic
from poser.types import Critique, Look, PoserError
from poser.verdicts import verdicts

KEYS = ("members", "answers")


def average(scores: Sequence[float], weights: Sequence[float]) -> float:
    """Weighted mean of those that are finite; NaN where none is."""
    said = [(score, weight) for score, weight in zip(scores, weights, strict=True) if math.isfinite(score)]
    total = sum(weight for _, weight in said)
    return sum(score * weight for score, weight in said) / total if total else math.nan


def spread(scores: Sequence[float], weights: Sequence[float]) -> float:
    """Weighted standard deviation of those that are finite; NaN where fewer than two are."""
    if sum(map(math.isfinite, scores)) < 2:
        return math.nan
    middle = average(scores, weights)
    return math.sqrt(average([(score - middle) ** 2 for score in scores], weights))


def disagreement(critiques: Sequence[Critique], weights: Sequence[float]) -> float:
    """Mean over the wanted commands of how far the critics are apart; NaN where no two gave a verdict on one."""
    found = [spread(scores, weights) for scores in zip(*(c.wanted for c in critiques), strict=True)]
    known = [value for value in found if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def merged(critiques: Sequence[Critique], weights: Sequence[float], critic: str) -> Critique:
    """One look's critiques as one: means, all answers, every complaint once, costs added."""

    def means(rows: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
        return tuple(average(scores, weights) for scores in zip(*rows, strict=True))

    return Critique(
        wanted=means([c.wanted for c in critiques]),
        earlier=means([c.earlier for c in critiques]),
        kept=average([c.kept for c in critiques], weights),
        quality=average([c.quality for c in critiques], weights),
        feedback="; ".join(dict.fromkeys(c.feedback for c in critiques if c.feedback)),
        answers=tuple(answer for c in critiques for answer in c.answers),
        critic=critic,
        usd=sum(c.usd for c in critiques),
        seconds=sum(c.seconds for c in critiques),
        uncertainty=disagreement(critiques, weights),
        harmed=tuple(dict.fromkeys(harm for c in critiques for harm in c.harmed)),
        premises=next((c.premises for c in critiques if c.premises), ()),
        seen=next((c.seen for c in critiques if c.seen is not None), None),
    )


class Ensemble:
    """Asks every member about every look. A member without a verdict on a command does not count for it.

    Raises `PoserError`: no members, a weight that is not above 0.
    """

    def __init__(self, members: Sequence[Critic], weights: Sequence[float] | None = None) -> None:
        self.members = tuple(members)
        self.weights = tuple(weights) if weights is not None else (1.0,) * len(self.members)
        if not self.members:
            raise PoserError("critic ensemble: members is empty; list at least one, as [{name: clip}, {name: vqa}]")
        for weight in self.weights:
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
                raise PoserError(f"critic ensemble: weight is {weight!r}; give a number above 0")

    @property
    def id(self) -> str:
        """'ensemble(ID + 2 * ID)'."""
        names = [m.id if w == 1 else f"{w:g} * {m.id}" for m, w in zip(self.members, self.weights, strict=True)]
        return f"ensemble({' + '.join(names)})"

    def requirements(self) -> Requirements:
        """See `plugins.Requiring`."""
        return requirements_of(*self.members)

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """Same length and order."""
        said = [verdicts(member, looks) for member in self.members]
        name = self.id
        return [merged(critiques, self.weights, name) for critiques in zip(*said, strict=True)]


def load(settings: Mapping[str, Any], context: Context) -> Ensemble:
    """`members`: critics, each {name: ..., weight: above 0 (1), ...}; `answers`: a file for those that keep answers.

    Raises `PoserError` for what is none of these.
    """
    entries = _entries(settings)
    members = [
        critics.member({k: v for k, v in entry.items() if k != "weight"}, context, settings.get("answers"), "ensemble")
        for entry in entries
    ]
    return Ensemble(members, [entry.get("weight", 1.0) for entry in entries])


def _entries(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = config.get("members", [])
    if not isinstance(entries, list | tuple) or not all(isinstance(entry, Mapping) for entry in entries):
        raise PoserError(f"critic ensemble: members is {entries!r}; give a list, as [{{name: clip}}, {{name: vqa}}]")
    return list(entries)
