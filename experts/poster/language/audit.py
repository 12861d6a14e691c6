"""Words of a clause that made no difference to its meaning: a sign that it was misread, which is said, never claimed.

A word is heard where another word in its place would have led elsewhere: 'remove the red star' with 'green' for 'red'
would have been refused. That holds whatever path a clause takes through the reader, so that no operation has to keep
account of the words that it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from experts.poster.language.altering import replace
from experts.poster.language.bearing import borne_out
from experts.poster.language.clauses import Clause
from experts.poster.language.lexicon import Sense
from experts.poster.language.tokens import Token
from experts.poster.language.wishes import Step
from experts.poster.language.world import World
from experts.poster.scene import COLOURS, SHAPES

Replay = Callable[[Step, Clause], World | None] | None
"""The world that a clause would have led to in the place of a step's own; None where it would have been refused.
Without a replay, a word is heard where the posters before or after its step show what it names."""
_OTHER = {
    ("v", "top"): Sense("v", "bottom"), ("v", "bottom"): Sense("v", "top"),
    ("h", "left"): Sense("h", "right"), ("h", "right"): Sense("h", "left"), ("mid", ""): Sense("h", "left"),
    ("size", "big"): Sense("size", "small"), ("size", "small"): Sense("size", "big"),
    ("more", "big"): Sense("more", "small"), ("more", "small"): Sense("more", "big"),
    ("most", "big"): Sense("most", "small"), ("most", "small"): Sense("most", "big"),
    ("corner", ""): Sense("row"), ("dir", "up"): Sense("dir", "down"), ("dir", "down"): Sense("dir", "up"),
    ("dir", "left"): Sense("dir", "right"), ("dir", "right"): Sense("dir", "left"),
    ("rel", "above"): Sense("rel", "below"), ("rel", "below"): Sense("rel", "above"),
    ("rel", "left"): Sense("rel", "right"), ("rel", "right"): Sense("rel", "left"),
}  # fmt: skip
_DROPPED = ("not", "no", "except", "only", "other", "same", "gone")
"""Words that must tell by their absence."""


def unheard(step: Step, replay: Replay) -> Iterator[Token]:
    """The words of a step's clause that made no difference and are not plainly true of what it is about. A clause that
    is forbidden, depends on a condition or takes something back may name what is not there."""
    clause = step.clause
    if step.wish.end or step.wish.reason or clause.negated or clause.otherwise or clause.verb == "undo":
        return
    for k, token in enumerate(clause.tokens):
        if not _heard(step, k, token, replay) and not borne_out(step, k):
            yield token


def _heard(step: Step, k: int, token: Token, replay: Replay) -> bool:
    clause = step.clause
    if replay is None or clause.corrected:
        return _shows(step.before, token) or _shows(step.after, token)
    others = [clause.tokens[:k] + clause.tokens[k + 1 :]] if token.tag in _DROPPED else _variants(step, k, token)
    for tokens in others:
        found = replay(step, replace(clause, tokens=tokens))
        if found is None or found.scene != step.after.scene or found.focus != step.after.focus:
            return True
    return not others


def _variants(step: Step, k: int, token: Token) -> list[tuple[Token, ...]]:
    """The clause with another word in the place of this one, and with it wherever the same is said again."""
    sense = _another(step, token)
    if sense is None:
        return []
    tokens = step.clause.tokens
    once = (*tokens[:k], replace(token, sense=sense), *tokens[k + 1 :])
    again = tuple(replace(t, sense=sense) if (t.tag, t.value) == (token.tag, token.value) else t for t in tokens)
    return [once] if once == again or not step.opening else [once, again]


def _another(step: Step, token: Token) -> Sense | None:
    """Another sense of the same kind, if possible one of which nothing is there."""
    if token.tag in ("colour", "shape"):
        values: Sequence[str] = tuple(COLOURS) if token.tag == "colour" else SHAPES
        there = {getattr(thing, token.tag) for world in (step.before, step.after) for thing in world.things}
        there |= {step.before.ground, step.after.ground, *(t.value for t in step.clause.tokens)}
        rest = [value for value in values if value != token.value]
        return replace(token.sense, value=next((value for value in rest if value not in there), rest[0]))
    if token.tag == "count" and token.value.isdigit():
        return replace(token.sense, value="3" if token.value == "2" else "2")
    return _OTHER.get((token.tag, token.value.removesuffix(" post")))


def _shows(world: World, token: Token) -> bool:
    """Whether a poster has what a word names; True for words that name nothing of the kind."""
    if token.tag == "colour":
        return token.value == world.ground or any(thing.colour == token.value for thing in world.things)
    if token.tag in ("shape", "size"):
        return any(getattr(thing, token.tag) == token.value for thing in world.things)
    return True
