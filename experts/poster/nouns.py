"""Noun phrases: adjectives, places, groups of items, the background, and words that point at one item.

Every reader here steps over what it understands and returns it; where it understands nothing it returns None (or an
empty list) and the cursor stays where it was.
"""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.instruction import SIDES, Ref
from experts.poster.scene import COLOURS, SHAPES, SIZES, Item
from experts.poster.words import COUNTS, Cursor, whole

_ROWS = {"toprow": [0, 1, 2], "middlerow": [3, 4, 5], "bottomrow": [6, 7, 8]}
_ROWS |= {"leftcolumn": [0, 3, 6], "middlecolumn": [1, 4, 7], "rightcolumn": [2, 5, 8]}
_SHAPE = {form: shape for shape in SHAPES for form in (shape, shape + "s")}
_NUMBER = {"a": 1, "an": 1, "another": 1} | {word: k for k, word in enumerate(COUNTS, 1)}
_NUMBER |= {str(k): k for k in range(1, 6)}
_ANYTHING = ("item", "object", "shape", "thing", "one")
_WHERE = {"on", "in", "at", "the"}
_LINKS = {"in", "at", "on", "to", "into", "onto", "the", "of", "near"}


def adjectives(cursor: Cursor) -> tuple[str | None, str | None]:
    """Size and colour in either order; None where one is not named."""
    size = cursor.take(*SIZES)
    colour = cursor.take(*COLOURS)
    return size or cursor.take(*SIZES) or None, colour or None


def shape(cursor: Cursor) -> str | None:
    """'star' or 'stars'."""
    return _SHAPE.get(cursor.take(*_SHAPE))


def _cell(cursor: Cursor) -> int | None:
    word = cursor.word
    return int(word[1:]) if word.startswith("@") and cursor.take(word) else None


@whole
def _further_cell(cursor: Cursor) -> int | None:
    """', at the center', 'and center'."""
    if not cursor.take("and", ","):
        return None
    cursor.take("and")
    cursor.skip(_LINKS)
    return _cell(cursor)


@whole
def places(cursor: Cursor, many: bool) -> list[int] | None:
    """'at the top left', 'at top left and center' (where there may be `many`), 'in the top row': cells 0..8."""
    cursor.skip(_LINKS)
    if row := cursor.take(*_ROWS):
        return list(_ROWS[row])
    found = []
    cell = _cell(cursor)
    while cell is not None:
        found.append(cell)
        cell = _further_cell(cursor) if many else None
    return found or None


def _spread(cells: list[int], count: int) -> list[int] | None:
    """One cell for each of `count` items: two items in a row of three stand at its ends. None where they do not fit."""
    if count == 2 and cells in _ROWS.values():
        return [cells[0], cells[-1]]
    return cells if len(cells) == count else None


@whole
def group(cursor: Cursor) -> list[Item] | None:
    """'three small red stars at top left, center and bottom right' -> its items."""
    count = _NUMBER.get(cursor.take(*_NUMBER), 1)
    size, colour = adjectives(cursor)
    kind = shape(cursor)
    if kind is None or colour is None:
        return None
    named = places(cursor, many=count > 1)
    cells: Sequence[int | None] | None = [None] * count if named is None else _spread(named, count)
    return None if cells is None else [Item(cell, kind, colour, size or "big") for cell in cells]


@whole
def _further_group(cursor: Cursor) -> list[Item] | None:
    cursor.skip({",", "and", "with", "plus", "."})
    return group(cursor)


def groups(cursor: Cursor) -> list[Item]:
    """The items of all groups that follow one another."""
    items: list[Item] = []
    while more := _further_group(cursor):
        items += more
    return items


@whole
def background(cursor: Cursor) -> str | None:
    """'on a yellow background', 'yellow background', 'the background is yellow' -> the colour."""
    cursor.skip({",", "and", ".", "with", "on", "over", "against", "in", "a", "an", "the", "before"})
    if colour := cursor.take(*COLOURS):
        return colour if cursor.take("background") else None
    if not cursor.take("background"):
        return None
    cursor.skip({"is", "in", "colour"})
    return cursor.take(*COLOURS) or None


@whole
def _at(cursor: Cursor) -> int | None:
    """'at the top left' -> its cell."""
    return _cell(cursor) if cursor.skip(_WHERE) else None


@whole
def _on(cursor: Cursor) -> str | None:
    """'on the left' -> the side."""
    cursor.skip(_WHERE)
    return cursor.take(*SIDES) or None


@whole
def ref(cursor: Cursor) -> Ref | None:
    """'the small red star at the top left', 'the left star', 'the star on the left'; never several ('the stars')."""
    if not cursor.take("the"):
        return None
    side = cursor.take(*SIDES, "leftmost", "rightmost").removesuffix("most") or None
    size, colour = adjectives(cursor)
    noun = cursor.take(*_SHAPE, *_ANYTHING)
    if not noun or noun.endswith("s"):
        return None
    cursor.take("that", "which")
    cursor.take("is")
    cell = _at(cursor)
    if cell is None and side is None:
        side = _on(cursor)
    return Ref(_SHAPE.get(noun), colour, size, cell, side)
