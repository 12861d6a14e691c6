"""One expert a kind of command, from a file: `table:FILE`. 'Per-verb best' is such a table, measured by `fit`.

The file is JSON: {"format": 1, "draw": {KIND: EXPERT, "*": EXPERT}, "edit": {...}}. 'draw' holds where text-to-image
experts are legal, 'edit' where only editors are; '*' stands for every kind that is not named.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from poser.actions import ActionSet
from poser.learned.observation import kind_of
from poser.plugins import Context
from poser.protocols import Policy
from poser.reward import gain
from poser.types import PoserError, State, Step

Choices = Mapping[str, Mapping[str, str]]
"""'draw' and 'edit' -> kind of command (`observation.kind_of`) or '*' -> card id."""
SECTIONS = ("draw", "edit")
LIMIT = 2**20
"""Bytes of a file."""
PRIOR = 3.0
"""Weight of an expert's mean over all kinds in its mean for one kind, in calls."""


def section_of(actions: ActionSet, row: np.ndarray) -> str:
    """'draw' where a mask [K] allows a text-to-image expert, else 'edit'."""
    names = {actions.slots[k].expert for k in np.flatnonzero(row)}
    return "draw" if any(name and actions.cards[name].mode == "text-to-image" for name in names) else "edit"


@dataclass(frozen=True)
class Table:
    """The named expert, one command at a time; where it is barred, that of '*', then the first legal slot."""

    id: str
    actions: ActionSet
    choices: Choices

    def _choose(self, state: State, row: np.ndarray) -> int:
        choices = self.choices[section_of(self.actions, row)]
        kind = kind_of(state.plan.current) if state.plan.current else "*"
        slots = [self.actions.slot(choices[name]) for name in (kind, "*") if name in choices]
        return next((slot for slot in slots if row[slot]), int(row.argmax()))

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        return [self._choose(state, row) for state, row in zip(states, mask, strict=True)]


def fit(steps: Iterable[Step], actions: ActionSet) -> dict[str, dict[str, str]]:
    """The table of the experts with the highest mean gain, from steps that handed over one command at a time.

    The gain of a step is that of the picture's value times the number of commands, 0 where it was reverted or failed.
    A mean counts `PRIOR` calls at the expert's overall mean. A section without any step is empty.
    """
    gains: dict[str, dict[str, dict[str, list[float]]]] = {section: {} for section in SECTIONS}
    for step in steps:
        if step.action.expert is None or step.action.scope != "current" or step.before.plan.current is None:
            continue
        section = gains[section_of(actions, actions.mask([step.before])[0])]
        kind = kind_of(step.before.plan.current)
        for name in (kind, "*"):
            section.setdefault(name, {}).setdefault(step.action.expert, []).append(gain(step.before, step.after))
    return {
        section: {kind: _best(found, kinds["*"]) for kind, found in kinds.items()} for section, kinds in gains.items()
    }


def _best(found: Mapping[str, list[float]], overall: Mapping[str, list[float]]) -> str:
    """The expert with the highest mean; ties by name."""

    def mean(name: str) -> float:
        return float((sum(found[name]) + PRIOR * np.mean(overall[name])) / (len(found[name]) + PRIOR))

    return min(found, key=lambda name: (-mean(name), name))


def make(choices: Choices, actions: ActionSet, name: str = "table") -> Table:
    """The policy of `choices`. Raises `PoserError` for a section or an expert that there is not."""
    for section in SECTIONS:
        if not isinstance(choices.get(section), Mapping):
            raise PoserError(f'{name}: no {section!r} in the table; write {{"draw": {{...}}, "edit": {{...}}}}')
        for kind, expert in choices[section].items():
            if expert not in actions.cards:
                close = difflib.get_close_matches(str(expert), actions.cards, 1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise PoserError(
                    f"{name}: no such expert {expert!r} for {kind!r}; {hint}experts are {', '.join(actions.cards)}"
                )
    digest = hashlib.sha256(json.dumps([choices[s] for s in SECTIONS], sort_keys=True, default=dict).encode())
    return Table(f"{name}@{digest.hexdigest()[:8]}", actions, {s: dict(choices[s]) for s in SECTIONS})


def save(choices: Choices, path: Path) -> None:
    """Writes the file that `table:FILE` reads."""
    data = {"format": 1} | {section: dict(choices[section]) for section in SECTIONS}
    path.write_text(json.dumps(data, indent=1) + "\n", "utf-8")


def load(settings: Mapping[str, Any], context: Context) -> Policy:
    """`table:FILE`. Raises `PoserError`: no such file, one of another form, an expert that there is not."""
    argument = str(settings.get("argument", ""))
    actions = context.slots
    path = Path(argument)
    if not argument or not path.is_file():
        raise PoserError(f"no table {argument!r}; write table:FILE, a JSON file that names an expert a kind of command")
    try:
        if path.stat().st_size > LIMIT:
            raise ValueError(f"larger than {LIMIT} bytes")
        data = json.loads(path.read_text("utf-8"))
        if not isinstance(data, dict) or data.get("format") != 1:
            raise ValueError("not of format 1")
    except (OSError, ValueError, RecursionError) as error:
        raise PoserError(
            f'{argument!r} is no table ({error}); write {{"format": 1, "draw": {{}}, "edit": {{}}}}'
        ) from None
    return make(data, actions, f"table:{path.stem}")
