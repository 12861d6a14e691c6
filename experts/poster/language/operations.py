"""Removing, keeping, and conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from experts.poster.language.adding import describe, fill, put
from experts.poster.language.altering import replace
from experts.poster.language.changing import change, grow
from experts.poster.language.describing import Described, sorted_out
from experts.poster.language.exchanging import replaced, swap
from experts.poster.language.making import Entry, Recoloured
from experts.poster.language.placing import Elsewhere, copy, flip, move
from experts.poster.language.resolve import cells_near, like, said, things_of
from experts.poster.language.terms import (
    GROUNDS,
    Direction,
    Element,
    Except,
    Mark,
    Noun,
    Place,
    Relation,
    Spec,
    Strange,
)
from experts.poster.language.world import Puzzled, Refused, Thing, World, within

__all__ = [
    "Recoloured", "change", "copy", "describe", "dislike", "fill", "flip", "grow", "holds", "keep", "like", "move",
    "preferred", "put", "remove", "replaced", "shift", "strange", "swap", "take", "things_of",
]  # fmt: skip


def preferred(elements: Sequence[Element]) -> list[Element]:
    """'a circle rather than the heart': 'the heart' with 'a circle'; 'at the top, not in the middle': 'at the top'."""
    elements = _contrasted(elements)
    values = _other_value(elements)
    if values:
        return values
    compared = any(isinstance(e, Spec) and (e.more or e.most) for e in elements)
    tags = ("instead",) if compared else ("instead", "than")
    at = next((k for k, e in enumerate(elements) if isinstance(e, Mark) and e.tag in tags), None)
    if at is None or at + 1 >= len(elements):
        return list(elements)
    old, rest = elements[at + 1], [*elements[:at], *elements[at + 2 :]]
    new = next((e for e in rest if isinstance(e, Noun) and e.head not in GROUNDS and not e.definite), None)
    if isinstance(old, Noun) and new is not None:
        new_noun = replace(new, link="with")
        old_noun = old if old.definite else replace(old, det="the")
        return [Mark("instead"), old_noun, Mark("with"), *[new_noun if e is new else e for e in rest]]
    return rest


def _other_value(elements: Sequence[Element]) -> list[Element]:
    """'instead of blue I'd rather have orange', 'no green, rather black': what has the one value gets the other."""
    marks = [k for k, e in enumerate(elements) if isinstance(e, Mark) and e.tag in ("instead", "no", "not")]
    old = elements[marks[0] + 1] if len(marks) == 1 and marks[0] + 1 < len(elements) else None
    rest = [e for e in elements if e is not old and not isinstance(e, Mark)]
    if not isinstance(old, Spec) or not old.colour or old.size or old.denied:
        return []
    if old.listed and not rest:
        one, two = old.listed[0], old.listed[-1]
    elif len(rest) == 1 and isinstance(rest[0], Spec):
        one, two = old.colour, rest[0].colour
    elif len(rest) == 1 and isinstance(rest[0], Noun) and rest[0].head in GROUNDS:
        one, two = old.colour, rest[0].spec.colour
    else:
        return []
    meant = Noun("thing", det="all", plural=True, spec=Spec(colour=one))
    return [Mark("exchange"), meant, Spec(colour=two, link="to")] if two and two != one else []


def _contrasted(elements: Sequence[Element]) -> list[Element]:
    """'not in the middle but at the top', 'at the top, not the bottom': what is denied only tells more of the other."""
    out = list(elements)
    k = 0
    while k + 1 < len(out):
        word = out[k]
        denied = isinstance(word, Mark) and word.tag == "not" and isinstance(out[k + 1], Place)
        behind = out[k + 2] if k + 2 < len(out) else None
        before = next((e for e in reversed(out[:k]) if not (isinstance(e, Mark) and e.tag in ("comma", "and"))), None)
        if denied and isinstance(behind, Mark) and behind.tag in ("but", "instead") and k + 3 < len(out):
            del out[k : k + 3]
        elif denied and isinstance(before, Place):
            del out[k : k + 2]
        else:
            k += 1
    return out


