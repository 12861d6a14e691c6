"""Episodes of the ladder: played, judged by the reader, and kept, so that a ladder that was cut off goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks import poster
from benchmarks._judge import reached
from benchmarks.ladder.world import World
from experts.files import write_whole
from experts.poster.tasks import PosterTask
from poser.learning.evaluate import play
from poser.mdp import MDP
from poser.protocols import Policy
from poser.types import Price, State, Trajectory
from poser.versions import versions

Built = tuple[MDP, Policy]
"""A transition, and who chooses in it."""
Curve = tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class Row:
    """One episode of one rung.

    Attributes:
        kind: 't2i' or 'i2i'; `commands`: how many the task has.
        share, exact, kept: by the reader; `calls`, `seconds`, `usd`: spent, as declared.
        curve: (calls, seconds, usd, share) before the first step and after each.
        scope: what was first handed over where both scopes were legal; '' where that never was.
    """

    rung: str
    seed: int
    task: str
    kind: str
    commands: int
    share: float
    exact: float
    kept: float
    calls: float
    seconds: float
    usd: float
    curve: Curve
    scope: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def share_of(asked: PosterTask, state: State) -> float:
    """The reader's share of the target in a state's picture, [0, 1]."""
    return reached(state.image, asked.target)["share"]


def _curve(asked: PosterTask, whole: Trajectory) -> Curve:
    if not whole.steps:
        return ()
    share = share_of(asked, whole.steps[0].before)
    points = [(0.0, 0.0, 0.0, share)]
    for step in whole.steps:
        if step.after.image is not step.before.image:
            share = share_of(asked, step.after)
        spent = step.after.spent
        points.append((float(spent.steps), spent.seconds, spent.usd, share))
    return tuple(points)


def _scope(mdp: MDP, whole: Trajectory) -> str:
    """The first choice between 'current' and 'all'."""
    for step in whole.steps:
        legal = {mdp.actions.slots[k].scope for k in np.flatnonzero(mdp.mask([step.before])[0])}
        if {"current", "all"} <= legal and step.action.expert is not None:
            return step.action.scope
    return ""


def rows(
    world: World,
    id: str,
    seed: int,
    mdp: MDP,
    policy: Policy,
    asked: Sequence[PosterTask] | None = None,
    price: Price | None = None,
) -> list[Row]:
    """Plays the held-out tasks (or `asked`) and judges every episode by the reader."""
    given = list(world.asked if asked is None else asked)
    tasks = [world.task(a, price or Price()) for a in given]
    found = []
    for a, whole in zip(given, play(mdp, policy, tasks, world.seats), strict=True):
        figures = poster.score(a, whole)
        spent = {name: figures[name] for name in ("share", "exact", "kept", "calls", "seconds", "usd")}
        kind, count = a.id.partition("-")[0], len(a.instructions)
        found.append(Row(id, seed, a.id, kind, count, **spent, curve=_curve(a, whole), scope=_scope(mdp, whole)))
    return found


def played(
    world: World, id: str, seed: int, build: Callable[[int], Built], about: Sequence[Any], price: Price | None = None
) -> list[Row]:
    """The `rows` of what `build(seed)` gives, or those that were kept when the same was asked before.

    Args:
        about: what they depend on beside the world: rung, seed, price, train config, width of a search.
    """
    parts = [*about, world.identity, sorted(versions().items())]
    name = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]
    file = world.folder / "rows" / f"{name}.jsonl"
    if file.exists():
        kept = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        return [Row(**{**row, "curve": tuple(tuple(point) for point in row["curve"])}) for row in kept]
    found = rows(world, id, seed, *build(seed), price=price)
    write_whole(file, "".join(json.dumps(row.to_json()) + "\n" for row in found).encode())
    return found
