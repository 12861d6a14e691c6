"""Episodes of the ladder: played, judged by the reader, and kept, so that a ladder that was cut off goes on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks import poster
from benchmarks._judge import identity, reached, worth
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
COLUMNS = ("task", "rung", "seed", "worth", "share", "exact", "identity", "calls", "seconds", "claim")
Curve = tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class Row:
    """One episode of one rung.

    Attributes:
        name: the task's class; kind: 't2i' or 'i2i'; commands: how many the task has.
        worth, share, exact, identity, kept: by the reader (`benchmarks.poster.score`); calls, seconds, usd: spent, as
            declared.
        claim: 1 where the agent said that all is satisfied, else 0.
        curve: (calls, seconds, usd, share) before the first step and after each.
        scope: what was first handed over where both scopes were legal; '' where that never was.
    """

    rung: str
    seed: int
    task: str
    name: str
    kind: str
    commands: int
    worth: float
    share: float
    exact: float
    identity: float
    kept: float
    claim: float
    calls: float
    seconds: float
    usd: float
    curve: Curve
    scope: str = ""

    @property
    def false_claim(self) -> float:
        """1 where a claim is wrong: the picture is not exact; NaN without a claim."""
        return 1.0 - self.exact if self.claim else math.nan

    def published(self) -> list[Any]:
        """The figures of `COLUMNS`, rounded to 4 places: what is kept beside a table."""
        found = [getattr(self, name) for name in COLUMNS]
        return [round(value, 4) if isinstance(value, float) else value for value in found]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def share_of(asked: PosterTask, state: State) -> float:
    """The reader's share of the target in a state's picture, [0, 1]."""
    return reached(state.image, asked.target)["share"]


def worth_of(asked: PosterTask, state: State) -> float:
    """The reader's worth of a state's picture, [0, 1]."""
    return worth(share_of(asked, state), identity(state.task.image, state.image, asked), len(asked.instructions))


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
        names = ("worth", "share", "exact", "identity", "kept", "calls", "seconds", "usd")
        told: dict[str, Any] = {name: figures[name] for name in names} | {"claim": figures["claimed"]}
        where = a.id, a.name, a.id.partition("-")[0], len(a.instructions)
        found.append(Row(id, seed, *where, **told, curve=_curve(a, whole), scope=_scope(mdp, whole)))
    return found


def played(
    world: World,
    id: str,
    seed: int,
    build: Callable[[int], Built],
    about: Sequence[Any],
    price: Price | None = None,
    first: int | None = None,
) -> list[Row]:
    """The `rows` of what `build(seed)` gives, or those that were kept when the same was asked before.

    Args:
        about: what they depend on beside the world: rung, seed, price, train config, width of a search.
        first: so many of the held-out tasks; None: all.
    """
    parts = [*about, world.identity, sorted(versions().items())]
    name = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]
    file = world.folder / "rows" / f"{name}.jsonl"
    if file.exists():
        kept = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        return [Row(**{**row, "curve": tuple(tuple(point) for point in row["curve"])}) for row in kept]
    found = rows(world, id, seed, *build(seed), asked=world.asked[:first], price=price)
    write_whole(file, "".join(json.dumps(row.to_json()) + "\n" for row in found).encode())
    return found