def restart(world: World, elements: Sequence[Element]) -> World:
    """'Start over: ...' clears the poster and draws what is said behind."""
    world = world.without(world.things)
    return describe(world, elements, True) if elements else world


def dislike(world: World, elements: Sequence[Element]) -> World:
    """'I don't like the heart' asks for nothing yet."""
    raise Puzzled("what should be done about it?")


def take(world: World, elements: Sequence[Element]) -> World:
    """'take the star to the top' moves it; 'take the star' only turns to it."""
    if any(
        isinstance(e, Relation | Direction) or (isinstance(e, Place) and (e.link == "to" or len(elements) > 2))
        for e in elements
    ):
        try:
            return shift(world, elements)
        except Puzzled:
            pass
    nouns = [e for e in elements if isinstance(e, Noun) and e.head not in GROUNDS]
    places = tuple(e for e in elements if isinstance(e, Place))
    if not nouns:
        raise Puzzled("take what?")
    things = things_of(world, replace(nouns[0], places=(*nouns[0].places, *places)))
    specs = [e for e in elements if isinstance(e, Spec)]
    return change(world, elements) if specs else world.seen(things, len(things) > 1)


def shift(world: World, elements: Sequence[Element]) -> World:
    """'move the star up'; 'bring it down to small' changes it."""
    specs = any(isinstance(e, Spec) and e.size for e in elements)
    if specs and not any(isinstance(e, Place | Relation) for e in elements):
        return change(world, [e for e in elements if not isinstance(e, Direction)])
    try:
        return move(world, elements)
    except Elsewhere:
        return change(world, [e for e in elements if not isinstance(e, Direction)])


def remove(world: World, elements: Sequence[Element]) -> World:
    """'remove the red stars', 'clear the top row', 'delete everything except the heart'."""
    left_out = [e for e in elements if isinstance(e, Except)]
    refs: list[Noun] = []
    for element in elements:
        if isinstance(element, Noun) and not (element.head in GROUNDS and element.link in ("from", "of", "in")):
            placed = refs[-1].places if refs and refs[-1].head == "thing" and refs[-1].spec == Spec() else ()
            if placed and not element.shape and element.det == "all":
                refs.pop()  # 'in the top row, everything'
                element = replace(element, places=(*placed, *element.places))
            refs.append(element)
        elif isinstance(element, Place):
            if refs:
                refs[-1] = replace(refs[-1], places=(*refs[-1].places, element))
            else:
                refs.append(Noun("thing", det="all", plural=True, places=(element,)))
        elif isinstance(element, Relation) and refs:
            refs[-1] = replace(refs[-1], relation=element)
        elif isinstance(element, Spec) and not refs:
            refs.append(Noun("thing", det="all", plural=True, spec=element))
    if not refs and left_out:
        refs = [Noun("things", det="all", plural=True)]
    if not refs:
        raise Puzzled("remove what?")
    gone: list[Thing] = []
    for noun in refs:
        if noun.head in GROUNDS:
            if noun.det in ("all",) or noun.head == "poster":
                gone += world.things
                continue
            raise Refused("a poster always has a background; name another colour for it")
        if noun.det in ("it", "them") and world.focus and not world.named(world.focus):
            continue  # it is gone already
        if noun.det == "all" and noun.shape and not any(like(t, noun) for t in world.things):
            raise Refused(f"there is no {said(replace(noun, plural=False, det='the'))} ({world.listed()})")
        gone += [t for t in things_of(world, noun, left_out) if t not in gone]
    rest = world.without(gone)
    if left_out:
        spared = [t for other in left_out for noun in other.nouns for t in things_of(rest, noun)]
        return rest.seen(spared, len(spared) > 1)
    left = rest.named(world.focus)
    return rest.seen(left) if left else replace(rest, focus=tuple(thing.number for thing in gone), group=0)


