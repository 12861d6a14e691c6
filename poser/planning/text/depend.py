"""Whether a later command needs an earlier one to be carried out first."""

from __future__ import annotations

import re
from dataclasses import replace

from experts.poster.instruction import Instruction, Ref
from poser.types import Command

_PRONOUN = re.compile(r"\b(?:it|its|them|they|their|this|these|those)\b", re.I)
_WEAK = (
    "the and for make turn change replace remove add move place with into from that this then have more less very some "
    "colour color background picture image scene photo poster left right bottom center middle bigger smaller style"
)
_COMMON = frozenset(_WEAK.split())


def depends(later: Command, earlier: Command) -> bool:
    """Whether `later` may be about something that `earlier` makes or changes; in doubt, yes.

    Commands of the poster world are compared item by item, others by the nouns that they share.
    """
    if earlier.verb == "generate":
        return True
    first, second = earlier.meaning, later.meaning
    if first is not None and second is not None:
        if second.verb == "generate":
            return True
        if second.ref is None:  # an addition needs its cell to be free
            cells = {item.place for item in second.items}
            return second.verb == "add" and any(item.place in cells for item in _about(first))
        return any(_compatible(second.ref, item) for item in _about(first))
    return bool(_PRONOUN.search(later.wording)) or bool(_nouns(later) & _nouns(earlier))


def _nouns(command: Command) -> set[str]:
    return set(re.findall(r"[a-z]{3,}", command.wording.lower())) - _COMMON


def _compatible(one: Ref, other: Ref) -> bool:
    fields = ("shape", "colour", "size", "place")
    return all(None in (a, b) or a == b for a, b in ((getattr(one, f), getattr(other, f)) for f in fields))


def _about(instruction: Instruction) -> list[Ref]:
    """The items that an instruction makes or touches, before and after it."""
    refs = [Ref(item.shape, item.colour, item.size, item.place) for item in instruction.items]
    if instruction.ref is None:
        return refs
    old = replace(instruction.ref, side=None)
    new = Ref(
        instruction.shape or old.shape,
        instruction.colour or old.colour,
        instruction.size or old.size,
        instruction.place,
    )
    return [*refs, old, new]
