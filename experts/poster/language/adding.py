"""Describing and adding: makes what is new, and has what is there be as it is said."""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.language.altering import replace
from experts.poster.language.arranging import distributed, in_order, share_places, stand_in
from experts.poster.language.changing import as_now, become, change
from experts.poster.language.describing import Described, sorted_out
from experts.poster.language.making import Entry, cell_place, cells_for, make
from experts.poster.language.parting import parted
from experts.poster.language.placing import move, moved
from experts.poster.language.resolve import like, things_of
from experts.poster.language.terms import GROUNDS, Direction, Element, Mark, Noun, Place, Relation, Spec, joined
from experts.poster.language.world import Crowded, Puzzled, Refused, Thing, World, cells_of, described, within
from experts.poster.scene import PLACES


def describe(world: World, elements: Sequence[Element], opening: bool, adding: bool = False) -> World:
    """'A white poster with a red star at the top': makes what is new, and has what is there be as it is said."""
    found = sorted_out(elements)
    blank = world
    _led_ground(world, found, elements)
    world = _grounded(world, found)
    if opening:
        _kept_free(world, found)
    if not found.entries:
        void = any((isinstance(e, Mark) and e.tag == "void") or (isinstance(e, Noun) and e.negative) for e in elements)
        if void and found.lead is None:
            return world
        if adding and found.lead is not None and found.lead.colour and not blank.things and not found.ground:
            return replace(blank, ground=found.lead.colour, free=False)  # 'start from black'
        lead = found.lead or found.every
        if opening and not world.things and lead is not None and lead.colour and not lead.size:
            return replace(world, ground=lead.colour, free=False)  # 'let's go with purple'
        return _fragment(world, found)
    _led(world, found)
    _told_together(found)
    _repeated(found)
    if _exchanged(world, found) and not opening:
        return move(world, elements)
    distributed(found)
    found.entries = parted(found.entries)
    world, framed = _frame(world, found)
    if framed:
        return world
    if found.order:
        in_order(found)
    share_places(found)
    _made_definite(world, found, opening or adding)
    known = {} if opening or len(found.entries) < 2 else {id(e): _meant(world, e) for e in found.entries}
    likeness = (
        {} if opening or len(found.entries) < 2 else {id(e): as_now(world, e.target) for e in found.entries if e.target}
    )
    made: list[Thing] = []
    required = _required(elements) and not opening
    for entry in found.entries:
        if entry.noun.head == "void":
            continue
        if required and not entry.noun.definite and any(like(thing, entry.noun) for thing in world.things):
            continue
        before = world = world.seen(made, True) if entry.noun.det in ("former", "latter") and made else world
        told = world.named(known.get(id(entry), ()))
        entry.target = likeness.get(id(entry), entry.target)
        world, things = _assert(world, list(told), entry) if told else _enter(world, entry, opening, adding)
        if entry.noun.negative and (before.things, before.ghosts) == (world.things, world.ghosts):
            world = before
        elif things:
            topic = _topic(before, entry)
            world = replace(world.seen(things, entry.noun.several), topic=topic)
            made += [thing for thing in things if thing.number not in {one.number for one in made}]
    if opening:
        _kept_free(world, found)
    if not made:
        return world
    together = len(found.entries) == 1 and found.entries[0].noun.several
    seen = world.seen(world.named([thing.number for thing in made]), together)
    return replace(seen, topic=world.topic)


def _kept_free(world: World, found: Described) -> None:
    """Raises `Refused` where something stands already in a place that is to stay empty."""
    for cell in (c for place in found.vacant for c in cells_of(place, None if place.kind or place.many else 1)):
        thing = world.at(cell)
        if thing is not None:
            message = f"there is already {described(thing)} at the {PLACES[cell]}"
            raise Crowded(message, cell) if "place" in thing.chosen else Refused(message)


_BESIDE = ("above", "below", "left", "right")


def _topic(world: World, entry: Entry) -> int:
    """The thing that 'it' stood for in 'above it'."""
    relation = entry.relation
    if relation is None or relation.places:
        return 0
    if relation.nouns and relation.nouns[0].det == "the" and relation.kind in _BESIDE and world.things:
        try:
            return things_of(world, relation.nouns[0])[0].number  # 'a star above the heart and one below it'
        except Refused:
            return 0
    if relation.nouns and (relation.nouns[0].det != "it" or relation.nouns[0].near):
        return 0
    if world.named((world.topic,)):
        return world.topic
    focus = world.named(world.focus)
    return focus[-1].number if focus else 0


