"""A table of returns by what is asked for, how much, and how often it was tried: `scope-table:FILE`.

Rows are cells (drawing or editing, whether calls are scarce, kind of command, number of things, attempt), columns are
slots, so that experts and scopes are chosen together. It is fitted by tabular Q-learning on recorded steps; a cell that
was seldom met borrows from the coarser cell above it. No network, no text, no card.

The file is JSON: {"format": 1, "values": {CELL: {SLOT: VALUE}}}; the cell '' holds for every state.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experts.files import write_whole
from poser.actions import ActionSet
from poser.learned.exploring import Explorer
from poser.learned.observation import kind_of, kind_of_drawing
from poser.plugins import Context
from poser.policies.table import section_of
from poser.types import PoserError, State, Step

LIMIT = 4 * 2**20
"""Bytes of a file."""
PRIOR = 4.0
"""Weight of the coarser cell's value in a cell's, in steps."""
SWEEPS = 6
"""Of the fit: the discount makes what is further ahead worth little."""
Values = Mapping[str, Mapping[str, float]]


def cells(state: State, actions: ActionSet, row: np.ndarray) -> tuple[str, ...]:
    """The cells of a state, from the coarsest to the finest, each the beginning of the next.

    Number of things: those that the critic read in the input picture, else words of what is to be drawn, by tens.
    """
    command, plan = state.plan.current, state.plan
    section = f"{section_of(actions, row)}{'' if state.task.image is None else ' given'}"
    scarce = "scarce" if len(plan.pending) > state.task.budget.steps - state.spent.steps else "enough"
    kind = kind_of(command) if command is not None else "none"
    things = str(min(9, len(state.seen.items)) // 3) if state.seen else kind_of_drawing((*plan.done, *plan.pending))
    parts = (section, scarce, kind, things, str(min(2, state.attempts)))
    return ("", *("/".join(parts[: k + 1]) for k in range(len(parts))))


@dataclass(frozen=True)
class ScopeTable:
    """The legal slot of the highest value; one that no cell of the state knows comes last."""

    id: str
    actions: ActionSet
    table: Values

    def values(self, states: Sequence[State], mask: np.ndarray) -> np.ndarray:
        """Value of every slot, float64 [B, K]: that of the finest cell that knows it; illegal ones -inf."""
        names = [str(action) for action in self.actions.slots]
        found = np.full(np.shape(mask), -np.inf)
        for line, state, row in zip(found, states, np.asarray(mask, bool), strict=True):
            rows = [self.table.get(cell, {}) for cell in reversed(cells(state, self.actions, row))]
            for k in np.flatnonzero(row):
                line[k] = next((cell[names[k]] for cell in rows if names[k] in cell), -1e9)
        return found

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        return [int(slot) for slot in self.values(states, mask).argmax(axis=1)]


@dataclass(frozen=True)
class Seen:
    """A step as the table sees it: cells, slot, reward; cells and legal slots afterwards, none where it ended."""

    cells: tuple[str, ...]
    slot: str
    reward: float
    after: tuple[str, ...]
    legal: tuple[str, ...]


def fit(steps: Sequence[Seen], gamma: float = 0.9) -> dict[str, dict[str, float]]:
    """The table of these steps; `gamma`: discount of the next one, [0, 1]."""
    table: dict[str, dict[str, float]] = {}
    for _ in range(SWEEPS):
        ahead: dict[tuple[tuple[str, ...], tuple[str, ...]], float] = {}
        sums: dict[tuple[str, str], list[float]] = {}
        for step in steps:
            key = (step.after, step.legal)
            if key not in ahead:
                ahead[key] = max((_value(table, step.after, name) for name in step.legal), default=0.0)
            for cell in step.cells:
                sums.setdefault((cell, step.slot), []).append(step.reward + gamma * ahead[key])
        table = {}
        for cell, slot in sorted(sums):  # a coarser cell is the beginning of a finer one: it comes first
            above = [] if not cell else _above(cell)
            found, prior = sums[cell, slot], _value(table, above, slot)
            table.setdefault(cell, {})[slot] = (sum(found) + PRIOR * prior) / (len(found) + PRIOR)
    return table


def _above(cell: str) -> tuple[str, ...]:
    parts = cell.split("/")
    return ("", *("/".join(parts[:k]) for k in range(1, len(parts))))


def _value(table: Values, line: Sequence[str], slot: str) -> float:
    """That of the finest cell that knows the slot; 0 where none does."""
    return next((table[cell][slot] for cell in reversed(line) if slot in table.get(cell, {})), 0.0)


class Learner(Explorer[ScopeTable]):
    """A table that explores and is fitted as it goes (`Explorer`'s arguments)."""

    id = "scope-table-learner"

    def __init__(self, actions: ActionSet, calls: int, seed: int = 0, every: int = 256, **more: Any) -> None:
        self.steps: list[Seen] = []
        super().__init__(actions, calls, seed, every, **more)

    def _remember(self, step: Step) -> None:
        before, after = self.actions.mask([step.before, step.after])
        at, there = (cells(s, self.actions, row) for s, row in ((step.before, before), (step.after, after)))
        legal = tuple(str(self.actions.slots[k]) for k in np.flatnonzero(after))
        self.steps.append(Seen(at, str(step.action), float(step.reward["total"]), there, legal))

    def _fitted(self) -> ScopeTable:
        return make(fit(self.steps), self.actions)


def make(table: Values, actions: ActionSet, name: str = "scope-table") -> ScopeTable:
    """The policy of a table; slots that this run lacks are never chosen."""
    digest = hashlib.sha256(json.dumps(table, sort_keys=True, default=dict).encode()).hexdigest()[:8]
    return ScopeTable(f"{name}@{digest}", actions, table)


def save(table: Values, path: Path) -> None:
    """Writes the file that `scope-table:FILE` reads."""
    rounded = {cell: {slot: round(value, 4) for slot, value in row.items()} for cell, row in table.items()}
    write_whole(path, (json.dumps({"format": 1, "values": rounded}) + "\n").encode())


def load(settings: Mapping[str, Any], context: Context) -> ScopeTable:
    """`scope-table:FILE`. Raises `PoserError`: no such file, one of another form, or of other experts."""
    argument, actions = str(settings.get("argument", "")), context.slots
    path = Path(argument)
    try:
        if not argument or not path.is_file():
            raise ValueError("there is no such file")
        if path.stat().st_size > LIMIT:
            raise ValueError(f"larger than {LIMIT} bytes")
        data = json.loads(path.read_text("utf-8"))
        if not isinstance(data, dict) or data.get("format") != 1 or not isinstance(data.get("values"), dict):
            raise ValueError("not of format 1")
        table = {str(cell): {str(k): float(v) for k, v in row.items()} for cell, row in data["values"].items()}
        if not all(math.isfinite(value) for row in table.values() for value in row.values()):
            raise ValueError("a value is no number")
        if not set(table.get("", {})) & {str(action) for action in actions.slots if action.expert}:
            raise ValueError("it knows none of this run's experts")
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise PoserError(
            f"no table in {argument!r} ({error!s:.100}); write scope-table:FILE, a table that fits"
        ) from None
    return make(table, actions, f"scope-table:{path.stem}")
