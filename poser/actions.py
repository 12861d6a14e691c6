"""The action set: which (expert, scope) slots exist, which of them a state allows, and what each hands over."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from experts.images import allowed_size, within
from experts.poster.scene import caption
from experts.types import Card, Request, Result, image_digest
from poser.protocols import Words
from poser.types import Action, Command, Plan, Scope, State, in_order

STOP = Action(None, "stop")
FIRST = "first "
"""How a scope of the next K commands begins."""


def carried_out(plan: Plan, scope: Scope) -> tuple[Command, ...]:
    """The commands that an action of this scope carries out: the first of those that are pending."""
    return plan.pending[: _count(plan, scope)]


def waiting(plan: Plan, scope: Scope) -> tuple[Command, ...]:
    """The pending commands that come after those."""
    return plan.pending[_count(plan, scope) :]


def _count(plan: Plan, scope: Scope) -> int:
    if scope.startswith(FIRST):
        return int(scope.removeprefix(FIRST))
    return {"current": 1, "all": len(plan.pending), "stop": 0}[scope]


def handed(plan: Plan, scope: Scope, card: Card) -> tuple[Command, ...]:
    """What an expert is told: the commands that it carries out, and where it draws anew, or needs words for the whole
    picture, also what is done, all in the order in which they were asked for."""
    own, whole = carried_out(plan, scope), card.mode == "text-to-image" or "description" in card.inputs
    return in_order(plan.done + own) if whole else own


def read_again(state: State, card: Card) -> list[str]:
    """Where an expert draws an input picture anew: what the critic reads in it, in words, before all that it is told;
    else nothing."""
    drawn = card.mode == "text-to-image" and state.task.image is not None and state.seen is not None
    return [caption(state.seen)] if drawn and state.seen else []


def request_of(state: State, card: Card, words: Words, seed: int, size: tuple[int, int] | None) -> Request:
    """The request that goes to the expert of a card.

    Args:
        state: editors get its picture and the task's references, those that can be told where to paint the mask too.
        seed: of the call.
        size: (width, height) px of what is drawn from words where the task wishes none.
    """
    task, editing = state.task, card.mode == "image-to-image" and state.image is not None
    images = (state.image, *task.references) if editing and state.image is not None else ()
    wanted = images[0].size if images else task.size or size
    return Request(
        words.prompt,
        images,
        task.mask if images and card.takes_mask else None,
        allowed_size(wanted, card) if wanted else None,
        seed,
        {name: value for wish in task.wishes for name, value in card.wishes.get(wish, {}).items()},
        words.asked,
        task.alpha,
    )


def held(state: State, result: Result | None) -> Result | None:
    """The result with what a task holds an expert to: outside of a mask every pixel is that of the picture before,
    whatever the expert did there, and a note says so; another size than the wished one is noted too."""
    task = state.task
    if result is None or result.image is None:
        return result
    if task.mask is None or state.image is None:
        other = task.image is None and task.size is not None and result.image.size != task.size
        sizes = "asked for {}x{} px, got {}x{} px".format(*(task.size or ()), *result.image.size) if other else ""
        return replace(result, notes=(*result.notes, sizes)) if other and sizes not in result.notes else result
    kept = within(result.image, state.image, task.mask)
    note = "changes outside of the mask taken back"
    if result.image.size == kept.size and image_digest(kept) == image_digest(result.image):
        return result
    return replace(result, image=kept, notes=(*result.notes, note))


def sentences(texts: Iterable[str]) -> str:
    """Texts as sentences of one text."""
    return ". ".join(text.rstrip(" .") for text in texts)


def anything(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random legal slot a row of a mask [B, K], int [B]; one uniform number is drawn a slot, legal or not."""
    return np.where(np.asarray(mask) != 0, rng.random(np.shape(mask)), -1.0).argmax(axis=1)


@dataclass(frozen=True)
class ActionSet:
    """K slots: 'stop' first, then every expert with every scope, in the order of the cards.

    `redraw`: text-to-image experts may draw a text-to-image task again when there already is a picture.
    `recreate`: they may draw an input picture anew, from what the critic reads in it and the commands.
    `allowed`: what may be chosen; 'stop' is legal even without where all else is barred.
    """

    slots: tuple[Action, ...]
    cards: Mapping[str, Card]
    redraw: bool = True
    allowed: tuple[Scope, ...] = ("current", "all", "stop")
    recreate: bool = False

    @classmethod
    def of(
        cls,
        cards: Iterable[Card],
        scopes: Sequence[Scope] = ("current", "all"),
        redraw: bool = True,
        recreate: bool = False,
    ) -> ActionSet:
        """The slots of these experts."""
        table = {card.id: card for card in cards}
        slots = [Action(name, scope) for name in table for scope in scopes]
        return cls((STOP, *slots), table, redraw, (*scopes, "stop"), recreate)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """Every scope of an expert, each once, in the order of the slots."""
        return tuple(dict.fromkeys(action.scope for action in self.slots if action.expert is not None))

    @cached_property
    def digest(self) -> str:
        """12 hexadecimal digits over slots and card versions; recorded with every trajectory."""
        names = [f"{action}@{self.cards[action.expert].version if action.expert else ''}" for action in self.slots]
        return hashlib.sha256("|".join(names).encode()).hexdigest()[:12]

    def slot(self, expert: str | None, scope: Scope = "current") -> int:
        """The number of a slot. Raises `ValueError` where there is none."""
        return self.slots.index(Action(expert, scope))

    def only(self, allowed: Iterable[Scope]) -> ActionSet:
        """The same slots, of which only these scopes may be chosen."""
        return replace(self, allowed=tuple(allowed))

    def _allows(self, state: State, action: Action) -> bool:
        if action.scope not in self.allowed:
            return False
        if action.expert is None:
            return state.image is not None
        card, budget, spent = self.cards[action.expert], state.task.budget, state.spent
        drawing = card.mode == "text-to-image"
        given = state.task.image is not None
        bound = state.task.references or state.task.mask is not None  # words alone know nothing of these
        anew = self.recreate and state.seen is not None and not bound if given else self.redraw
        if drawing and not (state.image is None or anew):
            return False
        if not drawing and (state.image is None or 1 + len(state.task.references) > card.pictures):
            return False
        if action.scope == "all" and not state.plan.remaining:
            return False  # the same as 'current'
        if action.scope.startswith(FIRST) and not waiting(state.plan, action.scope):
            return False  # the same as 'all', or more than there is
        if any(name == card.id and until > state.turn for name, until in state.down):
            return False
        return spent.usd + card.usd <= budget.usd and spent.seconds + card.seconds <= budget.seconds

    def mask(self, states: Sequence[State]) -> np.ndarray:
        """Legal slots, bool [B, K]; an ended state has none, any other at least one ('stop' if all else is barred)."""
        rows = np.zeros((len(states), len(self.slots)), dtype=bool)
        for row, state in zip(rows, states, strict=True):
            if not state.ended:
                row[:] = [self._allows(state, action) for action in self.slots]
                row[0] |= not row.any()
        return rows