def _required(elements: Sequence[Element]) -> bool:
    """'The poster should have a circle': what is there already need not be made."""
    first = elements[0] if elements else None
    poster = isinstance(first, Noun) and first.head == "poster" and first.definite and not first.spec.colour
    marks = [e.tag for e in elements[1:3] if isinstance(e, Mark)]
    return poster and "is" in marks and "with" in marks


def _repeated(found: Described) -> None:
    """'A star and a circle side by side: star on the left': the bare noun is the thing named before."""
    shapes: set[str] = set()
    for entry in found.entries:
        noun = entry.noun
        if (
            noun.shape in shapes
            and not noun.det
            and not noun.count
            and not noun.plural
            and noun.spec == Spec()
            and entry.placed
        ):
            entry.noun = replace(noun, det="the")
        if noun.det == "a":
            shapes.add(noun.shape)


def _grounded(world: World, found: Described) -> World:
    """The world on the background that was named, or on one that was chosen."""
    if world.ground is None:
        return replace(world, ground=found.ground or plain_ground(found), free=not found.ground)
    return world.painted(found.ground) if found.ground else world


def plain_ground(found: Described) -> str:
    """A background for a poster whose background nobody named: white where everything can be seen on it."""
    inks = {spec.colour for entry in found.entries for spec in (entry.noun.spec, entry.target, found.lead) if spec}
    return next(name for name in ("white", "black", "yellow", "blue") if name not in inks)


def _fragment(world: World, found: Described) -> World:
    """'All purple.', 'Blue.': attributes of what was named last; a background alone."""
    spec = found.every or found.lead
    if spec is None:
        if found.ground:
            return world
        raise Puzzled("nothing here that a poster can show")
    things = world.named(world.focus) or world.things
    if not things:
        raise Puzzled(f"what should be {spec.colour or spec.size}?")
    return become(world, things, spec).seen(things, len(things) > 1)


def _led_ground(world: World, found: Described, elements: Sequence[Element]) -> None:
    """'Red, with a white star': a colour that leads, where all things have their own, is that of the background."""
    lead = found.lead
    if lead is None or not lead.colour or lead.size or found.ground or world.ground is not None or not found.entries:
        return
    first = [e.tag for e in elements[1:3] if isinstance(e, Mark)]
    own = [entry.noun.spec.colour or (entry.target.colour if entry.target else "") for entry in found.entries]
    if "with" in first or all(own):
        found.ground, found.lead = lead.colour, None


def _led(world: World, found: Described) -> None:
    """Attributes that were said before all things are those of every thing that has no others."""
    first = found.entries[0]
    idle = not world.things and first.noun.det == "all" and not first.noun.shape and first.target is not None
    if idle and len(found.entries) > 1 and not first.placed:  # 'all things are blue: a star on the left, ...'
        found.lead, found.entries = first.target, found.entries[1:]
    lead = found.lead
    if lead is None:
        return
    for entry in found.entries:
        own = joined(entry.noun.spec, entry.target) if entry.target else entry.noun.spec
        missing = replace(lead, colour="" if own.colour else lead.colour, size="" if own.size else lead.size, link="")
        if missing != Spec():
            entry.target = joined(entry.target, missing) if entry.target else missing


def _told_together(found: Described) -> None:
    """'The circle and the triangle are orange': what is said of the last of them is said of all."""
    for one, other in reversed(list(zip(found.entries, found.entries[1:], strict=False))):
        silent = (
            not (one.placed or one.target or one.becomes or one.left_out or one.closed)
            and one.noun.definite
            and not one.noun.negative
            and not (one.noun.bare and one.noun.spec != Spec())
        )
        if silent and other.noun.definite and (other.target or other.becomes) and not other.placed:
            one.target, one.becomes = other.target, other.becomes


def _exchanged(world: World, found: Described) -> bool:
    """Whether things that are there go to other places, all at once."""
    entries = found.entries
    return len(entries) > 1 and all(e.noun.definite and e.placed and not (e.target or e.becomes) for e in entries)


