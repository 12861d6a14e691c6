"""Tokens of a clause -> its elements: things, places, relations, attributes, in the order in which they were said."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from experts.poster.language.altering import replace
from experts.poster.language.nouns import noun_at, placed, spec_at
from experts.poster.language.places import place_at
from experts.poster.language.relations import its_side, relation_at, there_at
from experts.poster.language.scanning import Scan
from experts.poster.language.terms import (
    GROUNDS,
    HEADS,
    Direction,
    Element,
    Except,
    Mark,
    Noun,
    Place,
    Relation,
    Spec,
    Strange,
    number,
    with_word,
)
from experts.poster.language.tokens import Token

_ALONE = ("order", "pile", "axis", "only", "hedge", "void", "instead", "versa")
_MARKS = ("and", "comma", "but", "colon", "attr", "is", "both", "to", "for", "of", "in", "as", "with", "all", "count",
          "or", "not", "no", "from", "thing", "than", "name")  # fmt: skip
_BEHIND = ("\u7684", "\u306e")
"""Words between a place and the thing that stands there, in languages that name the place first."""


def elements(tokens: Sequence[Token]) -> list[Element]:
    """The elements of a clause in order."""
    scan = Scan(tokens)
    while scan.at < len(tokens):
        for reader in _READERS:
            found = reader(scan)
            if found is not None:
                _beside(scan.elements, found)
                break
        else:
            if scan.tag() in _MARKS:
                scan.elements.append(Mark(scan.tag(), scan.value()))
            scan.at += 1
    return scan.elements


def _beside(before: list[Element], found: Element) -> None:
    """Adds an element; 'next to it on the right', 'on the right, next to it': the side says where beside it."""
    last = before[-1] if before else None
    one, other = (last, found) if isinstance(last, Relation) else (found, last)
    if isinstance(one, Relation) and one.kind == "beside" and isinstance(other, Place) and one.nouns:
        side = {"top": "above", "bottom": "below"}.get(other.v, other.h if not other.v else "")
        if side and not (other.v and other.h) and not other.mid and other.kind in ("", "side") and not other.many:
            before[-1] = replace(one, kind=side)
            return
    before.append(found)


def _except_at(scan: Scan) -> Except | None:
    """'except the star', 'except at the top': what is left out."""
    if scan.tag() != "except":
        return None
    scan.at += 1
    scan.skip("for", "in", "from", "fill", "not")
    if scan.tag() == "where":
        scan.at += 1
    nouns, places = list[Noun](), list[Place]()
    while True:
        found = _left_out(scan)
        if isinstance(found, Noun):
            nouns.append(found)
        elif found is not None:
            places.append(found)
        if found is None or not _another_left_out(scan):
            return Except(tuple(nouns), tuple(places))
        scan.at += 1


def _left_out(scan: Scan) -> Noun | Place | None:
    noun = noun_at(scan)
    if noun is not None:
        return placed(scan, noun)
    place = place_at(scan)
    if place is not None:
        return place
    spec = spec_at(scan) if scan.tag() in ("colour", "size") else None
    return None if spec is None else Noun("thing", det="all", plural=True, spec=spec)


def _another_left_out(scan: Scan) -> bool:
    """Whether 'and' or a comma joins another thing that is left out, of which nothing is said."""
    if scan.tag() not in ("and", "comma") or scan.tag(1) in ("verb", "grow"):
        return False
    ahead = Scan(scan.tokens, scan.at + 1)
    noun = noun_at(ahead)
    if noun is not None:
        return noun.head not in GROUNDS and ahead.tag() not in ("colour", "size", "is")
    return place_at(Scan(scan.tokens, scan.at + 1)) is not None


def _former_at(scan: Scan) -> Mark | None:
    """'from red to blue': what it was says nothing about what it is to be."""
    if scan.tag() != "from" or scan.tag(1) not in ("colour", "size") or scan.headed(1):
        return None
    scan.at += 2
    return Mark("from")


def _alone_at(scan: Scan) -> Mark | None:
    if scan.tag() not in _ALONE:
        return None
    scan.at += 1
    return Mark(scan.tag(-1), scan.value(-1))


def _direction_at(scan: Scan) -> Direction | None:
    """'up', 'up one', 'one to the right', 'two cells left', 'a bit to the left'."""
    start = scan.at
    scan.skip("fill", "a", "hedge")
    found = _counted_steps(scan) or _steps_behind(scan)
    if found is None:
        scan.at = start
    return found


def _counted_steps(scan: Scan) -> Direction | None:
    """'two cells to the left'."""
    if scan.tag() != "count" and scan.text() != "one":
        return None
    start, steps = scan.at, number(scan.value()) or 1
    scan.at += 1
    if scan.tag() in ("row", "column", "attr", "thing", "side", "cell"):
        scan.at += 1
    scan.skip("fill")
    behind = scan.past("to", "the")
    if scan.tag(behind) == "h" and scan.tag(behind + 1) not in (*HEADS, "side", "column", "corner"):
        scan.at += behind + 1
        return Direction(scan.value(-1), steps)
    if scan.tag() == "dir":
        scan.at += 1
        return Direction(scan.value(-1), steps)
    scan.at = start
    return None


def _steps_behind(scan: Scan) -> Direction | None:
    """'up', 'up two cells', 'up by one'."""
    if scan.tag() != "dir":
        return None
    to = scan.value()
    scan.at += 1
    link = 1 if scan.tag() in ("in", "with") and (scan.tag(1) == "count" or scan.text(1) == "one") else 0
    if scan.tag(link) == "count" and scan.tag(link + 1) in (*HEADS, "colour", "size"):
        return Direction(to)
    if scan.tag(link) == "count" or scan.text(link) == "one":
        steps = number(scan.value(link)) or 1
        scan.at += link + 1
        if scan.tag() in ("cell", "row", "column", "attr"):
            scan.at += 1
        return Direction(to, steps)
    if scan.tag(link) == "another" and not scan.headed(link + 1) and scan.value(link + 1) != "size":  # 'up one more'
        scan.at += link + 1 + (scan.tag(link + 1) in ("cell", "row", "column", "attr"))
    elif scan.tag() == "a" and scan.tag(1) in ("row", "column", "cell"):
        scan.at += 2
    return Direction(to)


def _postposed(scan: Scan) -> Spec | None:
    """'heart black small': attributes right behind a noun that has none, where the next noun may follow at once."""
    last = scan.elements[-1] if scan.elements else None
    plain = (
        isinstance(last, Noun) and bool(last.shape) and last.det in ("", "a") and last.spec == Spec() and not last.count
    )
    if not plain or scan.tag() not in ("colour", "size") or scan.tag(-1) != "shape":
        return None
    if scan.tokens[scan.at].start - scan.tokens[scan.at - 1].end > 1:
        return None  # a verb stood between
    spec = Spec()
    while scan.tag() in ("colour", "size"):
        spec = with_word(spec, scan.tokens[scan.at])
        scan.at += 1
    return spec


def _noun_at(scan: Scan) -> Noun | Spec | Relation | None:
    """A thing; "the heart's colour" behind another thing is the attribute that this one gets."""
    start = scan.at
    noun = _attribute_of(scan) or noun_at(scan)
    if noun is None:
        return None
    noun = replace(noun, link=scan.linked(start))
    if noun.attr in ("colour", "size") and noun.definite and any(isinstance(e, Noun) for e in scan.elements):
        return Spec(same=(noun.attr,), like=replace(noun, attr=""))
    if scan.tag() == "rel" and scan.value().endswith("post"):
        scan.at += 1
        return Relation(scan.value(-1).split()[0], (noun,), "in")
    return noun


def _attribute_of(scan: Scan) -> Noun | None:
    """'the colour of the star'."""
    start = scan.at
    scan.skip("the")
    if scan.tag() == "attr" and scan.tag(1) == "of":
        kind = scan.value()
        scan.at += 2
        noun = noun_at(scan)
        if noun is not None:
            return replace(placed(scan, noun), attr=kind)
    elif scan.tag() == "attr" and scan.tag(1) in ("the", "it", "that"):  # 'the colour the circle has'
        kind = scan.value()
        scan.at += 1
        scan.skip("that" if scan.value() == "rel" else "")
        noun = noun_at(scan)
        if noun is not None and scan.tag() in ("with", "is"):
            scan.skip("with", "is", "fill")
            return replace(noun, attr=kind)
    scan.at = start
    return None


def _place_at(scan: Scan) -> Place | Noun | None:
    """A place; in languages that name the place first, the thing that stands there."""
    place = place_at(scan)
    if place is not None and scan.tag() == "of" and scan.text() in _BEHIND:
        scan.at += 1
        noun = noun_at(scan)
        if noun is not None:
            return replace(noun, places=(*noun.places, place))
    return place


def _strange_at(scan: Scan) -> Strange | None:
    """Unknown words, with the attributes before them: 'a striped', 'a black outline', 'rotated by 45 degrees'."""
    k = scan.past("a", "the", "colour", "size", "count", "more", "all", "no", "another", "most")
    if scan.tag(k) == "same" and scan.tag(k + 1) in ("row", "column", "corner", "side"):
        scan.at += k + 2
        return Strange(tuple(scan.tokens[scan.at - 2 : scan.at]))
    if scan.tag(k) != "unknown":
        return None
    while scan.tag(k) == "unknown" or (scan.tag(k) == "count" and scan.tag(k + 1) == "unknown"):
        k += 1
    scan.at += k
    return Strange(tuple(scan.tokens[scan.at - k : scan.at]))


def _spec_at(scan: Scan) -> Spec | None:
    """Attributes; those of a background or a poster are left to it."""
    start = scan.at
    begins = ("colour", "size", "more", "most", "gone", "not", "in", "to", "same", "of", "is", "as", "a", "with")
    if scan.tag() not in begins and not (scan.tag() == "the" and scan.tag(1) == "same"):
        return None
    spec = spec_at(scan)
    if spec is not None and spec.colour and scan.tag() in GROUNDS:
        scan.at = start
        return None
    return spec


_READERS: tuple[Callable[[Scan], Element | None], ...] = (
    _except_at, relation_at, there_at, its_side, _former_at, _alone_at, _direction_at, _postposed, _noun_at, _place_at,
    _strange_at, _spec_at,
)  # fmt: skip
