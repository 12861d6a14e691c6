"""The two-line rule: `two-lines`. Whatever learns has to beat it.

Without an input picture: the drawing expert that scores highest by its card, handed everything, until it is done. With
one: the editor that scores highest for the kind of command, one command at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from poser.actions import ActionSet, handed
from poser.learned.observation import kind_of, kind_of_drawing
from poser.plugins import Context
from poser.policies.greedy import order
from poser.types import Scope, State

KEYS: tuple[str, ...] = ()
"""It takes no argument."""


@dataclass(frozen=True)
class TwoLines:
    """The rule; where what it names is barred, the next by the cards, then the first legal slot."""

    actions: ActionSet
    id: str = "two-lines"

    def _choose(self, state: State, row: np.ndarray) -> int:
        command, cards = state.plan.current, list(self.actions.cards.values())
        names: list[tuple[str, Scope]]
        if command is None:
            return int(row.argmax())
        if state.task.image is None:
            drawers = [card for card in cards if card.mode == "text-to-image"]
            kind = kind_of_drawing(handed(state.plan, "all", drawers[0])) if drawers else ""
            whole: tuple[Scope, ...] = ("all", "current")
            names = [(card.id, scope) for card in order(drawers, kind, "generate") for scope in whole]
        else:
            editors = [card for card in cards if card.mode == "image-to-image"]
            names = [(card.id, "current") for card in order(editors, kind_of(command), command.verb)]
        return next((slot for name in names if row[slot := self.actions.slot(*name)]), int(row.argmax()))

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        return [self._choose(state, row) for state, row in zip(states, mask, strict=True)]


def load(settings: Mapping[str, Any], context: Context) -> TwoLines:
    """`two-lines`."""
    return TwoLines(context.slots)