def _frame(world: World, found: Described) -> tuple[World, bool]:
    """'Three shapes across the middle: ...': places for the things that are named next; whether that was all."""
    frame = found.entries[0]
    unsaid = (
        frame.noun.head == "thing" and not frame.noun.shape and not frame.noun.definite and frame.noun.det != "another"
    )
    if not unsaid or world.things or frame.noun.negative:
        return world, False
    rest = found.entries[1:]
    if not rest and not frame.placed and not frame.noun.count:
        return world, False
    count = frame.noun.count or (None if frame.noun.plural else 1)
    cells = [c for p in [*frame.noun.places, *frame.places] for c in cells_of(p, None if p.many else count)]
    cells = cells[::-1] if found.order in ("rl", "bt") else cells
    if not rest:
        return replace(world, frame=tuple(cells)), True
    found.entries = rest
    total = sum(entry.noun.count or 1 for entry in rest)
    if any(entry.placed for entry in rest):
        return world, False
    if found.order == "cw":
        rest[0].places = list(frame.places)
    elif len(cells) == total:
        stand_in(found, cells)
        found.order = ""
    elif len(cells) > total:  # the others are named later
        found.order = ""
        return replace(world, frame=tuple(cells)), False
    elif found.order and cells:
        rest[0].places = list(frame.places)
    return world, False


def _made_definite(world: World, found: Described, opening: bool) -> None:
    """'Heart: big', 'star red': a bare noun of which something is said is the thing that is there."""
    for entry in found.entries:
        noun = entry.noun
        alike = bool(noun.spec.same) and noun.spec.like is not None
        said = alike or entry.target or entry.placed or entry.becomes
        known = [t for t in world.things if like(t, noun)]
        loose = len(known) == 1 and "place" in known[0].chosen and not noun.plural  # 'a red star. Star goes top left.'
        told = not opening or (noun.spec == Spec() and (not entry.placed or loose) and world.things)
        if not told or noun.det or noun.count or not noun.shape or noun.negative or not said:
            continue
        if alike and not entry.target:
            entry.target = Spec(same=noun.spec.same, like=noun.spec.like)
            noun = entry.noun = replace(noun, spec=replace(noun.spec, same=(), like=None))
        if any(like(thing, noun) for thing in world.things) and (
            noun.plural or sum(like(t, noun) for t in world.things) == 1
        ):
            entry.noun = replace(noun, det="the")


def _enter(world: World, entry: Entry, opening: bool, adding: bool) -> tuple[World, list[Thing]]:
    """One entry: made anew, or changed where it is there."""
    noun = entry.noun
    if noun.negative:
        if noun.definite and noun.head == "shape" and world.things:
            return world.without(things_of(world, replace(noun, negative=False), entry.left_out)), []
        return _without(world, entry), []
    known = [t for t in world.things if t.shape == noun.shape and (not noun.spec.colour or "colour" in t.chosen)]
    if noun.plural and not noun.count and not noun.det and not entry.placed and known and noun.spec != Spec():
        world = become(world, known, noun.spec)
        return world, list(world.named([thing.number for thing in known]))
    if not noun.definite or noun.det == "another":
        return make(world, _with_target(entry))
    try:
        things = things_of(world, noun, entry.left_out)
    except Refused:
        plain = replace(noun, spec=Spec())
        if noun.bare and noun.spec != Spec() and noun.count and entry.target is None and world.things:
            return _assert(world, things_of(world, plain), replace(entry, noun=plain, target=noun.spec))
        if not _new(world, entry, opening or adding):
            raise
        return make(world, _with_target(entry))
    return _assert(world, things, entry)


def _meant(world: World, entry: Entry) -> tuple[int, ...]:
    """The numbers of the things that become something else, as they are meant before anything is changed: 'the small
    one shall be big and the big one small'."""
    noun = entry.noun
    if not noun.definite or noun.negative or noun.det in ("it", "them", "former", "latter") or noun.other:
        return ()
    if not (entry.target or entry.becomes):
        return ()
    try:
        return tuple(thing.number for thing in things_of(world, noun, entry.left_out))
    except Refused:
        return ()


