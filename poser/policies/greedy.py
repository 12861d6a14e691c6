"""One hand-written choice by verb: the experts made for it, the most specialised first; another one after a failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experts.types import Card, Verb
from poser.actions import ActionSet
from poser.types import Policy, State


@dataclass(frozen=True)
class Greedy:
    """No learning, no look at the picture: what the card says, one command at a time, then 'stop'."""

    actions: ActionSet
    id: str = "greedy"

    def _order(self, verb: Verb, has_image: bool) -> list[Card]:
        def rank(card: Card) -> tuple[bool, bool, int, float, float]:
            editor = card.mode == "image-to-image"
            return editor != has_image, verb not in card.verbs, len(card.verbs), card.usd, card.seconds

        return sorted(self.actions.cards.values(), key=rank)

    def _choose(self, state: State, row: np.ndarray) -> int:
        command = state.plan.current
        if command is None:
            return int(row.argmax())
        order = [self.actions.slot(card.id) for card in self._order(command.verb, state.image is not None)]
        legal = [slot for slot in order if row[slot]]
        return legal[state.attempts % len(legal)] if legal else int(row.argmax())

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        return [self._choose(state, row) for state, row in zip(states, mask, strict=True)]


def load(argument: str, actions: ActionSet) -> Policy:
    """`greedy`."""
    return Greedy(actions)
