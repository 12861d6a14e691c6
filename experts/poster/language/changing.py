"""Things with other attributes: changing, replacing, exchanging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from experts.poster.language.making import Entry, Recoloured
from experts.poster.language.placing import move, moved
from experts.poster.language.resolve import like, things_of
from experts.poster.language.terms import GROUNDS, Direction, Element, Except, Mark, Noun, Place, Relation, Spec, joined
from experts.poster.language.world import Puzzled, Refused, Thing, World, within


def become(world: World, things: Sequence[Thing], spec: Spec, new: Noun | None = None) -> World:
    """Things with other attributes. Raises `Refused` where they are so already and cannot be more so."""
    if new is not None:
        spec = joined(spec, new.spec)
    if spec.clash:
        raise Refused(f"it cannot be {spec.clash} at once")
    if spec.gone:
        return world.without(things)
    shape = new.shape if new is not None else ""
    changes = []
    for thing in things:
        made = thing
        if shape:
            made = replace(made, shape=shape)
        for kind in ("colour", "size", "shape"):
            if kind in spec.same and not getattr(spec, kind, "") and (spec.like is not None or new is None):
                model = things_of(world, spec.like)[0] if spec.like else next((t for t in world.named(world.focus)[::-1] if t.number != thing.number), None)
                if model is None:
                    raise Puzzled("the same as what?")
                made = replace(made, **{kind: getattr(model, kind)}, chosen=made.chosen - {kind})
        if spec.colour:
            made = replace(made, colour=spec.colour, chosen=made.chosen - {"colour"})
        if spec.size:
            if spec.like is not None and not spec.more:
                made = replace(made, size=things_of(world, spec.like)[0].size)
            elif (spec.more or spec.most) and thing.size == spec.size and len(things) == 1:
                raise Refused(f"the {thing.shape} is {thing.size} already, and there is no {spec.size}ger size" if spec.size == "big" else f"the {thing.shape} is {thing.size} already, and there is no smaller size")
            else:
                made = replace(made, size=spec.size, chosen=made.chosen - {"size"})
        if made.colour in spec.denied or made.size in spec.denied:
            if spec.colour or spec.size or shape:
                pass
            else:
                raise Puzzled(f"which colour instead of {made.colour}?")
        changes.append(made)
    if not (shape or spec.colour or spec.size or spec.same or spec.gone or spec.denied):
        raise Puzzled("what should become of it?")
    return _changed(world, changes)


def _changed(world: World, changes: Sequence[Thing]) -> World:
    try:
        return world.changed(*changes)
    except Refused:
        if world.free and any(thing.colour == world.ground for thing in changes):
            raise Recoloured(changes[0].colour) from None
        raise


@dataclass
class Pair:
    """Things of a change and what becomes of them."""

    refs: list[Noun] = field(default_factory=list)
    left_out: list[Except] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    relation: Relation | None = None
    steps: list[Direction] = field(default_factory=list)
    spec: Spec | None = None
    new: Noun | None = None

    @property
    def full(self) -> bool:
        """Whether it was said what becomes of them."""
        return self.spec is not None or self.new is not None


def pairs(elements: Sequence[Element]) -> list[Pair]:
    """'make the heart blue and the star red' -> (heart, blue), (star, red)."""
    found, pair, gap = list[Pair](), Pair(), ""
    for k, element in enumerate(elements):
        if isinstance(element, Mark):
            gap = element.tag
            if element.tag == "hedge" and not any(isinstance(e, Spec) and e.more for e in elements) and not any(isinstance(e, Direction | Place) for e in elements):
                raise Puzzled("only a little: a colour or a size is one or the other")
            continue
        if isinstance(element, Noun):
            linked = gap in ("and", "comma", "but")
            becomes = (bool(pair.refs) or pair.full) and not element.definite and not element.other and (element.link in ("to", "with", "as", "in", "for") or element.det == "a" or not linked) and element.head in ("shape", "thing")
            if becomes and not (pair.full and pair.new is not None):
                pair.new = element
            else:
                if pair.full and pair.refs:
                    found.append(pair)
                    pair = Pair()
                pair.refs.append(element)
        elif isinstance(element, Spec):
            if pair.full and not pair.refs and pair.spec is not None and element.link in ("to", "in"):
                pair.refs.append(Noun("thing", det="all", plural=True, spec=pair.spec))
                pair.spec = element
            else:
                pair.spec = joined(pair.spec, element) if pair.spec else element
        elif isinstance(element, Place):
            if pair.refs and not pair.full and any(isinstance(e, Spec) or (isinstance(e, Noun)) for e in elements[k + 1 :]) :
                pair.refs[-1] = replace(pair.refs[-1], places=(*pair.refs[-1].places, element))
            elif not pair.refs and not pair.full:
                pair.refs.append(Noun("thing", det="all", plural=True, places=(element,)))
            else:
                pair.places.append(element)
        elif isinstance(element, Relation):
            if pair.refs and not pair.full:
                pair.refs[-1] = replace(pair.refs[-1], relation=element)
            else:
                pair.relation = element
        elif isinstance(element, Except):
            pair.left_out.append(element)
        elif isinstance(element, Direction):
            pair.steps.append(element)
        gap = ""
    return [*found, pair]


def change(world: World, elements: Sequence[Element]) -> World:
    """'make the star red', 'turn the star into a heart', 'the heart should be small and the star blue'."""
    found = [_alike(pair) for pair in pairs(elements)]
    if not any(pair.full for pair in found):
        if any(isinstance(e, Direction | Relation) for e in elements) or any(isinstance(e, Place) and e.link == "to" for e in elements):
            return move(world, elements)
        raise Puzzled("what should become of it?")
    start, touched = world, list[Thing]()
    for one, other in zip(found, found[1:], strict=False):
        _inherit(world, one, other)
    for number, pair in enumerate(found):
        if not pair.full:
            nxt = found[number + 1] if number + 1 < len(found) else None
            if nxt is None:
                raise Puzzled("what should become of it?")
            continue
        things, ground = _refs(start, world, pair)
        spec = pair.spec or Spec()
        if ground:
            colour = spec.colour or (pair.new.spec.colour if pair.new else "")
            if not colour and "colour" in spec.same and spec.like:
                colour = things_of(world, spec.like)[0].colour
            if not colour:
                raise Puzzled("a background can only get another colour")
            world = _repainted(world, colour, found[number + 1 :])
        if things:
            now = world.named([thing.number for thing in things])
            world = become(world, now, spec, pair.new)
            touched += now
            entry = Entry(Noun("thing"), pair.places, pair.relation, steps=pair.steps)
            if entry.placed:
                world = moved(world, world.named([thing.number for thing in things]), entry)
    world.check()
    return world.seen(world.named([thing.number for thing in touched]), len(touched) > 1 and len(found) == 1) if touched else world


def _inherit(world: World, one: Pair, other: Pair) -> None:
    """'the left star blue and the right one green': the one is a star as well."""
    shape = next((noun.shape for noun in one.refs if noun.shape), "")
    for k, noun in enumerate(other.refs):
        if shape and noun.head == "thing" and not noun.shape and noun.det == "the" and (noun.places or noun.other or noun.spec.colour):
            as_well = replace(noun, shape=shape)
            if any(like(thing, as_well) for thing in world.things):
                other.refs[k] = as_well


def _alike(pair: Pair) -> Pair:
    """'make the star the same colour as the heart': the likeness is what it gets, not which one is meant."""
    last = pair.refs[-1] if pair.refs else None
    if last is not None and not pair.full and last.spec.same:
        pair.spec = Spec(same=last.spec.same, like=last.spec.like)
        pair.refs[-1] = replace(last, spec=replace(last.spec, same=(), like=None))
    return pair


def _repainted(world: World, colour: str, later: Sequence[Pair]) -> World:
    """The background, where a later part of the same sentence may still change what could not be seen on it."""
    if later:
        return replace(world, ground=colour, free=False)
    return world.painted(colour)


def _refs(start: World, world: World, pair: Pair) -> tuple[list[Thing], bool]:
    """The things that a change is about, and whether the background is."""
    things: list[Thing] = []
    ground = False
    if not pair.refs:
        things = list(world.named(world.focus))
        if not things:
            raise Puzzled("what should be changed?")
    for noun in pair.refs:
        if noun.head in GROUNDS:
            if not (noun.link in ("of", "in", "from") and things):
                ground = True
            continue
        if noun.det == "it" and not world.named(world.focus) and len(world.things) != 1:
            ground = True
            continue
        if noun.spec.colour and noun.det == "all" and not noun.shape and noun.head == "thing" and noun.spec.colour == world.ground and not any(t.colour == noun.spec.colour for t in world.things):
            ground = True
            continue
        seen = start if noun.shape or noun.spec.colour or noun.spec.size else world
        things += [t for t in things_of(seen, noun, pair.left_out) if t not in things]
    return things, ground


def grow(world: World, elements: Sequence[Element], size: str) -> World:
    """'enlarge the star', 'shrink both'."""
    nouns = [e for e in elements if isinstance(e, Noun)]
    pair = Pair(refs=[n for n in nouns if n.head not in GROUNDS and not n.spec.same] or [])
    pair.left_out = [e for e in elements if isinstance(e, Except)]
    for place in (e for e in elements if isinstance(e, Place)):
        if pair.refs:
            pair.refs[-1] = replace(pair.refs[-1], places=(*pair.refs[-1].places, place))
    things, _ = _refs(world, world, pair)
    return become(world, things, Spec(size=size, more=True)).seen(things, len(things) > 1)


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
    things = [t for noun in refs for t in things_of(world, replace(noun, det=noun.det if noun.definite else "the"), left_out)]
    if new is not None and new.negative:
        return world.without(things)
    if new is not None and new.head == "thing" and not new.shape and not new.spec.colour and not new.spec.size and not new.spec.same:
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
        return [t for t in world.things if within(places[0], t.place)], [t for t in world.things if within(places[1], t.place)], tied
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
        if not second.definite and (second.det == "a" or second.link in ("for", "with")) and not any(like(t, second) for t in world.things if t not in one):
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
