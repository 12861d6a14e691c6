"""Things with other attributes: changing, replacing, exchanging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from experts.poster.language.altering import replace
from experts.poster.language.making import Entry, Recoloured
from experts.poster.language.placing import move, moved
from experts.poster.language.resolve import like, things_of
from experts.poster.language.terms import GROUNDS, Direction, Element, Except, Mark, Noun, Place, Relation, Spec, joined
from experts.poster.language.world import GROUND_NAMED, Puzzled, Refused, Thing, World


def become(world: World, things: Sequence[Thing], spec: Spec, new: Noun | None = None) -> World:
    """Things with other attributes. Raises `Refused` where they are so already and cannot be more so."""
    if new is not None:
        spec = joined(spec, new.spec)
    if len(spec.listed) > 1 and len(spec.listed) == len(things):  # 'make them red, white and black'
        for thing, colour in zip(sorted(things, key=lambda thing: thing.place), spec.listed, strict=True):
            world = become(world, [thing], replace(spec, colour=colour, listed=(), clash=""), new)
        return world
    if spec.clash:
        raise Refused(f"it cannot be {spec.clash} at once")
    if spec.gone:
        return world.without(things)
    shape = new.shape if new is not None else ""
    if not (shape or spec.colour or spec.size or spec.same or spec.denied):
        raise Puzzled("what should become of it?")
    changes = []
    for thing in things:
        made = replace(thing, shape=shape or thing.shape)
        if spec.like is not None or new is None:
            made = _likened(world, made, spec)
        if spec.colour:
            made = replace(made, colour=spec.colour, chosen=made.chosen - {"colour"})
        made = _sized(world, made, spec, len(things) == 1)
        if made.size in spec.denied and not spec.size:
            made = replace(made, size="small" if made.size == "big" else "big")
        denied = made.colour in spec.denied or made.size in spec.denied
        if denied and not (spec.colour or spec.size or shape):
            raise Puzzled(f"which colour instead of {made.colour}?")
        changes.append(made)
    return _changed(world, changes)


def as_now(world: World, spec: Spec) -> Spec:
    """Attributes, those that are to be the same as another thing's as that thing is now."""
    if spec.like is None or spec.like.det in ("it", "them") or not spec.same:
        return spec
    try:
        model = things_of(world, spec.like)[0]
    except Refused:
        return spec
    named = {kind: getattr(model, kind) for kind in spec.same if kind in ("colour", "size")}
    return replace(spec, same=(), like=None, **named) if len(named) == len(spec.same) else spec


def _likened(world: World, thing: Thing, spec: Spec) -> Thing:
    """A thing with those attributes that are to be the same as another's."""
    for kind in ("colour", "size", "shape"):
        if kind in spec.same and not getattr(spec, kind, ""):
            others = [t for t in world.named(world.focus)[::-1] if t.number != thing.number]
            models = things_of(world, spec.like) if spec.like else others
            if not models:
                raise Puzzled("the same as what?")
            changes: dict[str, Any] = {kind: getattr(models[0], kind), "chosen": thing.chosen - {kind}}
            thing = replace(thing, **changes)
    return thing


def _sized(world: World, thing: Thing, spec: Spec, alone: bool) -> Thing:
    """A thing in the size that was asked for. Raises `Refused` where one thing cannot be more so."""
    if not spec.size:
        return thing
    if spec.like is not None and not spec.more:
        return replace(thing, size=things_of(world, spec.like)[0].size)
    if alone and (spec.more or spec.most) and thing.size == spec.size:
        more = "bigger" if spec.size == "big" else "smaller"
        raise Refused(f"the {thing.shape} is {thing.size} already, and there is no {more} size")
    return replace(thing, size=spec.size, chosen=thing.chosen - {"size"})


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
    hedged = any(isinstance(e, Mark) and e.tag == "hedge" for e in elements)
    if hedged and not any(isinstance(e, Direction | Place) or (isinstance(e, Spec) and e.more) for e in elements):
        raise Puzzled("only a little: a colour or a size is one or the other")
    return _Pairing(elements).read()


