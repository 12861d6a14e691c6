"""`parse`: one sentence -> its instruction. Each kind of sentence is one rule; the first that reads it all wins."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from experts.poster.instruction import Instruction, Ref
from experts.poster.nouns import adjectives, background, groups, places, ref, shape
from experts.poster.scene import COLOURS
from experts.poster.words import Cursor, tokens, whole

_ADD = ("add", "put", "place", "draw", "insert", "include", "paint", "set")
_REMOVE = ("remove", "delete", "erase", "drop", "clear")
_MOVE = ("move", "shift", "slide", "bring", "put", "place", "relocate", "send")
_SWAP = ("replace", "swap", "exchange", "substitute")
_CHANGE = (
    "make", "turn", "paint", "colour", "recolour", "recolor", "change", "dye", "fill", "switch", "set", "tint",
    "resize",
)  # fmt: skip
_DRAW = ("generate", "create", "draw", "make", "design", "produce", "render", "paint", "show", "compose")
_CANVAS = ("poster", "picture", "image", "scene", "canvas")
_BEFORE = {",", ".", ";", "then", "and"}
_AFTER = {",", ".", ";", "and", "instead"}


def _made(item: Ref, cursor: Cursor) -> Instruction | None:
    """What an item becomes, 'into a blue heart', 'red', 'to small': a shape, or else a colour, or else a size."""
    cursor.skip({"to", "into", "be", "in", "as", "with", "for", "by"})
    cursor.take("a", "an", "the", "one")
    size, colour = adjectives(cursor)
    if kind := shape(cursor):
        return Instruction("replace", ref=item, shape=kind, colour=colour, size=size)
    cursor.take("colour", "size")
    if colour and not size:
        return Instruction("recolour", ref=item, colour=colour)
    if size and not colour:
        return Instruction("resize", ref=item, size=size)
    return None


def _backed(cursor: Cursor) -> Instruction | None:
    """A colour that the background becomes."""
    colour = cursor.take(*COLOURS)
    return Instruction("background", background=colour) if colour else None


def _use(cursor: Cursor) -> Instruction | None:
    """'use a yellow background'."""
    colour = background(cursor) if cursor.take("use", "let") else None
    return Instruction("background", background=colour) if colour else None


def _change_background(cursor: Cursor) -> Instruction | None:
    """'change the background to yellow'."""
    if not (cursor.take(*_CHANGE, *_SWAP) and cursor.take("the") and cursor.take("background", "ground")):
        return None
    cursor.skip({"colour", "to", "into", "be", "with", "a", "in"})
    made = _backed(cursor)
    cursor.take("one", "background")
    return made


def _change_attribute(cursor: Cursor) -> Instruction | None:
    """'change the colour of the star to red', 'change the colour of the background to red'."""
    if not (cursor.take(*_CHANGE, *_SWAP) and cursor.take("the") and cursor.take("colour", "size")):
        return None
    if not cursor.take("of"):
        return None
    if item := ref(cursor):
        return _made(item, cursor)
    if not (cursor.take("the") and cursor.take("background")):
        return None
    cursor.take("to")
    return _backed(cursor)


def _change(cursor: Cursor) -> Instruction | None:
    """'make the star red', 'turn the star into a heart', 'resize the star to small'."""
    item = ref(cursor) if cursor.take(*_CHANGE) else None
    return _made(item, cursor) if item else None


def _swap(cursor: Cursor) -> Instruction | None:
    """'replace the star with a red heart': always by another shape."""
    item = ref(cursor) if cursor.take(*_SWAP) else None
    made = _made(item, cursor) if item else None
    return made if made and made.verb == "replace" else None


def _give(cursor: Cursor) -> Instruction | None:
    """'give the star a red colour'."""
    item = ref(cursor) if cursor.take("give") else None
    cursor.skip({"a", "an"})
    return _made(item, cursor) if item else None


def _scale(cursor: Cursor) -> Instruction | None:
    """'enlarge the star', 'scale the star down'."""
    verb = cursor.take("shrink", "enlarge", "grow", "scale")
    item = ref(cursor) if verb else None
    if item is None:
        return None
    up = verb in ("enlarge", "grow") or (verb == "scale" and cursor.take("up"))
    cursor.take("down")
    return Instruction("resize", ref=item, size="big" if up else "small")


def _remove(cursor: Cursor) -> Instruction | None:
    """'remove the star', 'take away the star from the poster', 'get rid of the star'."""
    away = cursor.take(*_REMOVE) or (cursor.take("take") and cursor.take("away", "out"))
    if not away and cursor.take("get"):
        away = cursor.take("rid")
        cursor.take("of")
    item = ref(cursor) if away else None
    cursor.skip({"from", "the", *_CANVAS})
    return Instruction("remove", ref=item) if item else None


def _move(cursor: Cursor) -> Instruction | None:
    """'move the star to the top left'."""
    verb = cursor.take(*_MOVE)
    item = ref(cursor) if verb else None
    if item is None:
        return None
    cells = places(cursor, many=False)
    if cells:
        return Instruction("move", ref=item, place=cells[0])
    if item.place is None or verb not in ("put", "place"):
        return None
    # 'put the star at the top left' has no other place: it says where the star goes, not which star is meant
    return Instruction("move", ref=Ref(item.shape, item.colour, item.size, side=item.side), place=item.place)


def _add(cursor: Cursor) -> Instruction | None:
    """'add a red star and two small blue circles at top left and center'."""
    items = groups(cursor) if cursor.take(*_ADD) else []
    cursor.skip({"to", "the", "onto", *_CANVAS})
    return Instruction("add", items=tuple(items)) if items else None


@whole
def _canvas(cursor: Cursor) -> str | None:
    """'a yellow poster' -> its colour, 'a poster' -> ''."""
    cursor.skip({"a", "an", "the"})
    colour = cursor.take(*COLOURS)
    return colour if cursor.take(*_CANVAS) else None


def _scene(cursor: Cursor) -> Instruction | None:
    """'draw a poster with a red star in the center and ... on a yellow background'."""
    cursor.take(*_DRAW)
    canvas = _canvas(cursor)
    cursor.skip({"with", "of", "showing", "that", "shows", "has", "containing", "where", "there", "is", "are"})
    colour = background(cursor) or canvas
    cursor.skip({"with", "showing", "holding"})
    items = groups(cursor)
    colour = background(cursor) or colour
    if colour and not items:
        cursor.skip({"with", "showing"})
    items += groups(cursor)
    if not (items or colour) or (canvas is None and not colour):
        return None
    return Instruction("generate", items=tuple(items), background=colour or "white")


Rule = Callable[[Cursor], Instruction | None]
_RULES: tuple[Rule, ...] = (
    _use,
    _change_background,
    _change_attribute,
    _change,
    _swap,
    _give,
    _scale,
    _remove,
    _move,
    _add,
    _scene,
)


@lru_cache(maxsize=4096)
def parse(text: str) -> Instruction | None:
    """The instruction that one sentence gives, or None where it is not about posters (or not understood)."""
    words = tokens(text)
    start, end = 0, len(words)
    while start < end and words[start] in _BEFORE:
        start += 1
    while start < end and words[end - 1] in _AFTER:
        end -= 1
    for rule in _RULES:
        cursor = Cursor(words[start:end])
        made = rule(cursor)
        if made is not None and cursor.done:
            return made
    return None