def _without(world: World, entry: Entry) -> World:
    """'no stars', 'no star in the middle; (put a heart there)': what is there goes, and the place is remembered."""
    places = [*entry.noun.places, *entry.places]
    gone = [t for t in world.things if like(t, entry.noun)]
    if not places:
        return world.without(gone)
    gone = [t for t in gone if any(within(place, t.place) for place in places)]
    spot = Thing(0, entry.noun.shape, "", "", cells_of(places[0], 1)[0])
    return world.without(gone) if gone else replace(world, ghosts=(*world.ghosts, spot))


def _with_target(entry: Entry) -> Entry:
    """A new thing has what is said of it."""
    noun, becomes = entry.noun, entry.becomes
    spec = joined(noun.spec, entry.target) if entry.target else noun.spec
    if becomes is not None:
        noun, spec = replace(noun, shape=becomes.shape or noun.shape, head="shape"), joined(spec, becomes.spec)
    if noun.definite:
        noun = replace(noun, det="a")
    if spec.clash:
        raise Refused(f"it cannot be {spec.clash} at once")
    return replace(entry, noun=replace(noun, spec=spec), target=None, becomes=None)


def _new(world: World, entry: Entry, opening: bool) -> bool:
    """Whether 'the star' is one that is yet to be made."""
    noun = entry.noun
    if entry.becomes is not None and not noun.shape and not world.things:
        return True
    shape = noun.shape
    if opening and noun.det == "all" and shape and entry.placed and not noun.other:
        return not any(like(thing, noun) for thing in world.things)
    return (
        opening
        and noun.det == "the"
        and bool(shape)
        and not noun.other
        and not any(t.shape == shape for t in world.things)
    )


def _assert(world: World, things: list[Thing], entry: Entry) -> tuple[World, list[Thing]]:
    """What is said of things that are there comes true."""
    numbers = [thing.number for thing in things]
    if entry.becomes is not None or entry.target is not None:
        world = become(world, things, entry.target or Spec(), entry.becomes)
    if entry.placed:
        world = moved(world, world.named(numbers), entry)
    return world, list(world.named(numbers))


def put(world: World, elements: Sequence[Element], opening: bool) -> World:
    """'add a star', 'put the star at the top' (which moves it where it is there)."""
    nouns = [e for e in elements if isinstance(e, Noun) and e.head not in GROUNDS]
    placed = any(isinstance(e, Place | Relation | Direction) for e in elements)
    first = nouns[0] if nouns else None
    if first is not None and first.definite and placed and not first.negative and world.ground is not None:
        there = not first.shape or any(t.shape == first.shape for t in world.things)
        if there or first.det != "the":
            return move(world, elements)
    if first is not None and world.ground is None and not opening:
        raise Refused("there is no picture to add to")
    return describe(world, elements, opening, adding=True)


def fill(world: World, elements: Sequence[Element], opening: bool) -> World:
    """'fill the middle row with blue diamonds', 'fill the background with red'."""
    nouns = [e for e in elements if isinstance(e, Noun) and e.shape]
    places = [e for e in elements if isinstance(e, Place)]
    if nouns and any(isinstance(e, Relation) or (isinstance(e, Spec) and e.listed) for e in elements):
        return put(world, elements, opening)
    if nouns and not nouns[0].definite:
        if not places:
            places = [Place(v, "", not v, "row") for v in ("top", "", "bottom")]
        begun = world if world.ground is not None else describe_ground(world, elements)
        cells = cells_for(begun, Entry(replace(nouns[0], count=None, plural=True), places)) or []
        free = [c for c in cells if begun.at(c) is None]
        made: list[Thing] = []
        for cell in free:
            begun, new = make(begun, Entry(replace(nouns[0], plural=False, count=None, det="a"), [cell_place(cell)]))
            made += new
        rest = [e for e in elements if isinstance(e, Noun) and e.head in GROUNDS and e.spec.colour]
        if rest and world.ground is not None:
            begun = begun.painted(rest[0].spec.colour)
        return begun.seen(made, True)
    return change(world, elements)


def describe_ground(world: World, elements: Sequence[Element]) -> World:
    """A world on the background that a clause names, or on a plain one."""
    found = sorted_out(elements)
    return replace(world, ground=found.ground or plain_ground(found), free=not found.ground)
