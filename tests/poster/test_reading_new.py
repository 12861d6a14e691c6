"""Requests that start from nothing: each kind of phrase in many wordings, with any shapes and colours."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.poster.language.reading import read
from experts.poster.scene import COLOURS, PLACES, SHAPES

CELLS = {"tl": 0, "tc": 1, "tr": 2, "ml": 3, "c": 4, "mr": 5, "bl": 6, "bc": 7, "br": 8}
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "tales around the wish": (
        "{p} {x} c",
        (
            "It's my sister's birthday and she adores {z}s, so one {p} {x} in the middle of a {g} page please",
            "For the nursery: {g} background, {p} {x} in the centre.",
            "My boss wants a {p} {x} in the centre, {g} background, because he likes it that way.",
            "It would be lovely if the page was {g} and had a {p} {x} in the middle.",
            "I need this by noon: {g} poster. {p} {x}, dead centre.",
            "{g} page, {p} {x} in the middle, if you'd be so kind.",
        ),
    ),
    "a colour that leads is the background": (
        "{p} {x} tc; {q} {y} bc",
        (
            "{g}, with a {p} {x} at the top and a {q} {y} at the bottom",
            "Let's go with {g}. A {p} {x} at the top, a {q} {y} at the bottom.",
            "Paint everything {g}, then a {p} {x} at the top and a {q} {y} at the bottom.",
            "Take a {g} page. {p} {x} at the top; at the bottom a {q} {y}.",
        ),
    ),
    "numbers behind nouns": (
        "{p} {x} tl,tc,tr",
        (
            "On {g}: {p} {x}s, three of them, in the top row",
            "{g} page. {p} {x}s x3 across the top",
            "{g} page, {x}s: 3, colour: {p}, position: top row",
            "{g} page, a {p} {x} three times in the top row",
        ),
    ),
    "figures": (
        "{p} {x} tl,tr,c,bl,br",
        (
            "Five {p} {x}s like the five on a die, {g} background",
            "{g} page with {p} {x}s in an x shape",
            "A quincunx of {p} {x}s on {g}",
            "{g} page. One {p} {x} per corner and one in the centre.",
        ),
    ),
    "a line from corner to corner": (
        "{p} {x} tl,c,br",
        (
            "Three {p} {x}s running down the diagonal from top left to bottom right, on {g}",
            "{g} page; {p} {x}s from the top left corner to the bottom right corner",
            "On {g}, three {p} {x}s on the falling diagonal",
        ),
    ),
    "parts of a group, said later": (
        "{p} {x} tl; {q} {x} tr",
        (
            "Two {x}s on {g}: one {p}, upper left; the other {q}, upper right",
            "Two {x}s on {g}. One of them is {p} and in the top left corner, the other is {q} and at the top right.",
            "Two {x}s on a {g} page, top left {p}, top right {q}",
            "{g} page with two {x}s in the top corners, {p} on the left and {q} on the right",
        ),
    ),
    "parts of corners": (
        "{p} {x} tl,tr; {q} {x} bl,br",
        (
            "{g} page, {x}s in all four corners: the two upper ones {p}, the two lower ones {q}",
            "A {x} in every corner, {p} at the top and {q} at the bottom, on {g}",
            "Four {x}s on {g}: two {p} ones in the top corners, two {q} ones in the bottom corners",
        ),
    ),
    "both sides": (
        "{p} {x} c; {q} {y} ml,mr",
        (
            "{g} page with a {p} {x} in the centre and {q} {y}s left and right of it",
            "{g}. {p} {x} in the middle. Put a {q} {y} to its left and one to its right.",
            "A {p} {x} in the middle of a {g} page and {q} {y}s left and right of the centre",
            "{g} page, {p} {x} in the middle, one {q} {y} left and one {q} {y} right of it",
        ),
    ),
    "names that are given": (
        "{p} {x} tc; {q} {y} bc s",
        (
            "{g} page, a {p} {x} at the top as the sun, a {q} {y} at the bottom for the boat. The boat is small.",
            "{g} page. {q} {y} at the bottom, that's the zorb. {p} {x} at the top. Make the zorb tiny.",
        ),
    ),
    "what was made last": (
        "{p} {x} c; {q} {x} ml",
        (
            "{g} page, {p} {x} in the middle. Duplicate it to the left. Recolour the copy {q}.",
            "{g} page, {p} {x} in the middle. Put another one on the left. The new one should be {q}.",
        ),
    ),
    "denied by contrast": (
        "{p} {x} tc",
        (
            "A page that isn't {q} but {g}, with a {p} {x}, not in the middle but at the top",
            "{g} page, {p} {x} at the top, not the bottom",
            "{q} page, {p} {x} at the top. Instead of {q} I'd rather have {g}.",
        ),
    ),
    "what stays empty": (
        "{p} {x} tc,bc",
        (
            "{g} page\ntop: {p} {x}\nmiddle: nothing\nbottom: {p} {x}",
            "{p} {x} at the top and at the bottom of a {g} page. In the middle nothing.",
            "{g} page, {p} {x} at the top, the same {x} again at the bottom, nothing in the centre",
        ),
    ),
    "lines with something in order": (
        "{p} {x} bl; {q} {y} bc; {p} {z} br",
        (
            "{g} page, three shapes in the bottom row, left to right: first a {p} {x}, then a {q} {y}, then a {p} {z}",
            "{g} page. In the last row a {p} {x}, a {q} {y} and a {p} {z}.",
            "{g} page; a {x}, a {y} and a {z} in the bottom row, coloured {p}, {q} and {p} respectively",
        ),
    ),
    "records": (
        "{p} {x} tl s; {q} {y} c b",
        (
            '{{"background": "{g}", "items": [{{"shape": "{x}", "color": "{p}", "pos": "top left", "size": "small"}}, '
            '{{"shape": "{y}", "color": "{q}", "pos": "center", "size": "big"}}]}}',
            "background: {g}\nItem 1: {p} {x}, top left, small\nItem 2: {q} {y}, centre, big",
            "bg={g}; {x}/{p}/top left/small; {y}/{q}/center/big",
        ),
    ),
    "one for another, again and again": (
        "{q} {z} bc",
        (
            "{g} page. {p} {x}, middle. Replace it by a {p} {y}. Replace that with a {q} {z}. Move it to the bottom.",
            "{g} page, {p} {x} in the middle. Swap it for a {q} {z}, then move that to the bottom.",
        ),
    ),
    "a line of which the outer ones differ": (
        "{p} {x} bl,br; {q} {x} bc",
        (
            "{g} page with three {x}s along the bottom, the outer two {p} and the middle one {q}",
            "Three {p} {x}s in the bottom row of a {g} page. The middle one should be {q}.",
            "Three {x}s in a row at the bottom of a {g} page. They should be {p}, but the middle one should be {q}.",
        ),
    ),
    "each of several": (
        "{p} {x} tl,tc,tr; {q} {y} ml,c,mr",
        (
            "{g} page, three {p} {x}s in the top row and below each of them a {q} {y}",
            "{g} page. A {p} {x} in every cell of the top row, underneath each a {q} {y}.",
        ),
    ),
    "except": (
        "{p} {x} tl,tr,bl; {q} {y} br",
        (
            "{g} page. Each corner holds a {p} {x}, except the bottom right, which holds a {q} {y}.",
            "{g} page, {p} {x}s in every corner but the bottom right one. A {q} {y} bottom right.",
        ),
    ),
}


def wanted(gold: str) -> set[tuple[str, str, str, str]]:
    """(colour, shape, place, size or '') of every thing of a gold in short."""
    rows = [part.split() for part in gold.split(";")]
    size = {"s": "small", "b": "big", "": ""}
    return {
        (colour, shape, PLACES[CELLS[cell]], size["".join(rest)])
        for colour, shape, cells, *rest in rows
        for cell in cells.split(",")
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_kind_of_phrase_is_read_in_any_of_its_wordings(kind, data):
    gold, wordings = KINDS[kind]
    ground, p, q = data.draw(st.lists(st.sampled_from(sorted(COLOURS)), min_size=3, max_size=3, unique=True))
    x, y, z = data.draw(st.permutations(sorted(SHAPES)).map(lambda shapes: shapes[:3]))
    names = {"g": ground, "p": p, "q": q, "x": x, "y": y, "z": z}
    text = data.draw(st.sampled_from(wordings)).format(**names)
    target = read(text).target
    assert target is not None and target.background == ground, (text, target)
    expected = wanted(gold.format(**names))
    sized = {row[:3]: row[3] for row in expected}
    found = {(i.colour, i.shape, PLACES[i.place or 0]): i.size for i in target.items}
    assert found.keys() == sized.keys(), (text, target)
    assert all(size in ("", found[row]) for row, size in sized.items()), (text, target)


@pytest.mark.parametrize(
    "text",
    ["Draw a kitchen with a red star", "a photo of a sunset", "a red star on a white page, and write hello below it"],
)
def test_what_no_poster_shows_is_said(text):
    assert any(wish.end for wish in read(text).wishes)


def test_what_is_to_stay_empty_and_is_not_is_a_contradiction():
    wishes = read("White page. A red star in the top row, and the top row is empty.").wishes
    assert any(wish.end == "not possible" for wish in wishes)


@pytest.mark.parametrize("between", ["\n", "\n\n", ".\n", ";\n", " \n- "])
def test_a_condition_may_begin_a_line(between: str) -> None:
    reading = read(f"A red circle in the center of a white poster{between}if any circle is black: remove it")
    assert not any("failed" in wish.reason for wish in reading.wishes) and reading.target is not None
