"""Words of a clause that its meaning has no place for: a sign that it was misread, which is said and never claimed."""

from __future__ import annotations

from collections.abc import Iterator

from experts.poster.language.tokens import Token
from experts.poster.language.wishes import Step
from experts.poster.language.world import CORNERS, World


def unheard(step: Step) -> Iterator[Token]:
    """The colours, shapes, sizes and corners that a clause names and neither the poster before it nor the one after it
    shows. A clause that is forbidden, depends on a condition, or takes something back may name what is not there."""
    clause = step.clause
    if step.wish.end or step.wish.reason or clause.negated or clause.condition or clause.otherwise:
        return
    if any(token.tag in ("not", "no", "except", "if", "correct", "or", "allbut") for token in clause.tokens):
        return
    worlds = (step.before, step.after)
    yield from (token for token in clause.tokens if not any(_shows(world, token) for world in worlds))


def _shows(world: World, token: Token) -> bool:
    """Whether a poster has what a word names; True for words that name nothing of the kind."""
    things = world.things
    if token.tag == "colour":
        return token.value == world.ground or any(thing.colour == token.value for thing in things)
    if token.tag in ("shape", "size"):
        return any(getattr(thing, token.tag) == token.value for thing in things)
    return token.tag != "corner" or any(thing.place in CORNERS for thing in things)
