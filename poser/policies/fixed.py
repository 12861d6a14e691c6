"""Always the same experts: `fixed:<text-to-image>`, `fixed:<image-to-image>` or `fixed:<one>+<other>`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from poser.plugins import Context
from poser.protocols import Policy
from poser.types import PoserError, State


@dataclass(frozen=True)
class Fixed:
    """The first of its slots that is legal, an editor before a redraw; 'stop' where none is."""

    id: str
    slots: tuple[int, ...]

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        return [next((slot for slot in self.slots if row[slot]), int(row.argmax())) for row in mask]


def load(settings: Mapping[str, Any], context: Context) -> Policy:
    """`fixed:A` or `fixed:A+B`. Raises `PoserError` for an unknown expert."""
    argument = str(settings.get("argument", ""))
    actions = context.slots
    names = [name for name in argument.split("+") if name]
    if not names:
        raise PoserError(f"which expert? write fixed:NAME; experts are {', '.join(actions.cards)}")
    for name in names:
        if name not in actions.cards:
            close = difflib.get_close_matches(name, actions.cards, 1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise PoserError(f"no such expert: {name!r}; {hint}experts are {', '.join(actions.cards)}")
    editors_first = sorted(names, key=lambda name: actions.cards[name].mode != "image-to-image")
    return Fixed(f"fixed:{argument}", tuple(actions.slot(name) for name in editors_first))
