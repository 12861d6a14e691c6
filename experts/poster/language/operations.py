"""What a clause does to a world: one function a kind of verb; `Refused` says why one cannot be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from experts.poster.language.nouns import (
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
from experts.poster.language.resolve import cells_near, said, things_of
from experts.poster.language.world import (
    Puzzled,
    Refused,
    Thing,
    World,
    cells_of,
    described,
    within,
)
from experts.poster.scene import PLACES

_GROUNDS = ("poster", "ground")
_STEP = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


@dataclass
class Entry:
    """A noun of a description with where it stands, and what it becomes where it is there already."""

    noun: Noun
    places: list[Place] = field(default_factory=list)
    relation: Relation | None = None
    left_out: list[Except] = field(default_factory=list)
    target: Spec | None = None
    step: Direction | None = None
    becomes: Noun | None = None

    @property
    def placed(self) -> bool:
        """Whether a place was said."""
        return bool(self.places or self.relation or self.step)


@dataclass
class Described:
    """A clause sorted out: the colour of the background, and its entries."""

    ground: str = ""
    entries: list[Entry] = field(default_factory=list)
    order: str = ""


def _specless(element: Element) -> bool:
    return isinstance(element, Mark)


def sorted_out(elements: Sequence[Element]) -> Described:
    """The entries of a description: places and attributes with the nouns that they belong to."""
    found = Described()
    waiting: list[Place | Relation] = []
    grounded = shared = False
    content = [element for element in elements if not isinstance(element, Mark)]
    forward = bool(content) and isinstance(content[0], Place | Relation) and any(isinstance(e, Noun) for e in content)
    gap = ""
    for k, element in enumerate(elements):
        last = found.entries[-1] if found.entries else None
        rest = [e for e in elements[k + 1 :] if not isinstance(e, Mark) or e.tag not in ("is", "fill", "comma", "colon", "with")]
        if isinstance(element, Mark):
            if element.tag == "order":
                found.order = element.value
            shared = shared or element.tag in ("both", "all")
            gap = element.tag if element.tag in ("comma", "and", "colon", "but", "is") else gap
            continue
        if isinstance(element, Noun) and element.head in _GROUNDS:
            if element.spec.colour:
                found.ground = element.spec.colour
                if element.spec.clash:
                    raise Refused(f"a background cannot be {element.spec.clash} at once")
            else:
                grounded = not (element.link in ("of", "in", "to", "from") and last is not None) or element.head == "ground"
        elif isinstance(element, Noun):
            entry = Entry(element)
            forwarded = bool(waiting)
            for where in waiting:
                if isinstance(where, Place):
                    entry.places.append(where)
                else:
                    entry.relation = where
            waiting = []
            if forwarded or not (element.shape == "" and last is not None and _part(element, found.entries)):
                found.entries.append(entry)
            else:
                found.entries.append(entry)
            grounded = shared = False
        elif isinstance(element, Place | Relation):
            follows = bool(rest) and isinstance(rest[0], Noun) and rest[0].head not in _GROUNDS
            counted = isinstance(element, Place) and element.link == "of"
            take = last is None or counted or (forward and follows) or (last.placed and follows and gap in ("comma", "and", "colon"))
            take = take or (last is not None and gap == "comma" and follows and len(found.entries) > 1 and all(e.placed for e in found.entries[:-1]) and False)
            if take and (follows or counted or last is None):
                waiting.append(element)
            elif last is not None:
                if isinstance(element, Relation):
                    last.relation = element
                elif last.places and last.places[-1].kind in ("row", "column") and not (last.places[-1].v or last.places[-1].h):
                    last.places[-1] = replace(last.places[-1], v=element.v, h=element.h, mid=last.places[-1].mid or element.mid)
                else:
                    last.places.append(element)
        elif isinstance(element, Direction) and last is not None:
            last.step = element
        elif isinstance(element, Except):
            if last is not None:
                last.left_out.append(element)
        elif isinstance(element, Spec):
            onto = element.link in ("on", "over", "against") and element.colour and (last is None or last.noun.spec.colour or not last.noun.definite)
            if grounded or onto:
                found.ground = element.colour or found.ground
                grounded = False
                if element.size or not element.colour:
                    raise Puzzled("a background has a colour and no size")
            elif shared and found.entries:
                for entry in found.entries:
                    entry.noun = replace(entry.noun, spec=_both(entry.noun.spec, element))
            elif last is not None and last.noun.definite:
                last.target = _both(last.target, element) if last.target else element
            elif last is not None:
                last.noun = replace(last.noun, spec=_both(last.noun.spec, element))
            elif element.colour and not any(isinstance(e, Noun) for e in content):
                found.ground = ""
                raise Puzzled(f"what should be {element.colour}?")
        gap = ""
    return found


def _part(noun: Noun, entries: Sequence[Entry]) -> bool:
    return noun.head == "thing" and bool(entries)


def _both(one: Spec, other: Spec) -> Spec:
    clash = one.clash or other.clash
    if one.colour and other.colour and one.colour != other.colour:
        clash = clash or f"{one.colour} and {other.colour}"
    if one.size and other.size and one.size != other.size:
        clash = clash or f"{one.size} and {other.size}"
    return Spec(
        other.colour or one.colour, other.size or one.size, one.more or other.more, one.most or other.most,
        one.gone or other.gone, one.denied + other.denied, one.same + other.same, other.like or one.like, clash,
    )  # fmt: skip


# -- describing and adding


def describe(world: World, elements: Sequence[Element], opening: bool, adding: bool = False) -> World:
    """'A white poster with a red star at the top': makes what is new, and has what is there be as it is said."""
    found = sorted_out(_spread_partners(elements))
    if not found.ground and not found.entries:
        raise Puzzled("nothing here that a poster can show")
    begun = world.ground is None
    if begun:
        world = replace(world, ground=found.ground or _plain_ground(found), free=not found.ground)
    elif found.ground:
        world = world.painted(found.ground)
    if found.order and found.entries:
        _in_order(found)
    _share_places(found)
    made: list[Thing] = []
    for entry in _parted(found.entries):
        before = world
        world, things = _enter(world, entry, opening, adding, made)
        made += [thing for thing in things if thing not in made]
        if entry.noun.negative:
            world = before if before.things == world.things else world
    return world.seen(world.named([thing.number for thing in made]), _together(found.entries)) if made else world


def _together(entries: Sequence[Entry]) -> bool:
    return len(entries) == 1 and entries[0].noun.several


def _plain_ground(found: Described) -> str:
    """A background for a poster whose background nobody named: white where everything can be seen on it."""
    inks = {entry.noun.spec.colour for entry in found.entries}
    return next(name for name in ("white", "black", "yellow", "blue") if name not in inks)


def _spread_partners(elements: Sequence[Element]) -> list[Element]:
    """'a red and a blue circle': the first, without a head, is a circle as well."""
    out = list(elements)
    for k, element in enumerate(out):
        if isinstance(element, Noun) and element.head == "paired":
            after = next((e for e in out[k + 1 :] if isinstance(e, Noun) and e.shape), None)
            out[k] = replace(element, head="shape", shape=after.shape if after else "")
    return out


def _parted(entries: list[Entry]) -> list[Entry]:
    """'two stars, one red and one blue': the parts in the place of the whole."""
    out: list[Entry] = []
    k = 0
    while k < len(entries):
        whole, parts, total = entries[k], list[Entry](), 0
        count = whole.noun.count or (2 if whole.noun.det == "both" else 0)
        if count > 1 and whole.noun.shape:
            for part in entries[k + 1 :]:
                if part.noun.shape or part.noun.head != "thing" or total >= count or part.noun.det in ("it", "them", "all", "both"):
                    break
                parts.append(part)
                total += part.noun.count or 1
        if parts and total == count:
            spec = whole.noun.spec
            for part in parts:
                part.noun = replace(part.noun, head="shape", shape=whole.noun.shape, det="a" if not whole.noun.definite else part.noun.det, other=False, spec=_both(spec, part.noun.spec))
                if part.target:
                    part.noun, part.target = replace(part.noun, spec=_both(part.noun.spec, part.target)), None
                if not part.placed:
                    part.places = list(whole.places)
            out += parts
            k += 1 + len(parts)
        else:
            out.append(whole)
            k += 1
    return out


def _in_order(found: Described) -> None:
    """'a star, a heart and a circle from left to right in the middle row': a cell each."""
    place = next((p for e in found.entries for p in e.places), None)
    units = [e for e in found.entries for _ in range(e.noun.count or 1)]
    cw = found.order == "cw"
    if cw:
        ring = [0, 1, 2, 5, 8, 7, 6, 3]
        first = cells_of(place, 1)[0] if place else 0
        at = ring.index(first) if first in ring else 0
        ring = ring[at:] + ring[:at]
        line = ring[::2] if len(units) <= 4 and first in (0, 2, 6, 8) else ring
    else:
        across = found.order in ("lr", "rl")
        usual = Place(mid=True, kind="row") if across else Place(mid=True, kind="column")
        if place is not None:
            usual = replace(place, kind="row" if across else "column", h="" if across else place.h, v=place.v if across else "", mid=place.mid or not (place.v or place.h), many=False)
        line = cells_of(usual, len(units) if len(units) == 2 else None)
        line = line[::-1] if found.order in ("rl", "bt") else line
    if len(units) > len(line):
        raise Refused(f"there is no room for {len(units)} in a line")
    if len(units) == 1:
        return
    cells, out = iter(line), []
    for entry in found.entries:
        for _ in range(entry.noun.count or 1):
            out.append(Entry(replace(entry.noun, count=None), [_cell_place(next(cells))], target=entry.target))
    found.entries = out


def _cell_place(cell: int) -> Place:
    row, column = divmod(cell, 3)
    v, h = ("top", "", "bottom")[row], ("left", "", "right")[column]
    return Place(v, h, mid=not (v and h))


def _share_places(found: Described) -> None:
    """'a star, a heart and a circle in the top row', 'a star and a heart at the top': the line is for all of them."""
    entries = found.entries
    if len(entries) < 2 or any(e.placed for e in entries[:-1]) or not entries[-1].places or found.order:
        return
    if any(e.noun.definite for e in entries):
        return
    place = entries[-1].places[-1]
    total = sum(e.noun.count or 1 for e in entries)
    if len(entries[-1].places) == total and total > 1:
        cells = [c for p in entries[-1].places for c in cells_of(p, 1)]
    elif place.kind in ("row", "column") or place.many:
        cells = cells_of(place, None if total != 2 else 2)
    else:
        return
    if len(cells) < total or (place.many and entries[-1].noun.det == "a" and place.kind == "corner" and place.count != total and len(cells) != total):
        return
    taken = iter(cells)
    out = []
    for e in entries:
        for _ in range(e.noun.count or 1):
            out.append(Entry(replace(e.noun, count=None), [_cell_place(next(taken))], left_out=e.left_out))
    found.entries = out


def _enter(world: World, entry: Entry, opening: bool, adding: bool, made: Sequence[Thing]) -> tuple[World, list[Thing]]:
    """One entry: made anew, or changed where it is there."""
    noun = entry.noun
    if noun.negative:
        gone = [thing for thing in world.things if _meant(world, thing, noun)]
        return world.without(gone).noted(), []
    if noun.spec.clash:
        raise Refused(f"{said(noun)}: it cannot be {noun.spec.clash} at once")
    if noun.definite and noun.det != "another" and not (noun.det == "all" and noun.places and False):
        try:
            things = things_of(world, noun, entry.left_out)
        except Refused:
            if (opening or adding) and noun.det == "the" and noun.shape and not noun.other and not any(t.shape == noun.shape for t in world.things):
                spec = _both(noun.spec, entry.target) if entry.target else noun.spec
                entry.noun = replace(noun, det="a", spec=spec, places=())
                entry.places = [*noun.places, *entry.places]
                return _make(world, entry)
            raise
        return _assert(world, things, entry)
    return _make(world, entry)


def _meant(world: World, thing: Thing, noun: Noun) -> bool:
    spec = noun.spec
    return (not noun.shape or thing.shape == noun.shape) and spec.colour in ("", thing.colour) and spec.size in ("", thing.size)


def _assert(world: World, things: list[Thing], entry: Entry) -> tuple[World, list[Thing]]:
    """What is said of things that are there comes true."""
    if entry.becomes is not None or entry.target is not None:
        world = become(world, things, entry.target or Spec(), entry.becomes)
        things = list(world.named([thing.number for thing in things]))
    if entry.placed:
        world = moved(world, things, entry)
        things = list(world.named([thing.number for thing in things]))
    return world, things


def _make(world: World, entry: Entry) -> tuple[World, list[Thing]]:
    """New things."""
    noun, spec = entry.noun, entry.noun.spec
    model = _model(world, noun)
    shape = noun.shape or (model.shape if model else "")
    if not shape:
        raise Puzzled("which shape should it have? (circle, square, triangle, star, heart, diamond)")
    world, relation = _anchored(world, entry.relation)
    entry.relation = relation
    cells = _cells(world, entry)
    count = noun.count or (None if noun.plural or noun.det == "all" else 1)
    if cells is None and count is None:
        raise Puzzled(f"how many {said(replace(noun, plural=True))}? say a number")
    if cells is not None:
        if count is None or (count == 1 and len(cells) > 1):
            count = len(cells)
        cells = _enough(world, cells, count, entry, shape)
    assert count is not None
    if cells is None and count > len(world.empty()):
        raise Refused(f"there is no room for {count} things on the poster")
    colour = _taken(world, "colour", spec, model, spec.colour) or world.ink()
    size = _taken(world, "size", spec, model, spec.size) or "big"
    chosen = {"colour"} if not (spec.colour or model or "colour" in spec.same) else set()
    chosen |= {"size"} if not (spec.size or model or "size" in spec.same) else set()
    made = []
    for k in range(count):
        place = cells[k] if cells is not None else world.empty()[0]
        mine = frozenset(chosen | ({"place"} if cells is None else set()))
        thing = Thing(world.next, shape, colour, size, place, mine)
        world = replace(world, things=(*world.things, thing), next=world.next + 1)
        made.append(thing)
    _visible(world, made)
    notes = [f"the colour of the {shape} was chosen: {colour}"] if "colour" in chosen else []
    return world.noted(*notes), made


def _visible(world: World, made: Sequence[Thing]) -> None:
    if world.free and any(thing.colour == world.ground for thing in made):
        raise Recoloured(made[0].colour)
    world.check()


class Recoloured(Exception):
    """A background that nobody named must not have this colour."""

    def __init__(self, colour: str) -> None:
        super().__init__(colour)
        self.colour = colour


def _model(world: World, noun: Noun) -> Thing | None:
    """What a new thing is like where words leave it open: 'another one', 'a star of the same colour'."""
    near = [thing for thing in reversed(world.named(world.focus)) if not noun.shape or thing.shape == noun.shape]
    near += [thing for thing in reversed(world.things) if not noun.shape or thing.shape == noun.shape]
    return near[0] if near and (noun.det == "another" or not noun.shape) else None


def _taken(world: World, kind: str, spec: Spec, model: Thing | None, named: str) -> str:
    if named:
        return named
    if kind in spec.same:
        if spec.like is not None:
            return str(getattr(things_of(world, spec.like)[0], kind))
        last = world.named(world.focus) or world.things
        if last:
            return str(getattr(last[-1], kind))
    return str(getattr(model, kind)) if model else ""


def _anchored(world: World, relation: Relation | None) -> tuple[World, Relation | None]:
    """A relation whose things are there: 'below a red heart' makes the heart."""
    if relation is None:
        return world, None
    nouns = []
    for noun in relation.nouns:
        if not noun.definite and noun.shape and not noun.several:
            world, made = _make(world, Entry(replace(noun, places=()), list(noun.places)))
            world = world.seen(made)
            noun = replace(Noun("thing", det="it"), places=())
            nouns.append(_fixed(made[0]))
        else:
            nouns.append(noun)
    return world, replace(relation, nouns=tuple(nouns))


def _fixed(thing: Thing) -> Noun:
    return Noun("shape", thing.shape, "the", spec=Spec(thing.colour, thing.size), places=(_cell_place(thing.place),))


def _cells(world: World, entry: Entry) -> list[int] | None:
    """The cells that an entry names, None where it names none."""
    noun = entry.noun
    count = noun.count or (None if noun.plural or noun.det == "all" else 1)
    if entry.relation is not None:
        return cells_near(world, entry.relation)
    places = [*noun.places, *entry.places]
    if not places:
        if entry.left_out and any(other.places for other in entry.left_out):
            places = [Place(kind="corner", many=True)]
        else:
            return None
    taken = [thing.place for thing in world.things]
    many = count if len(places) == 1 else 1
    if len(places) == 2 and not any(p.kind or p.many for p in places) and {bool(p.v) for p in places} == {True, False}:
        places = [Place(places[0].v or places[1].v, places[0].h or places[1].h, places[0].mid or places[1].mid)]
    line = any(p.kind in ("row", "column", "diagonal") for p in places)
    cells = [c for p in places for c in cells_of(p, (None if count is None or (p.many and not p.count) else p.count or many) if not (line and count == 1 and not p.many) else (1 if not p.many else None), taken)]
    left_out = [c for other in entry.left_out for p in other.places for c in cells_of(p, None if p.many else 1)]
    left_out += [t.place for other in entry.left_out for n in other.nouns for t in things_of(world, n)]
    return [cell for cell in dict.fromkeys(cells) if cell not in left_out]


def _enough(world: World, cells: list[int], count: int, entry: Entry, shape: str) -> list[int]:
    if count > len(cells):
        raise Refused(f"there is no room for {count} {shape}s there")
    if count < len(cells):
        return sorted(cells, key=lambda cell: (world.at(cell) is not None, cells.index(cell)))[:count]
    return cells


# -- changing


def become(world: World, things: Sequence[Thing], spec: Spec, new: Noun | None = None) -> World:
    """Things with other attributes. Raises `Refused` where they are so already and cannot be more so."""
    if new is not None:
        spec = _both(spec, new.spec)
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
            if kind in spec.same and not getattr(spec, kind, ""):
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
    step: Direction | None = None
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
            if element.tag == "hedge" and not any(isinstance(e, Spec) and e.more for e in elements) and not any(isinstance(e, Direction) for e in elements):
                raise Puzzled("only a little: a colour or a size is one or the other")
            continue
        if isinstance(element, Noun):
            joined = gap in ("and", "comma", "but")
            becomes = (bool(pair.refs) or pair.full) and not element.definite and not element.other and (element.link in ("to", "with", "as", "in") or element.det == "a" or not joined) and element.head in ("shape", "thing") and not element.where
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
                pair.spec = _both(pair.spec, element) if pair.spec else element
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
            pair.step = element
        gap = ""
    return [*found, pair]


def change(world: World, elements: Sequence[Element]) -> World:
    """'make the star red', 'turn the star into a heart', 'the heart should be small and the star blue'."""
    found = pairs(elements)
    if not any(pair.full for pair in found):
        if any(isinstance(e, Direction) for e in elements):
            return move(world, elements)
        raise Puzzled("what should become of it?")
    start, touched = world, list[Thing]()
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
            world = become(_seeing(world, start), now, spec, pair.new)
            touched += now
            entry = Entry(Noun("thing"), pair.places, pair.relation, step=pair.step)
            if entry.placed:
                world = moved(world, world.named([thing.number for thing in things]), entry)
    world.check()
    return world.seen(world.named([thing.number for thing in touched]), len(touched) > 1 and len(found) == 1) if touched else world


def _repainted(world: World, colour: str, later: Sequence[Pair]) -> World:
    """The background, where a later part of the same sentence may still change what could not be seen on it."""
    if later:
        return replace(world, ground=colour, free=False)
    return world.painted(colour)


def _seeing(world: World, start: World) -> World:
    """The world, for attributes that are taken from others as they were before the sentence."""
    return world


def _refs(start: World, world: World, pair: Pair) -> tuple[list[Thing], bool]:
    """The things that a change is about, and whether the background is."""
    things: list[Thing] = []
    ground = False
    if not pair.refs:
        things = list(world.named(world.focus))
        if not things:
            raise Puzzled("what should be changed?")
    for noun in pair.refs:
        if noun.head in _GROUNDS:
            if not (noun.link == "of" and things):
                ground = True
            continue
        if noun.det == "it" and not world.named(world.focus) and len(world.things) != 1:
            ground = True
            continue
        if noun.spec.colour and noun.det == "all" and not noun.shape and noun.head == "thing" and noun.spec.colour == world.ground and not any(t.colour == noun.spec.colour for t in world.things):
            ground = True
            continue
        seen = start if noun.shape or noun.spec.colour else world
        things += [t for t in things_of(seen, noun, pair.left_out) if t not in things]
    return things, ground


def grow(world: World, elements: Sequence[Element], size: str) -> World:
    """'enlarge the star', 'shrink both'."""
    nouns = [e for e in elements if isinstance(e, Noun)]
    pair = Pair(refs=[n for n in nouns if n.head not in _GROUNDS and not n.spec.same] or [])
    pair.left_out = [e for e in elements if isinstance(e, Except)]
    for place in (e for e in elements if isinstance(e, Place)):
        if pair.refs:
            pair.refs[-1] = replace(pair.refs[-1], places=(*pair.refs[-1].places, place))
    things, _ = _refs(world, world, pair)
    return become(world, things, Spec(size=size, more=True)).seen(things, len(things) > 1)


# -- removing, moving, exchanging


def remove(world: World, elements: Sequence[Element]) -> World:
    """'remove the red stars', 'clear the top row', 'delete everything except the heart'."""
    left_out = [e for e in elements if isinstance(e, Except)]
    refs: list[Noun] = []
    for element in elements:
        if isinstance(element, Noun) and not (element.head in _GROUNDS and element.link in ("from", "of", "in")):
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
        if noun.head in _GROUNDS:
            if noun.det in ("all",) or noun.head == "poster":
                gone += world.things
                continue
            raise Refused("a poster always has a background; name another colour for it")
        if noun.det == "all" and noun.shape and not any(_meant(world, t, noun) for t in world.things):
            raise Refused(f"there is no {said(replace(noun, plural=False, det='the'))} ({world.listed()})")
        gone += [t for t in things_of(world, noun, left_out) if t not in gone]
    rest = world.without(gone)
    return rest.seen(rest.named(world.focus))


def moved(world: World, things: Sequence[Thing], entry: Entry) -> World:
    """Things at other places. Raises `Refused` where these are taken or off the poster."""
    if entry.step is not None:
        down, right = _STEP[entry.step.to]
        changes = []
        for thing in things:
            row, column = divmod(thing.place, 3)
            row, column = row + down * entry.step.steps, column + right * entry.step.steps
            if not (0 <= row < 3 and 0 <= column < 3):
                raise Refused(f"the {thing.shape} is at the edge of the poster and cannot go further {entry.step.to}")
            changes.append(replace(thing, place=3 * row + column, chosen=thing.chosen - {"place"}))
        return world.changed(*changes)
    others = world.without(things)
    if entry.relation is not None:
        cells = cells_near(world if len(things) == 1 else others, entry.relation)
    else:
        cells = [c for p in entry.places for c in _targets(others, things, p)]
    if len(things) == 1:
        cells = cells[:1] if len(cells) == 1 or entry.relation else [c for c in cells if others.at(c) is None][:1] or cells[:1]
    if len(cells) < len(things):
        raise Refused(f"there is no room for {len(things)} things there")
    return world.changed(*[replace(t, place=c, chosen=t.chosen - {"place"}) for t, c in zip(things, cells, strict=False)])


def _targets(others: World, things: Sequence[Thing], place: Place) -> list[int]:
    """Where things go that are moved to a place: 'to the left' keeps the row, where that cell is free."""
    if len(things) == 1 and not place.kind and bool(place.v) != bool(place.h) and not place.mid:
        row, column = divmod(things[0].place, 3)
        row = {"top": 0, "bottom": 2}.get(place.v, row)
        column = {"left": 0, "right": 2}.get(place.h, column)
        kept = 3 * row + column
        usual = cells_of(place, 1)[0]
        return [kept] if others.at(kept) is None or kept == things[0].place else [usual]
    if len(things) > 1 and place.kind != "corner" and not place.many and bool(place.v) != bool(place.h):
        line = []
        for thing in things:
            row, column = divmod(thing.place, 3)
            line.append(3 * {"top": 0, "bottom": 2}.get(place.v, row) + {"left": 0, "right": 2}.get(place.h, column))
        if len(set(line)) == len(line):
            return line
    return cells_of(place, len(things) if len(things) > 1 else 1, [t.place for t in others.things])


def move(world: World, elements: Sequence[Element]) -> World:
    """'move the star up', 'put the star above the heart', 'move the circle to where the star is'."""
    entries, last = list[Entry](), Entry(Noun())
    start = world
    for k, element in enumerate(elements):
        if isinstance(element, Noun) and element.where:
            last.noun = last.noun or Noun()
            target = things_of(start, replace(element, where=False))[0]
            last.places.append(_cell_place(target.place))
        elif isinstance(element, Noun) and element.head not in _GROUNDS and not (element.link == "to" and entries):
            joined = entries and not entries[-1].placed
            last = Entry(element)
            entries.append(last)
            if joined:
                pass
        elif isinstance(element, Noun) and element.link == "to" and element.head not in _GROUNDS and entries:
            last.places.append(_cell_place(things_of(start, element)[0].place))
        elif isinstance(element, Place) and entries:
            later = any(isinstance(e, Place | Relation | Direction) or (isinstance(e, Noun) and (e.where or e.link == "to")) for e in _until_noun(elements[k + 1 :]))
            if later and element.link != "to":
                last.noun = replace(last.noun, places=(*last.noun.places, element))
            else:
                last.places.append(element)
        elif isinstance(element, Relation) and entries:
            last.relation = element
        elif isinstance(element, Direction) and entries:
            if last.step is not None:
                _step(world, entries, start)
            last.step = element
        elif isinstance(element, Except) and entries:
            last.left_out.append(element)
        elif isinstance(element, Spec) and "place" in element.same and element.like and entries:
            last.places.append(_cell_place(things_of(start, element.like)[0].place))
    if not entries:
        focus = world.named(world.focus)
        if not focus:
            raise Puzzled("move what?")
        entries = [Entry(Noun("thing", det="them" if len(focus) > 1 else "it"))]
        for element in elements:
            if isinstance(element, Place):
                entries[0].places.append(element)
            elif isinstance(element, Direction):
                entries[0].step = element
            elif isinstance(element, Relation):
                entries[0].relation = element
    groups: list[tuple[list[Thing], Entry]] = []
    waiting: list[Thing] = []
    for entry in entries:
        noun = replace(entry.noun, det=entry.noun.det if entry.noun.definite else "the")
        waiting += [t for t in things_of(start, noun, entry.left_out) if t not in waiting]
        if entry.placed:
            groups.append((waiting, entry))
            waiting = []
    if waiting or not groups:
        raise Puzzled("where should it go?")
    targets: list[Thing] = []
    for things, entry in groups:
        others = start.without([t for group, _ in groups for t in group])
        alone = replace(start, things=(*others.things, *things)) if len(groups) > 1 else start
        after = moved(_anchors(alone, start, entry), things, entry)
        targets += list(after.named([t.number for t in things]))
    return start.changed(*targets).seen(targets, len(targets) > 1)


def _anchors(world: World, start: World, entry: Entry) -> World:
    """A world that has the things a relation is about."""
    return start if entry.relation is not None else world


def _step(world: World, entries: Sequence[Entry], start: World) -> None:
    raise Puzzled("one step at a time, please")


def _until_noun(elements: Sequence[Element]) -> list[Element]:
    out: list[Element] = []
    for element in elements:
        if isinstance(element, Noun) and not element.where and element.link != "to":
            break
        out.append(element)
    return out


def put(world: World, elements: Sequence[Element], opening: bool) -> World:
    """'add a star', 'put the star at the top' (which moves it where it is there)."""
    nouns = [e for e in elements if isinstance(e, Noun) and e.head not in _GROUNDS]
    placed = any(isinstance(e, Place | Relation | Direction) or (isinstance(e, Noun) and e.where) for e in elements)
    first = nouns[0] if nouns else None
    if first is not None and first.definite and placed and not first.negative and world.ground is not None:
        try:
            things_of(world, first)
        except Refused:
            if first.det != "the" or any(t.shape == first.shape for t in world.things) or not first.shape:
                raise
        else:
            return move(world, elements)
    if first is not None and world.ground is None and not opening:
        raise Refused("there is no picture to add to")
    return describe(world, elements, opening, adding=True)


def _two(world: World, elements: Sequence[Element]) -> tuple[list[Thing], list[Thing], list[Noun]]:
    nouns = [e for e in elements if isinstance(e, Noun) and e.head not in _GROUNDS]
    places = [e for e in elements if isinstance(e, Place)]
    tied: list[Noun] = []
    for element in elements:
        if isinstance(element, Noun) and element.head not in _GROUNDS:
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
    one, other, nouns = _two(world, elements)
    if len(nouns) >= 2:
        second = nouns[1]
        if not second.definite and (second.det == "a" or second.link in ("for", "with")) and not any(_meant(world, t, second) for t in world.things if t not in one):
            return become(world, one, Spec(), second).seen(one)
        if second.det == "a" and second.link in ("for", "to"):
            return become(world, one, Spec(), second).seen(one)
        other = things_of(world, replace(second, det="the" if not second.definite else second.det))
    elif not other and len(one) == 2:
        one, other = one[:1], one[1:]
    if not one or len(one) != len(other):
        raise Puzzled(f"which two should be swapped? ({world.listed()})")
    kinds = [e.value for e in elements if isinstance(e, Mark) and e.tag == "attr"]
    kinds += [n.attr for n in nouns if n.attr]
    kinds = [k for k in dict.fromkeys(kinds) if k in ("colour", "size", "shape", "place")] or ["place"]
    changes = []
    for a, b in zip(one, other, strict=True):
        changes += [replace(a, **{k: getattr(b, k) for k in kinds}), replace(b, **{k: getattr(a, k) for k in kinds})]
    return world.changed(*changes).seen([*one, *other], True)


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
                spec = _both(spec, element)
        elif isinstance(element, Place):
            if not behind and refs:
                refs[-1] = replace(refs[-1], places=(*refs[-1].places, element))
        elif isinstance(element, Relation) and refs and not behind:
            refs[-1] = replace(refs[-1], relation=element)
        elif isinstance(element, Except):
            left_out.append(element)
    if not refs:
        raise Puzzled("replace what?")
    if any(noun.head in _GROUNDS for noun in refs):
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
    if new is not None and new.head in _GROUNDS:
        raise Puzzled("by what?")
    model_spec = replace(spec, same=())
    if new is not None:
        new = replace(new, spec=replace(new.spec, same=(), like=None) if new.spec.like is None else new.spec)
    return become(world, things, model_spec, new).seen(things, len(things) > 1)


def copy(world: World, elements: Sequence[Element]) -> World:
    """'duplicate the star at the bottom'."""
    nouns = [e for e in elements if isinstance(e, Noun) and e.head not in _GROUNDS]
    entry = Entry(nouns[0] if nouns else Noun("thing", det="it"))
    for element in elements:
        if isinstance(element, Place):
            entry.places.append(element)
        elif isinstance(element, Relation):
            entry.relation = element
    try:
        things = things_of(world, entry.noun)
    except Refused:
        if not entry.places:
            raise
        things = things_of(world, replace(entry.noun, places=(entry.places.pop(0),)))
    model = things[0]
    copied = Entry(Noun("shape", model.shape, "a", spec=Spec(model.colour, model.size)), entry.places, entry.relation)
    world, made = _make(world, copied)
    return world.seen(made)


def flip(world: World, elements: Sequence[Element]) -> World:
    """'flip the picture horizontally': what is left goes right."""
    axes = [e.value for e in elements if isinstance(e, Mark) and e.tag == "axis"]
    nouns = [e for e in elements if isinstance(e, Noun) and e.head not in _GROUNDS and e.det not in ("it", "all", "them")]
    orders = [e.value for e in elements if isinstance(e, Mark) and e.tag == "order"]
    if nouns:
        raise Puzzled("only the whole picture can be mirrored")
    axis = axes[0] if axes else {"lr": "h", "rl": "h", "tb": "v", "bt": "v"}.get(orders[0], "") if orders else ""
    if not axis:
        places = [e for e in elements if isinstance(e, Place)]
        axis = "h" if any(p.h for p in places) else "v" if any(p.v for p in places) else "h"
    changes = []
    for thing in world.things:
        row, column = divmod(thing.place, 3)
        changes.append(replace(thing, place=3 * row + 2 - column if axis == "h" else 3 * (2 - row) + column))
    return world.changed(*changes).seen(changes, True)


def fill(world: World, elements: Sequence[Element], opening: bool) -> World:
    """'fill the middle row with blue diamonds', 'fill the background with red'."""
    nouns = [e for e in elements if isinstance(e, Noun) and e.shape]
    places = [e for e in elements if isinstance(e, Place)]
    if nouns and not nouns[0].definite:
        if not places:
            places = [Place(v, "", not v, "row") for v in ("top", "", "bottom")]
        begun = world if world.ground is not None else describe_ground(world, elements)
        cells = [c for p in places for c in cells_of(p, None)]
        free = [c for c in cells if begun.at(c) is None]
        made: list[Thing] = []
        for cell in free:
            begun, new = _make(begun, Entry(replace(nouns[0], plural=False, count=None, det="a"), [_cell_place(cell)]))
            made += new
        rest = [e for e in elements if isinstance(e, Noun) and e.head in _GROUNDS and e.spec.colour]
        if rest and world.ground is not None:
            begun = begun.painted(rest[0].spec.colour)
        return begun.seen(made, True)
    return change(world, elements)


def describe_ground(world: World, elements: Sequence[Element]) -> World:
    """A world on the background that a clause names, or on a plain one."""
    found = sorted_out(elements)
    return replace(world, ground=found.ground or _plain_ground(found), free=not found.ground)


def keep(world: World, elements: Sequence[Element]) -> World:
    """'keep only the star', 'keep everything but the star': what is not kept goes. 'Keep the star' asks for nothing."""
    nouns = [e for e in elements if isinstance(e, Noun) and e.head not in _GROUNDS]
    only = any(isinstance(e, Mark) and e.tag == "only" for e in elements)
    left_out = [e for e in elements if isinstance(e, Except)]
    tied: list[Noun] = []
    for element in elements:
        if isinstance(element, Noun) and element.head not in _GROUNDS:
            tied.append(element)
        elif isinstance(element, Place) and tied:
            tied[-1] = replace(tied[-1], places=(*tied[-1].places, element))
    if only and tied:
        kept = [t for noun in tied for t in things_of(world, noun if noun.definite else replace(noun, det="the"))]
        return world.without([t for t in world.things if t not in kept])
    if left_out and any(noun.det == "all" for noun in nouns):
        gone = [t for other in left_out for n in other.nouns for t in things_of(world, n)]
        return world.without(gone)
    for noun in tied:
        things_of(world, noun)
    return world


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
    hits = [t for t in world.things if _meant(world, t, noun)]
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
    if target is not None and hits:
        good = [t for t in hits if target.colour in ("", t.colour) and target.size in ("", t.size) and not {t.colour, t.size} & set(target.denied)]
        return bool(good) if not (noun.several and noun.definite) else len(good) == len(hits)
    if noun.negative:
        return not hits
    if noun.count and noun.count > 1:
        return len(hits) == noun.count
    return bool(hits)


Operation = Callable[[World, Sequence[Element]], World]


def strange(elements: Sequence[Element]) -> list[Strange]:
    """The words of a clause that nobody understands, those inside nouns as well."""
    found = [e for e in elements if isinstance(e, Strange)]
    nouns = [e for e in elements if isinstance(e, Noun)]
    nouns += [n for e in elements if isinstance(e, Relation | Except) for n in e.nouns]
    return found + [Strange(n.strange) for n in nouns if n.strange]


def note(thing: Thing) -> str:
    """A thing with its place, in words."""
    return f"{described(thing)} at the {PLACES[thing.place]}"
