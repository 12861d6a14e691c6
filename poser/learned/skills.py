"""What a probe measured: how well each expert carries out each kind of command, as a file of JSON; and cards that have
these scores laid over their own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from experts.files import write_whole
from experts.types import KINDS, Card, Skill
from poser.learned.observation import Scores
from poser.types import PoserError

LIMIT = 4 * 2**20
"""Bytes of a file of scores."""
KEY = "skill_scores"
"""Under which the file holds them."""


@dataclass(frozen=True)
class SkillScore:
    """Mean score [0, 1] of `n` calls, and their mean seconds."""

    score: Annotated[float, Field(ge=0, le=1)]
    n: int
    seconds: float = 0.0


SkillScores = dict[str, dict[str, SkillScore]]
"""Card id -> kind of command (`kind_of`) -> score."""
_FORM = TypeAdapter(SkillScores)


def scores_of(skill_scores: SkillScores) -> Scores:
    """The scores alone, as an `Observer` takes them."""
    return {name: {kind: skill.score for kind, skill in kinds.items()} for name, kinds in skill_scores.items()}


def save(skill_scores: SkillScores, path: Path, about: Mapping[str, Any]) -> None:
    """Writes skill scores as JSON with what they stand on (critic, tasks, versions of the cards), whole or not at all.

    Scores of other experts that the file holds already stay there.
    """
    known = _read(path) if path.exists() else {KEY: {}}
    data = {**known, **about, KEY: _FORM.dump_python({**known[KEY], **skill_scores})}
    write_whole(path, (json.dumps(data, indent=1) + "\n").encode())


def _read(path: Path) -> dict[str, Any]:
    """The whole content, checked. Raises `PoserError`."""
    try:
        if path.stat().st_size > LIMIT:
            raise ValueError("too large")
        data: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return {**data, KEY: _FORM.validate_python(data[KEY])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise PoserError(f"{str(path)!r} holds no skill scores ({why:.160}); type: poser probe --out FILE") from None


def load(path: Path) -> SkillScores:
    """The skill scores of a file. Raises `PoserError` for a file of another form."""
    scores: SkillScores = _read(path)[KEY]
    return scores


def measured(cards: Iterable[Card], path: Path) -> list[Card]:
    """The cards with the skill scores of a file laid over their skills; those that it lacks stay as they are.

    Raises `PoserError` as `load`, and for a kind of command that no card can have.
    """
    found = load(path)
    strange = next((kind for kinds in found.values() for kind in kinds if kind not in KINDS), None)
    if strange is not None:
        raise PoserError(f"{str(path)!r}: no such kind of command {strange!r}; kinds are {', '.join(KINDS)}")
    return [replace(card, skills={**card.skills, **_skills(found.get(card.id, {}))}) for card in cards]


def _skills(kinds: Mapping[str, SkillScore]) -> dict[str, Skill]:
    return {kind: Skill(skill.score, f"probe, {skill.n} calls") for kind, skill in kinds.items()}
