"""Things in the place of others: replacing and swapping."""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.language.altering import replace
from experts.poster.language.changing import become
from experts.poster.language.resolve import like, things_of
from experts.poster.language.terms import GROUNDS, Element, Except, Mark, Noun, Place, Relation, Spec, joined
from experts.poster.language.world import Puzzled, Refused, Thing, World, within


def replaced(world: World, elements: Sequence[Element]) -> World:
    """'replace the star with a heart'; attributes that are not named stay."""
    refs, spec, new, behind, left_out = list[Noun](), Spec(), None, False, list[Except]()
    for element in elements:
        if isinstance(element, Mark) and element.tag in ("with", "for", "to"):
            behind = True
        elif isinstance(element, Noun):
            if (behind or element.link in ("with", "for", "to", "as") or (refs and element.det == "a")) and refs:
                new = new or element
                behind = True
            else:
                refs.append(element)
        elif isinstance(element, Spec):
            if refs:
                spec = joined(spec, element)
        elif isinstance(element, Place):
            if not behind and refs:
                refs[-1] = replace(refs[-1], places=(*refs[-1].places, element))
        elif isinstance(element, Relation) and refs and not behind:
            refs[-1] = replace(refs[-1], relation=element)
        elif isinstance(element, Except):
            left_out.append(element)
    if not refs:
        raise Puzzled("replace what?")
    if any(noun.head in GROUNDS for noun in refs):
        colour = (new.spec.colour if new else "") or spec.colour
        if not colour:
            raise Puzzled("a background can only get another colour")
        return world.painted(colour)
    things = [
        t for noun in refs for t in things_of(world, replace(noun, det=noun.det if noun.definite else "the"), left_out)
    ]
    if new is not None and new.negative:
        return world.without(things)
    if (
        new is not None
        and new.head == "thing"
        and not new.shape
        and not new.spec.colour
        and not new.spec.size
        and not new.spec.same
    ):
        raise Puzzled("by what?")
    if new is None and spec == Spec():
        raise Puzzled("by what?")
    if new is not None and new.head in GROUNDS:
        raise Puzzled("by what?")
    model_spec = replace(spec, same=())
    if new is not None:
        new = replace(new, spec=replace(new.spec, same=(), like=None) if new.spec.like is None else new.spec)
    return become(world, things, model_spec, new).seen(things, len(things) > 1)


def _two(world: World, elements: Sequence[Element]) -> tuple[list[Thing], list[Thing], list[Noun]]:
    nouns = [e for e in elements if isinstance(e, Noun) and e.head not in GROUNDS]
    places = [e for e in elements if isinstance(e, Place)]
    tied: list[Noun] = []
    for element in elements:
        if isinstance(element, Noun) and element.head not in GROUNDS:
            tied.append(element)
        elif isinstance(element, Place) and tied and element.link != "to":
            tied[-1] = replace(tied[-1], places=(*tied[-1].places, element))
        elif isinstance(element, Relation) and tied:
            tied[-1] = replace(tied[-1], relation=element)
    if len(tied) >= 2:
        return things_of(world, tied[0]), [], tied
    if len(tied) == 1:
        noun = tied[0] if tied[0].several else replace(tied[0], plural=True)
        return things_of(world, replace(noun, plural=True)), [], tied
    if not nouns and len(places) == 2:
        return (
            [t for t in world.things if within(places[0], t.place)],
            [t for t in world.things if within(places[1], t.place)],
            tied,
        )
    focus = world.named(world.focus)
    return (list(focus) if len(focus) == 2 else list(world.things)), [], tied


def swap(world: World, elements: Sequence[Element]) -> World:
    """'swap the star and the heart', 'let the two circles swap colours'; 'swap the star for a heart' replaces it."""
    grounds = [e for e in elements if isinstance(e, Noun) and e.head in GROUNDS and e.link not in ("in", "of")]
    kinds = [e.value for e in elements if isinstance(e, Mark) and e.tag == "attr"]
    if grounds and "colour" in kinds:
        return _with_ground(world, elements)
    one, other, nouns = _two(world, elements)
    if len(nouns) >= 2:
        second = nouns[1]
        if (
            not second.definite
            and (second.det == "a" or second.link in ("for", "with"))
            and not any(like(t, second) for t in world.things if t not in one)
        ):
            return become(world, one, Spec(), second).seen(one)
        if second.det == "a" and second.link in ("for", "to"):
            return become(world, one, Spec(), second).seen(one)
        other = things_of(world, replace(second, det="the" if not second.definite else second.det))
    elif not other and len(one) == 2:
        one, other = one[:1], one[1:]
    kinds += [n.attr for n in nouns if n.attr]
    kinds = [k for k in dict.fromkeys(kinds) if k in ("colour", "size", "shape", "place")] or ["place"]
    if one and other and len(one) != len(other) and "place" not in kinds and (len(one) == 1 or len(other) == 1):
        changes = [replace(a, **{k: getattr(other[0], k) for k in kinds}) for a in one]
        changes += [replace(b, **{k: getattr(one[0], k) for k in kinds}) for b in other]
        return world.changed(*changes).seen([*one, *other], True)
    if not one or len(one) != len(other):
        raise Puzzled(f"which two should be swapped? ({world.listed()})")
    changes = []
    for a, b in zip(one, other, strict=True):
        changes += [replace(a, **{k: getattr(b, k) for k in kinds}), replace(b, **{k: getattr(a, k) for k in kinds})]
    return world.changed(*changes).seen([*one, *other], True)


def _with_ground(world: World, elements: Sequence[Element]) -> World:
    """'let the poster and the circle swap colours'."""
    nouns = [e for e in elements if isinstance(e, Noun) and e.head not in GROUNDS]
    things = [t for noun in nouns for t in things_of(world, noun)]
    colours = {thing.colour for thing in things}
    if world.ground is None or len(colours) != 1 or any(t.colour == world.ground for t in world.things):
        raise Refused(f"which colours should be swapped? ({world.listed()})")
    changes = [replace(thing, colour=world.ground) for thing in things]
    return replace(world, ground=colours.pop(), free=False).changed(*changes).seen(things)
