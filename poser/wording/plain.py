"""What an expert is handed: the user's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experts.types import Card
from poser.actions import handed, read_again, sentences
from poser.plugins import Context
from poser.protocols import Call, Words
from poser.types import Action, State

KEYS: tuple[str, ...] = ()


class Plain:
    """The user's own words, command by command; others only where a command does not stand alone without them."""

    id = "plain"

    def write(self, calls: Sequence[Call]) -> list[Words]:
        """Same length and order; see `poser.protocols.Wording`."""
        return [self._one(*call) for call in calls]

    def _one(self, state: State, action: Action, card: Card) -> Words:
        commands = handed(state.plan, action.scope, card)
        words = [*read_again(state, card), *(c.wording for c in commands)]
        return Words(sentences(words), sentences(c.text for c in commands))


def load(settings: Mapping[str, Any], context: Context) -> Plain:
    """It has no settings."""
    return Plain()
