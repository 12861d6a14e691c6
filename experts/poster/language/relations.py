"""Tokens -> relations: 'above the star', 'where the heart was', 'on the other side'."""

from __future__ import annotations

from experts.poster.language.altering import replace
from experts.poster.language.nouns import noun_at, placed
from experts.poster.language.places import place_at
from experts.poster.language.scanning import Scan
from experts.poster.language.terms import GROUNDS, HEADS, Noun, Place, Relation

_POSTER_SIDES = {
    "left": Place(h="left"),
    "right": Place(h="right"),
    "above": Place(v="top"),
    "below": Place(v="bottom"),
}


_PAIRS = {frozenset(("left", "right")): "sides", frozenset(("above", "below")): "poles"}


def relation_at(scan: Scan) -> Relation | Place | None:
    """'above the star', 'flanked by two hearts' (link 'by': of the thing before), 'in the opposite corner'."""
    if scan.tag() != "rel":
        return None
    start, kind, passive = scan.at, scan.value().split()[0], scan.text().endswith(" by")
    scan.at += 1
    if passive:
        return Relation(kind, (), "by")
    other = scan.value(1).split()[:1] if scan.tag() in ("and", "or") and scan.tag(1) == "rel" else []
    pair = _PAIRS.get(frozenset((kind, *other))) if other else None
    if pair is not None:  # 'above and below it'
        kind = pair
        scan.at += 2
    if kind == "opposite" and scan.tag() in ("corner", "side"):
        kind = "corner" if scan.tag() == "corner" else "across"
        scan.at += 1
        if scan.tag() not in ("of", "from", "to") or scan.tag(1) not in ("the", "it", "that"):
            return Relation(kind, (), scan.linked(start))
    spots = _spots(scan)
    if spots:
        return Relation(kind, (), scan.linked(start), spots)
    nouns = _listed(scan, kind == "between")
    side = _POSTER_SIDES.get(kind)
    if side is not None and nouns and nouns[0].head in GROUNDS:
        scan.at = start + 1
        return side
    return Relation(kind, nouns, scan.linked(start))


def _spots(scan: Scan) -> tuple[Place, ...]:
    """'(left of) the centre', '(between) the top left and the top right': cells, which something else stands near."""
    start, found = scan.at, list[Place]()
    while scan.tag() in ("the", "v", "h", "mid", "fill") and not scan.headed():
        place = place_at(scan)
        if place is None or place.link or place.kind not in ("", "corner") or not (place.mid or (place.v and place.h)):
            break
        found.append(place)
        start = scan.at
        scan.skip("and")
    scan.at = start
    return tuple(found)


def _listed(scan: Scan, pair: bool = False) -> tuple[Noun, ...]:
    """The things of a relation: one, or of a pair the second as well."""
    scan.skip("fill", "of")
    noun = noun_at(scan)
    if noun is None:
        return ()
    first = placed(scan, noun) if noun.det not in ("it", "them") else noun
    if pair and scan.tag() == "and":
        ahead = Scan(scan.tokens, scan.at + 1)
        second = noun_at(ahead)
        if second is not None and second.definite:
            scan.at = ahead.at
            return first, placed(scan, second)
    return (first,)


def there_at(scan: Scan) -> Relation | None:
    """'there', 'where the heart was', "to the heart's old spot", 'on the other side'."""
    start = scan.at
    if scan.tag() == "here":
        scan.at += 1
        return Relation("at", (), "in")
    found = _other_side(scan) or _left_spot(scan) or _where(scan) or _spot_of(scan)
    if found is None:
        scan.at = start
    return found


def _other_side(scan: Scan) -> Relation | None:
    k = scan.past("in", "to", "the", "fill")
    if (
        scan.tag(k) != "other"
        or scan.tag(k + 1) not in ("side", "corner")
        or scan.tokens[scan.at + k + 1].sense.form == "s"
    ):
        return None
    scan.at += k + 2
    kind = "across" if scan.tag(-1) == "side" else "corner"
    return Relation(kind, _listed(scan) if scan.tag() in ("of", "from") else (), "in")


_PAST = ("was", "were", "had been", "used to be", "used to stand", "used to sit", "once was", "had stood")


def _where(scan: Scan) -> Relation | None:
    start = scan.at
    if scan.tag() == "where":
        scan.at += 1
        scan.skip("of")
        noun = noun_at(scan)
        if noun is not None:
            past = scan.tag() == "is" and scan.text() in _PAST
            scan.skip("is", "then", "fill")
            return Relation("at", (replace(noun, past=past),), "in")
    scan.at = start
    return None


def _left_spot(scan: Scan) -> Relation | None:
    """'into the space the square has left', 'in the place that the star had'."""
    k = scan.past("in", "to", "the", "fill")
    if not k or scan.tag(k) != "attr" or scan.value(k) != "place":
        return None
    ahead = Scan(scan.tokens, scan.at + k + 1)
    ahead.skip("that", "where")
    noun = noun_at(ahead)
    freed = (
        "left",
        "leaves",
        "leave",
        "vacated",
        "freed",
        "had",
        "has",
        "occupied",
        "was",
        "behind",
        "used to",
        "held",
    )
    if noun is None or not noun.definite or ahead.text() not in freed:
        return None
    while ahead.text() in (*freed, "be", "in"):
        ahead.at += 1
    scan.at = ahead.at
    return Relation("at", (replace(noun, past=True),), "in")


def _spot_of(scan: Scan) -> Relation | None:
    start = scan.at
    if scan.tag() in ("to", "in"):
        scan.skip("to", "in", "fill")
        noun = noun_at(scan)
        if noun is not None and noun.attr == "place":
            return Relation("at", (replace(noun, attr="", past=True),), "in")
    scan.at = start
    return None


def its_side(scan: Scan) -> Relation | Place | None:
    """'to its right', 'on their left side'."""
    start = scan.at
    scan.skip("in", "to")
    if scan.at > start and scan.tag() == "it" and scan.tag(1) == "v" and scan.tag(2) == "h":
        scan.at += 1
        return place_at(scan)  # 'at its top left': a corner of the poster
    if scan.at > start and scan.tag() in ("it", "them") and scan.tag(1) in ("h", "v") and scan.tag(2) not in HEADS:
        noun = noun_at(scan)
        side = scan.value()
        if noun is not None and scan.tag() in ("h", "v"):
            scan.at += 1
            scan.skip("side")
            return Relation({"top": "above", "bottom": "below"}.get(side, side), (noun,), "to")
    scan.at = start
    return None
