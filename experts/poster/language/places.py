"""Tokens -> places: 'in the top left corner', 'at the bottom', 'in each corner'."""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.language.altering import replace
from experts.poster.language.scanning import PLACES, Scan
from experts.poster.language.terms import Place, number
from experts.poster.language.tokens import Token

_POINTS = ("v", "h", "mid")
_LINKS = ("in", "to", "the", "of", "a", "fill", "from")
_MANY = ("all", "both")


def place_of(tokens: Sequence[Token]) -> Place:
    """The place that some place words name together."""
    place = Place()
    for token in tokens:
        place = _with_word(place, token)
    return place


def _with_word(place: Place, token: Token) -> Place:
    if token.tag == "v":
        return replace(place, v=token.value)
    if token.tag == "h":
        return replace(place, h=token.value)
    if token.tag == "mid":
        return replace(place, mid=True)
    if token.tag == "formation":
        return replace(place, kind="formation", many=True, cells=tuple(map(int, token.value)))
    if token.tag in ("everywhere", "outer"):
        return replace(place, kind=token.tag, many=True, free=token.value == "free")
    if place.kind == "everywhere" and not place.free:  # 'every cell of the left column'
        place = replace(place, kind="")
    if token.tag == "side" and token.text in ("end", "ends") and place.kind in ("", "row", "column"):
        return replace(place, kind=place.kind or "ends", many=True, count=2)
    if place.kind == "ends" and token.tag in ("row", "column"):
        return replace(place, kind=token.tag)
    many = place.many or token.sense.form == "s" or token.value == "many"
    return replace(place, kind="" if token.tag == "side" and place.kind else token.tag, many=many)


def place_at(scan: Scan) -> Place | None:
    """The place here, with the scan behind it; None (and the scan where it was) where there is none."""
    start = scan.at
    place, link = _introduced(scan)
    if not _named(scan, place):
        scan.at = start
        return None
    while True:
        if _whole_line(scan, place):
            break
        if _named(scan, place):
            place = _with_word(place, scan.tokens[scan.at])
        elif (
            place == Place(mid=True)
            and scan.text() == "of"
            and scan.tag(2) == "mid"
            and scan.tag(3) in ("row", "column")
        ):
            scan.at += 3  # 'the middle of the middle row'
            place = Place(kind="formation", cells=(4,))
        elif scan.tag() == "cell" and (place.v or place.h or place.mid) and not place.kind:
            pass  # 'the left cell of the bottom row'
        elif _vacant(scan):
            place = replace(place, free=True)
        elif not _continues(scan, place):
            break
        scan.at += 1
    if place.kind and scan.text() == "of" and scan.tag(1) in ("count", "size", "colour", "shape"):
        scan.at += 1  # 'a row of three stars'
        return replace(place, link="of")
    return replace(place, link=link)


def _whole_line(scan: Scan, place: Place) -> bool:
    """'the whole column left': the line goes there, it does not stand there."""
    bare = place.kind in ("row", "column") and not (place.v or place.h or place.mid)
    return bare and scan.tag() in ("h", "v") and scan.text(-2).startswith("whole")


def _named(scan: Scan, place: Place) -> bool:
    """Whether a word for a place is here, and says nothing against those before it."""
    tag, value = scan.tag(), scan.value()
    clash = (tag == "h" and place.h not in ("", value)) or (tag == "v" and place.v not in ("", value))
    return tag in PLACES and not clash


def _introduced(scan: Scan) -> tuple[Place, str]:
    """What stands before the words of a place: a link, how many ('each', 'two'), 'empty', 'other'."""
    place, link = Place(), ""
    while True:
        tag = scan.tag()
        if tag in _LINKS or (tag == "for" and scan.tag(1) in (*_MANY, "the")):
            link = tag if tag in ("in", "to", "from") and (not link or tag == "to") else link
        elif tag in _MANY and not scan.headed():
            place = replace(place, many=True)
        elif tag == "count" and scan.tag(1) in PLACES:
            count = number(scan.value())
            place = replace(place, count=count, many=(count or 1) > 1)
        elif tag == "count" and scan.text(1) == "of" and scan.tag(scan.past("of", "the", start=1)) == "corner":
            place = replace(place, count=number(scan.value()), many=True)  # 'three of the corners'
        elif tag in ("void", "other") and _leads(scan):
            place = replace(place, free=True, many=place.many or tag == "other")
        elif not (tag == "another" and scan.tag(1) in PLACES):
            return place, link
        scan.at += 1


def _leads(scan: Scan) -> bool:
    """Whether 'empty' or 'other' stands before a corner, a row or a column."""
    k = scan.past("count", "fill", "void", "v", "h", start=1)
    return scan.tag(k) in ("corner", "row", "column") or (scan.tag() == "void" and scan.tag(k) == "attr")


def _vacant(scan: Scan) -> bool:
    """Whether 'that is still empty' is here."""
    links = ("that", "is", "fill")
    relative = "that" in (scan.tag(), scan.tag(-1)) or scan.tag(-1) in links
    return (
        scan.tag() in (*links, "void") and scan.tag(scan.past(*links)) == "void" and (relative or scan.tag() == "void")
    )


def _continues(scan: Scan, place: Place) -> bool:
    """Whether a place goes on after a link: 'top of the left column', 'left on the top'."""
    if scan.tag() not in ("in", "of", "the", "fill") or "to" in scan.text().split():
        return False
    k = scan.past("of", "the", "in", "fill", start=1)
    tag = scan.tag(k)
    full = (place.v and place.h) or (place.mid and (place.v or place.h or tag == "mid"))
    full = full or (scan.tag() == "in" and tag in _POINTS and scan.tag(k + 1) in _POINTS)
    again = (tag == "v" and place.v) or (tag == "h" and place.h)
    return tag in PLACES and not full and not again and not scan.headed(k)
