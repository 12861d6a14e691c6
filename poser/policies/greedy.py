"""Choice by skill: the expert whose card has the highest score for the kind of command; after a failure, draw anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experts.types import Card, Verb
from poser.actions import ActionSet, handed
from poser.learned.observation import kind_of, kind_of_drawing
from poser.plugins import Context
from poser.protocols import Policy
from poser.types import Scope, State

DIGITS = 2
"""To so many digits skills are compared: tables print no more, and a probe of 8 calls knows less."""
UNKNOWN = -1.0
"""What an unknown skill counts as: less than any known one."""


def order(cards: Sequence[Card], kind: str, verb: Verb) -> list[Card]:
    """The cards in the order in which they are asked.

    The highest skill for the kind first, then the lowest price, then the fewest seconds. An unknown skill comes after
    every known one; of several unknown ones those that are made for the verb come first.
    """

    def rank(card: Card) -> tuple[float, bool, float, float]:
        skill = card.skills.get(kind)
        score = round(skill.score, DIGITS) if skill else UNKNOWN
        return -score, not skill and verb not in card.verbs, card.usd, card.seconds

    return sorted(cards, key=rank)


def served(card: Card, state: State) -> bool:
    """Whether what the card needs (`Card.inputs`) is there: the whole of a picture is described where it was drawn from
    words, not where it was given."""
    there = {"mask": state.task.mask is not None, "description": state.task.image is None}
    return all(there[need] for need in card.inputs)


KEYS: tuple[str, ...] = ()
"""It takes no argument."""


@dataclass(frozen=True)
class Greedy:
    """No learning, no look at the picture: what the cards say, one command at a time.

    A command that an editor failed at is drawn anew from the words where that is legal, else given to another editor.
    Where fewer calls are left than commands, all of them are drawn at once, if that is legal. An expert that lacks what
    it needs is asked only where no other may be.
    """

    actions: ActionSet
    id: str = "greedy"

    def _drawers(self, state: State, scope: Scope) -> list[Card]:
        cards = [card for card in self.actions.cards.values() if card.mode == "text-to-image"]
        return order(cards, kind_of_drawing(handed(state.plan, scope, cards[0])), "generate") if cards else []

    def _order(self, state: State) -> list[Card]:
        """Every expert for the current command: editors first at the first attempt with a picture, else drawers."""
        command = state.plan.current
        editors = [card for card in self.actions.cards.values() if card.mode == "image-to-image"]
        editors = order(editors, kind_of(command), command.verb) if command else []
        drawers = self._drawers(state, "current")
        return editors + drawers if state.image is not None and state.attempts == 0 else drawers + editors

    def _choose(self, state: State, row: np.ndarray) -> int:
        if state.plan.current is None:
            return int(row.argmax())
        if len(state.plan.pending) > state.task.budget.steps - state.spent.steps:
            drawing = [slot for card in self._drawers(state, "all") if row[slot := self.actions.slot(card.id, "all")]]
            if drawing:
                return drawing[state.attempts % len(drawing)]
        legal = [card for card in self._order(state) if row[self.actions.slot(card.id)]]
        legal = [card for card in legal if served(card, state)] or legal
        turn = state.attempts if state.task.image is not None else max(0, state.attempts - 1)
        return self.actions.slot(legal[turn % len(legal)].id) if legal else int(row.argmax())

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        return [self._choose(state, row) for state, row in zip(states, mask, strict=True)]


def load(settings: Mapping[str, Any], context: Context) -> Policy:
    """`greedy`."""
    actions = context.slots
    return Greedy(actions)
