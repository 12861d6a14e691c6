"""The probe: how well each expert carries out each kind of command, in the critic's eyes. A new expert can take it.

A score is the mean over some first steps of a deck's tasks: the critic's score of the command, times the share of the
input picture that was kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experts.files import write_whole
from poser.learned.observation import Scores, kind_of
from poser.learning.tasks import Deck
from poser.mdp import MDP
from poser.types import PoserError, State, Step

DRAWS = 60
"""Tasks looked at for one wanted, before a kind counts as absent from the deck."""
LIMIT = 4 * 2**20
"""Bytes of a file of scores."""


@dataclass(frozen=True)
class Mark:
    """Mean score [0, 1] of `n` calls, and their mean seconds."""

    score: float
    n: int
    seconds: float = 0.0


Marks = dict[str, dict[str, Mark]]
"""Card id -> kind of command (`observe.kind_of`) -> mark."""


def first_states(mdp: MDP, deck: Deck, per_kind: int, seed: int = 0) -> dict[tuple[str, bool], list[State]]:
    """Up to `per_kind` first states of a deck's tasks for each (kind of first command, whether there is a picture)."""
    rng, found = np.random.default_rng(seed), dict[tuple[str, bool], list[State]]()
    seen = set[tuple[str, int]]()
    for _ in range(DRAWS * per_kind):
        task = deck.draw(rng)
        if (task.id or task.prompt, task.seed) in seen:
            continue
        seen.add((task.id or task.prompt, task.seed))
        state = mdp.start([task])[0]
        if state.plan.current is not None:
            states = found.setdefault((kind_of(state.plan.current), state.image is not None), [])
            if len(states) < per_kind:
                states.append(state)
    return found


def _mark(steps: Sequence[Step]) -> Mark | None:
    """What calls came to; a failed one scores 0, one without a verdict is left out."""
    scores, seconds = [], []
    for step in steps:
        if step.result is not None:
            seconds.append(step.result.seconds)
        if step.critique is None:
            scores.append(0.0)
        elif not math.isnan(step.critique.score):
            kept = 1.0 if math.isnan(step.critique.kept) else step.critique.kept
            scores.append(step.critique.score * kept)
    return Mark(float(np.mean(scores)), len(scores), float(np.mean(seconds))) if scores else None


def probe(
    mdp: MDP,
    deck: Deck,
    experts: Iterable[str] | None = None,
    per_kind: int = 8,
    seed: int = 0,
    on_call: Callable[[int, int], None] | None = None,
) -> Marks:
    """Marks of `experts` (None: all), `per_kind` calls for each kind that an expert's mode allows.

    `on_call(done, whole)` is told how many calls are made. Raises `PoserError` for an unknown expert, and where the
    deck has no task at all.
    """
    names = list(mdp.actions.cards) if experts is None else list(experts)
    for name in names:
        if name not in mdp.actions.cards:
            raise PoserError(f"no such expert: {name!r}; experts are {', '.join(mdp.actions.cards)}")
    states = first_states(mdp, deck, per_kind, seed)
    if not states:
        raise PoserError(f"deck {deck.id!r} has no task that begins with a command; give another --deck")
    slots = {name: mdp.actions.slot(name) for name in names}
    jobs = [
        (name, kind, [s for s in group if mdp.mask([s])[0][slots[name]]])
        for name in names
        for (kind, _), group in states.items()
    ]
    jobs = [job for job in jobs if job[2]]
    done, whole = 0, sum(len(group) for _, _, group in jobs)
    marks: dict[str, dict[str, list[Step]]] = {name: {} for name in names}
    for name, kind, group in jobs:
        marks[name].setdefault(kind, []).extend(mdp.step(group, [slots[name]] * len(group)))
        done += len(group)
        if on_call:
            on_call(done, whole)
    found = {name: {kind: _mark(steps) for kind, steps in kinds.items()} for name, kinds in marks.items()}
    return {name: {kind: mark for kind, mark in kinds.items() if mark} for name, kinds in found.items()}


def scores(marks: Marks) -> Scores:
    """The scores alone, as an `Observer` takes them."""
    return {name: {kind: mark.score for kind, mark in kinds.items()} for name, kinds in marks.items()}


def save(marks: Marks, path: Path, about: Mapping[str, Any]) -> None:
    """Writes marks as JSON with what they stand on (critic, deck, versions of the cards), whole or not at all.

    Marks of other experts that the file holds already stay there.
    """
    known = _read(path) if path.exists() else {"marks": {}}
    merged = {**known["marks"], **{n: {k: asdict(m) for k, m in kinds.items()} for n, kinds in marks.items()}}
    data = {**known, **about, "marks": merged}
    write_whole(path, (json.dumps(data, indent=1) + "\n").encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LIMIT:
            raise ValueError("too large")
        data = json.loads(path.read_text("utf-8"))
        marks = {n: {k: asdict(Mark(**m)) for k, m in kinds.items()} for n, kinds in data["marks"].items()}
        if not all(0 <= m["score"] <= 1 for kinds in marks.values() for m in kinds.values()):
            raise ValueError("a score outside [0, 1]")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PoserError(f"{str(path)!r} holds no marks ({error}); make them with: poser probe --out FILE") from None
    return {**data, "marks": marks}


def load(path: Path) -> Marks:
    """Marks from a file. Raises `PoserError` for one of another form."""
    return {n: {k: Mark(**m) for k, m in kinds.items()} for n, kinds in _read(path)["marks"].items()}
