"""A policy of one rule: draw everything at once, then mend what the critic refused, command by command."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from poser.actions import ActionSet
from poser.plugins import Context
from poser.policies.greedy import Greedy
from poser.types import PoserError, State


class DrawThenMend:
    """Needs fewer calls than 'greedy', which spends one on every command.

    Args:
        actions: the slots: every expert, with the current command or with all that are pending.
        artist: the text-to-image expert that draws the whole prompt.
    """

    def __init__(self, actions: ActionSet, artist: str) -> None:
        self.first, self.mend = actions.slot(artist, "all"), Greedy(actions)
        self.id = f"draw-then-mend:{artist}"

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state; `mask` [B, K] says which are."""
        slots = self.mend(states, mask)
        for k, state in enumerate(states):
            if state.image is None and mask[k, self.first]:  # 'all' is legal where more than one command is pending
                slots[k] = self.first
        return slots


def load(settings: Mapping[str, Any], context: Context) -> DrawThenMend:
    """The policy; `argument` is what stands behind the colon of --policy ./policy.py:EXPERT."""
    artists = [card.id for card in context.slots.cards.values() if card.mode == "text-to-image"]
    artist = settings["argument"] or next(iter(artists), "")
    if artist not in artists:
        raise PoserError(f"no artist {artist!r}; write policy.py:EXPERT with one of {', '.join(artists) or 'none'}")
    return DrawThenMend(context.slots, artist)
