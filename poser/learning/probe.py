"""The probe: how well each expert carries out each kind of command, in the critic's eyes. A new expert can take it.

A skill score is a mean over first steps of tasks: the critic's score of the command, times the share of the input
picture that was kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from poser.learned.observation import kind_of
from poser.learned.skills import SkillScore, SkillScores
from poser.learning.tasks import TaskSource
from poser.mdp import MDP
from poser.types import PoserError, State, Step

DRAWS = 60
"""Tasks drawn for each one wanted, before a kind of command counts as absent from the source."""


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