class _Pairing:
    """One pass over the elements of a change."""

    def __init__(self, elements: Sequence[Element]) -> None:
        self.elements, self.found, self.pair, self.gap = elements, list[Pair](), Pair(), ""

    def read(self) -> list[Pair]:
        """The pairs in order."""
        for k, element in enumerate(self.elements):
            if isinstance(element, Noun):
                self._noun(element)
            elif isinstance(element, Spec):
                self._spec(element)
            elif isinstance(element, Place):
                self._place(element, self.elements[k + 1 :])
            elif isinstance(element, Relation) and self.pair.refs and not self.pair.full:
                self.pair.refs[-1] = replace(self.pair.refs[-1], relation=element)
            elif isinstance(element, Relation):
                self.pair.relation = element
            elif isinstance(element, Except):
                self.pair.left_out.append(element)
            elif isinstance(element, Direction):
                self.pair.steps.append(element)
            self.gap = element.tag if isinstance(element, Mark) else ""
        return [*self.found, self.pair]

    def _noun(self, noun: Noun) -> None:
        pair = self.pair
        told = (
            noun.link in ("to", "with", "as", "in", "for") or noun.det == "a" or self.gap not in ("and", "comma", "but")
        )
        new = not noun.definite and noun.head in ("shape", "thing") and told and (bool(pair.refs) or pair.full)
        if new and pair.new is None:
            pair.new = noun
            return
        if pair.full and pair.refs:
            self.found.append(pair)
            self.pair = Pair()
        self.pair.refs.append(noun)

    def _spec(self, spec: Spec) -> None:
        pair = self.pair
        if not pair.refs and pair.spec is not None and spec.link in ("to", "in"):  # 'change red to blue'
            pair.refs.append(Noun("thing", det="all", plural=True, spec=pair.spec))
            pair.spec = spec
        else:
            pair.spec = joined(pair.spec, spec) if pair.spec else spec

    def _place(self, place: Place, rest: Sequence[Element]) -> None:
        pair = self.pair
        if pair.full or (pair.refs and not any(isinstance(e, Spec | Noun) for e in rest)):
            pair.places.append(place)
        elif pair.refs:
            pair.refs[-1] = replace(pair.refs[-1], places=(*pair.refs[-1].places, place))
        else:
            pair.refs.append(Noun("thing", det="all", plural=True, places=(place,)))


def change(world: World, elements: Sequence[Element]) -> World:
    """'make the star red', 'turn the star into a heart', 'the heart should be small and the star blue'."""
    found = [_alike(pair) for pair in pairs(elements)]
    if not any(pair.full for pair in found):
        if any(isinstance(e, Direction | Relation) or (isinstance(e, Place) and e.link == "to") for e in elements):
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
        spec = as_now(start, pair.spec) if pair.spec and len(found) > 1 else pair.spec or Spec()
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
    return (
        world.seen(world.named([thing.number for thing in touched]), len(touched) > 1 and len(found) == 1)
        if touched
        else world
    )


def _inherit(world: World, one: Pair, other: Pair) -> None:
    """'the left star blue and the right one green': the one is a star as well."""
    shape = next((noun.shape for noun in one.refs if noun.shape), "")
    for k, noun in enumerate(other.refs):
        if (
            shape
            and noun.head == "thing"
            and not noun.shape
            and noun.det == "the"
            and (noun.places or noun.other or noun.spec.colour)
        ):
            as_well = replace(noun, shape=shape)
            if any(like(thing, as_well) for thing in world.things):
                other.refs[k] = as_well


def _alike(pair: Pair) -> Pair:
    """'make the star the same colour as the heart': the likeness is what it gets, not which one is meant."""
    last = pair.refs[-1] if pair.refs else None
    if last is not None and not pair.full and last.bare and last.count and last.spec != Spec():  # 'the top two blue'
        pair.spec, pair.refs[-1] = last.spec, replace(last, spec=Spec())
        return pair
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
        if (
            noun.det == "it"
            and not world.named(world.focus)
            and (len(world.things) != 1 or world.focus == GROUND_NAMED)
        ):
            ground = True
            continue
        if (
            noun.spec.colour
            and noun.det == "all"
            and not noun.shape
            and noun.head == "thing"
            and noun.spec.colour == world.ground
            and not any(t.colour == noun.spec.colour for t in world.things)
        ):
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
