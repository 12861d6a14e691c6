"""One hand-written choice by verb: the expert made for it, the most specialised first; after a failure, draw anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experts.types import Card, Verb
from poser.actions import ActionSet
from poser.plugins import Context
from poser.types import Policy, State


@dataclass(frozen=True)
class Greedy:
    """No learning, no look at the picture: what the card says, one command at a time.

    A command that an editor failed at is drawn anew from the words where that is legal, else given to another editor.
    Where fewer calls are left than commands, all of them are drawn at once, if that is legal.
    """

    actions: ActionSet
    id: str = "greedy"

    def _order(self, verb: Verb, edit: bool) -> list[Card]:
        def rank(card: Card) -> tuple[bool, bool, int, float, float]:
            editor = card.mode == "image-to-image"
            return editor != edit, verb not in card.verbs, len(card.verbs), card.usd, card.seconds

        return sorted(self.actions.cards.values(), key=rank)

    def _choose(self, state: State, row: np.ndarray) -> int:
        command = state.plan.current
        if command is None:
            return int(row.argmax())
        if len(state.plan.pending) > state.task.budget.steps - state.spent.steps:
            whole = [self.actions.slot(card.id, "all") for card in self._order("generate", False)]
            drawing = [slot for slot in whole if row[slot] and self._draws(slot)]
            if drawing:
                return drawing[state.attempts % len(drawing)]
        edit = state.image is not None and state.attempts == 0
        legal = [slot for card in self._order(command.verb, edit) if row[slot := self.actions.slot(card.id)]]
        turn = state.attempts if state.task.image is not None else max(0, state.attempts - 1)
        return legal[turn % len(legal)] if legal else int(row.argmax())

    def _draws(self, slot: int) -> bool:
        return self.actions.cards[self.actions.slots[slot].expert or ""].mode == "text-to-image"

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        return [self._choose(state, row) for state, row in zip(states, mask, strict=True)]


def load(settings: Mapping[str, Any], context: Context) -> Policy:
    """`greedy`."""
    actions = context.slots
    return Greedy(actions)
