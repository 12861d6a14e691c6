"""The probe: how well each expert carries out each kind of command, in the critic's eyes. A new expert can take it.

A skill score is a mean over first steps of tasks: the critic's score of the command, times the share of the input
picture that was kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from experts.files import write_whole
from poser.learned.observation import Scores, kind_of
from poser.learning.tasks import TaskSource
from poser.mdp import MDP
from poser.types import PoserError, State, Step

DRAWS = 60
"""Tasks drawn for each one wanted, before a kind of command counts as absent from the source."""
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


def first_states(mdp: MDP, tasks: TaskSource, per_kind: int, seed: int = 0) -> dict[tuple[str, bool], list[State]]:
    """Up to `per_kind` first states of tasks for each (kind of first command, whether there is a picture)."""
    rng, found = np.random.default_rng(seed), dict[tuple[str, bool], list[State]]()
    seen = set[tuple[str, int]]()
    for _ in range(DRAWS * per_kind):
        task = tasks.draw(rng)
        if (task.id or task.prompt, task.seed) in seen:
            continue
        seen.add((task.id or task.prompt, task.seed))
        state = mdp.start([task])[0]
        if state.plan.current is not None:
            states = found.setdefault((kind_of(state.plan.current), state.image is not None), [])
            if len(states) < per_kind:
                states.append(state)
    return found


def _score(steps: Sequence[Step]) -> SkillScore | None:
    """The score of some calls, None without any: a failed call scores 0, one without a verdict is left out."""
    scores, seconds = [], []
    for step in steps:
        if step.result is not None:
            seconds.append(step.result.seconds)
        if step.critique is None:
            scores.append(0.0)
        elif not math.isnan(step.critique.score):
            kept = 1.0 if math.isnan(step.critique.kept) else step.critique.kept
            scores.append(step.critique.score * kept)
    return SkillScore(float(np.mean(scores)), len(scores), float(np.mean(seconds))) if scores else None


def probe(
    mdp: MDP,
    tasks: TaskSource,
    experts: Iterable[str] | None = None,
    per_kind: int = 8,
    seed: int = 0,
    on_call: Callable[[int, int], None] | None = None,
) -> SkillScores:
    """The skill scores of some experts.

    Args:
        mdp: runs and judges the calls.
        tasks: where commands come from.
        experts: ids; None: all of the transition.
        per_kind: calls for each kind of command that an expert's mode allows.
        seed: of the tasks drawn.
        on_call: is told (calls made, calls in all) as it goes.

    Raises `PoserError` for an unknown expert, and where no task begins with a command.
    """
    names = list(mdp.actions.cards) if experts is None else list(experts)
    for name in names:
        if name not in mdp.actions.cards:
            raise PoserError(f"no such expert: {name!r}; experts are {', '.join(mdp.actions.cards)}")
    states = first_states(mdp, tasks, per_kind, seed)
    if not states:
        raise PoserError(f"none of the tasks {tasks.id!r} begins with a command; give other --tasks")
    slots = {name: mdp.actions.slot(name) for name in names}
    jobs = [
        (name, kind, [s for s in group if mdp.mask([s])[0][slots[name]]])
        for name in names
        for (kind, _), group in states.items()
    ]
    jobs = [job for job in jobs if job[2]]
    done, whole = 0, sum(len(group) for _, _, group in jobs)
    made: dict[str, dict[str, list[Step]]] = {name: {} for name in names}
    for name, kind, group in jobs:
        made[name].setdefault(kind, []).extend(mdp.step(group, [slots[name]] * len(group)))
        done += len(group)
        if on_call:
            on_call(done, whole)
    return {n: {k: score for k, steps in kinds.items() if (score := _score(steps))} for n, kinds in made.items()}


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