def keep(world: World, elements: Sequence[Element]) -> World:
    """'keep only the star', 'keep everything but the star': what is not kept goes. 'Keep the star' asks for nothing."""
    nouns = [e for e in elements if isinstance(e, Noun) and e.head not in GROUNDS]
    only = any(isinstance(e, Mark) and e.tag == "only" for e in elements)
    left_out = [e for e in elements if isinstance(e, Except)]
    tied: list[Noun] = []
    for element in elements:
        if isinstance(element, Noun) and element.head not in GROUNDS:
            tied.append(element)
        elif isinstance(element, Place) and tied:
            tied[-1] = replace(tied[-1], places=(*tied[-1].places, element))
    if only and tied:
        kept = [t for noun in tied for t in things_of(world, noun if noun.definite else replace(noun, det="the"))]
        group = next((things_of(world, noun.of) for noun in tied if noun.of), world.things)
        return world.without([t for t in group if t not in kept]).seen(kept, len(kept) > 1)
    if left_out and any(noun.det == "all" for noun in nouns):
        gone = [t for other in left_out for n in other.nouns for t in things_of(world, n)]
        return world.without(gone)
    if any(isinstance(e, Place) for e in elements) and len(nouns) == 1 and nouns[0].det == "it":
        return shift(world, elements)  # 'leave it in the middle'
    spec = [e for e in elements if isinstance(e, Spec)]
    if spec and tied:
        return change(world, elements)
    kept = [t for noun in tied for t in things_of(world, noun if noun.definite else replace(noun, det="the"))]
    return world.seen(kept, len(kept) > 1) if kept else world


def holds(world: World, elements: Sequence[Element]) -> bool:
    """Whether a condition is true: 'there is a heart', 'the star is red', 'there are no circles'."""
    if world.ground is None:
        return False
    found = Described() if not elements else sorted_out(elements)
    if found.ground and not found.entries:
        return found.ground == world.ground
    if not found.entries:
        raise Puzzled("if what?")
    return all(_true(world, entry) for entry in found.entries)


def _true(world: World, entry: Entry) -> bool:
    noun = entry.noun
    places = [*noun.places, *entry.places]
    hits = [t for t in world.things if like(t, noun)]
    hits = [t for t in hits if all(within(p, t.place) for p in places)]
    if entry.relation is not None:
        try:
            cells = cells_near(world, entry.relation, strict=False)
        except Refused:
            return noun.negative
        hits = [t for t in hits if t.place in cells]
    if noun.det in ("it", "them"):
        hits = list(world.named(world.focus))
    target = entry.target
    if noun.det == "it" and not hits and target is not None and target.colour:
        return target.colour == world.ground  # 'if it is black', of the background
    if target is not None and hits:
        good = [
            t
            for t in hits
            if target.colour in ("", t.colour)
            and target.size in ("", t.size)
            and not {t.colour, t.size} & set(target.denied)
        ]
        return bool(good) if not (noun.several and noun.definite) else len(good) == len(hits)
    if noun.negative:
        return not hits
    if noun.count and noun.count > 1:
        return len(hits) == noun.count
    return bool(hits)


def strange(elements: Sequence[Element]) -> list[Strange]:
    """The words of a clause that nobody understands, those inside nouns as well."""
    found = [e for e in elements if isinstance(e, Strange)]
    nouns = [e for e in elements if isinstance(e, Noun)]
    nouns += [n for e in elements if isinstance(e, Relation | Except) for n in e.nouns]
    return found + [Strange(n.strange) for n in nouns if n.strange]


TABLE: dict[str, Callable[[World, Sequence[Element]], World]] = {
    "restart": restart,
    "remove": remove, "change": change, "replace": replaced, "move": shift, "dislike": dislike, "take": take,
    "swap": swap, "copy": copy, "flip": flip, "keep": keep, "touch": keep, "undo": keep,
}  # fmt: skip
"""What each verb does to a world."""
