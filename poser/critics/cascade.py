"""A cheap critic first, a better one only where the first is unsure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from poser import critics
from poser.critics.ensemble import disagreement
from poser.plugins import Context, Requirements, requirements_of
from poser.protocols import Critic
from poser.types import Critique, Look, PoserError
from poser.verdicts import verdicts

KEYS = ("first", "then", "unsure", "answers")
UNSURE = (0.2, 0.8)
"""Scores between which the first critic's word is not enough, where a config gives none."""


class Cascade:
    """Asks `first` about every look, and `then` (another cascade, if there are three) about those where a score of a
    command, wanted or earlier, is NaN or within `unsure`.

    Where both spoke, the second one's word counts, and the first one's only where the second has none; their costs add
    up, and `uncertainty` is their disagreement.
    """

    def __init__(self, first: Critic, then: Critic, unsure: tuple[float, float] = UNSURE) -> None:
        self.first, self.then, self.unsure = first, then, unsure

    @property
    def id(self) -> str:
        """'cascade(ID, ID within 0.2-0.8)'."""
        low, high = self.unsure
        return f"cascade({self.first.id}, {self.then.id} within {low:g}-{high:g})"

    def doubts(self, critique: Critique) -> bool:
        """Whether the first critic is unsure."""
        low, high = self.unsure
        return any(math.isnan(score) or low <= score <= high for score in (*critique.wanted, *critique.earlier))

    def requirements(self) -> Requirements:
        """See `plugins.Requiring`."""
        return requirements_of(self.first, self.then)

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """Same length and order."""
        found, name = verdicts(self.first, looks), self.id
        open_ = [k for k, critique in enumerate(found) if self.doubts(critique)]
        for k, critique in zip(open_, verdicts(self.then, [looks[k] for k in open_]), strict=True):
            found[k] = _both(found[k], critique)
        return [replace(critique, critic=name) for critique in found]


def _both(first: Critique, second: Critique) -> Critique:
    """The second critique, the first one's scores where it has none, and what both cost."""

    def filled(one: tuple[float, ...], two: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(a if math.isnan(b) else b for a, b in zip(one, two, strict=True))

    return replace(
        second,
        wanted=filled(first.wanted, second.wanted),
        earlier=filled(first.earlier, second.earlier),
        kept=first.kept if math.isnan(second.kept) else second.kept,
        quality=first.quality if math.isnan(second.quality) else second.quality,
        feedback=second.feedback or (first.feedback if math.isnan(second.score) else ""),
        answers=first.answers + second.answers,
        usd=first.usd + second.usd,
        seconds=first.seconds + second.seconds,
        uncertainty=disagreement([first, second], (1.0, 1.0)),
        harmed=second.harmed or first.harmed,
        premises=second.premises or first.premises,
        seen=second.seen or first.seen,
    )


def load(settings: Mapping[str, Any], context: Context) -> Cascade:
    """`first`, `then`: critics ({name: ..., ...}); `unsure`: [low, high] in [0, 1]; `answers`: a file for those that
    keep answers. Raises `PoserError` for what is none of these."""
    band = settings.get("unsure", UNSURE)
    if not _is_band(band):
        raise PoserError(f"critic cascade: unsure is {band!r}; give two numbers from 0 to 1, as [0.2, 0.8]")
    first, then = (
        critics.member(settings.get(key), context, settings.get("answers"), f"cascade, {key}")
        for key in ("first", "then")
    )
    return Cascade(first, then, (float(band[0]), float(band[1])))


def _is_band(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in value) and 0 <= value[0] <= value[1] <= 1
