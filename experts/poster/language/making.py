"""New things: what an entry of a description asks for, and the thing that is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from experts.poster.language.altering import replace
from experts.poster.language.resolve import cells_near, like, said, things_of
from experts.poster.language.terms import Direction, Except, Noun, Place, Relation, Spec
from experts.poster.language.world import Puzzled, Refused, Thing, World, cells_of, within

_OTHER = {"big": "small", "small": "big"}


@dataclass
class Entry:
    """A noun of a description with where it stands, and what it becomes where it is there already; `closed`: something
    was said of it, so that it does not share what is said of the next."""

    noun: Noun
    places: list[Place] = field(default_factory=list)
    relation: Relation | None = None
    left_out: list[Except] = field(default_factory=list)
    target: Spec | None = None
    steps: list[Direction] = field(default_factory=list)
    becomes: Noun | None = None
    closed: bool = False

    @property
    def placed(self) -> bool:
        """Whether a place was said."""
        return bool(self.places or self.relation or self.steps)


def cell_place(cell: int) -> Place:
    """The words of a cell."""
    row, column = divmod(cell, 3)
    v, h = ("top", "", "bottom")[row], ("left", "", "right")[column]
    return Place(v, h, mid=not (v and h))


def make(world: World, entry: Entry) -> tuple[World, list[Thing]]:
    """New things."""
    noun, spec = entry.noun, entry.noun.spec
    model = _model(world, noun)
    if model is None and spec.like is not None and spec.like.det == "it":
        model = next((thing for thing in reversed(world.things) if thing.shape == noun.shape), None)
    shape = noun.shape or (model.shape if model else "")
    if "shape" in spec.same and spec.like is not None:
        shape = noun.shape or _likened(world, spec.like, model).shape
    if not shape:
        raise Puzzled("which shape should it have? (circle, square, triangle, star, heart, diamond)")
    if entry.relation is not None and entry.relation.kind == "at" and entry.relation.nouns:
        cell = cells_near(world, entry.relation)[0]  # in the place of what is there
        world = world.without([thing for thing in world.things if thing.place == cell])
    world, relation = _anchored(world, entry.relation, entry.places)
    entry.relation = relation
    cells = cells_for(world, entry)
    count = noun.count or (None if noun.plural or noun.det == "all" else 1)
    if cells is None and count is None:
        raise Puzzled(f"how many {said(replace(noun, plural=True))}? say a number")
    if cells is not None and noun.count == 1 and len(entry.places) > 1 and len(cells) > 1:
        raise Refused(f"one {shape} cannot stand at {len(cells)} places")
    if cells is not None and entry.relation is not None and len(cells) == 1 and (count or 1) > 1:
        cells = _row_of(entry.relation.kind, cells[0], count or 1)
    if cells is not None:
        if count is None or (count == 1 and len(cells) > 1):
            count = len(cells)
        cells = _enough(world, cells, count, entry, shape)
    assert count is not None
    if cells is None and count > len(world.empty()):
        raise Refused(f"there is no room for {count} things on the poster")
    if entry.relation is not None and entry.relation.kind == "at" and world.ghosts and spec.same and spec.like is None:
        model = world.ghosts[-1]
    colour = _taken(world, "colour", spec, model, spec.colour) or world.ink()
    size = _taken(world, "size", spec, model, spec.size) or next((_OTHER[d] for d in spec.denied if d in _OTHER), "big")
    chosen = {"colour"} if not (spec.colour or model or "colour" in spec.same) else set()
    chosen |= {"size"} if not (spec.size or model or "size" in spec.same) else set()
    made = []
    for k in range(count):
        place = cells[k] if cells is not None else world.empty()[0]
        mine = frozenset(chosen | ({"place"} if cells is None else set()))
        thing = Thing(world.next, shape, colour, size, place, mine, noun.name.strip("*"))
        world = replace(world, things=(*world.things, thing), next=world.next + 1)
        made.append(thing)
    _visible(world, made)
    notes = [f"the colour of the {shape} was chosen: {colour}"] if "colour" in chosen else []
    return world.noted(*notes), made


def _row_of(kind: str, cell: int, count: int) -> list[int]:
    """The cells for several things above, below or beside one: those of the line that they stand in."""
    if kind in ("above", "below"):
        return cells_of(Place(("top", "", "bottom")[cell // 3], "", cell // 3 == 1, "row"), count)
    if kind in ("left", "right"):
        return cells_of(Place("", ("left", "", "right")[cell % 3], cell % 3 == 1, "column"), count)
    return [cell]


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


def _likened(world: World, noun: Noun, model: Thing | None) -> Thing:
    """What new things are to be like; 'like that one', where nothing was named: like the one there is."""
    try:
        return things_of(world, noun)[0]
    except Refused:
        if model is None or noun.det != "it":
            raise
        return model


def _taken(world: World, kind: str, spec: Spec, model: Thing | None, named: str) -> str:
    if named:
        return named
    if kind in spec.same and model is not None and spec.like is None:
        return str(getattr(model, kind))
    if kind in spec.same:
        if spec.like is not None:
            return str(getattr(_likened(world, spec.like, model), kind))
        last = world.named(world.focus) or world.things
        if last:
            return str(getattr(last[-1], kind))
    return str(getattr(model, kind)) if model else ""


def _flanked(world: World, relation: Relation, places: list[Place]) -> tuple[World, Relation | None]:
    """'a heart between two stars': makes the stars at both ends of a line, and leaves its middle."""
    inner = [place for noun in relation.nouns for place in noun.places]
    line = cells_of((places + inner or [Place(mid=True, kind="row")])[0], 3)
    if len(line) < 3:
        line = cells_of(Place(mid=True, kind="row"), None)
    ends = [
        replace(noun, count=None, plural=False, places=()) for noun in relation.nouns for _ in range(noun.count or 1)
    ]
    if len(ends) != 2:
        raise Puzzled("between which two?")
    for noun, cell in zip(ends, (line[0], line[-1]), strict=True):
        world, _ = make(world, Entry(noun, [cell_place(cell)]))
    places[:] = [cell_place(line[1])]
    return world, None


def _anchored(world: World, relation: Relation | None, places: list[Place]) -> tuple[World, Relation | None]:
    """A relation whose things are there: 'below a red heart' makes the heart."""
    if relation is None:
        return world, None
    if relation.kind == "between" and relation.nouns and not any(noun.definite for noun in relation.nouns):
        return _flanked(world, relation, places)
    nouns = []
    for noun in relation.nouns:
        if not noun.det and not noun.count and sum(like(thing, noun) for thing in world.things) == 1:
            noun = replace(noun, det="the")  # a bare noun, as after the French 'du'
        if not noun.definite and noun.shape and not noun.several:
            world, made = make(world, Entry(replace(noun, places=()), list(noun.places)))
            world = world.seen(made)
            noun = replace(Noun("thing", det="it"), places=())
            nouns.append(_fixed(made[0]))
        else:
            nouns.append(noun)
    return world, replace(relation, nouns=tuple(nouns))


def _fixed(thing: Thing) -> Noun:
    return Noun("shape", thing.shape, "the", spec=Spec(thing.colour, thing.size), places=(cell_place(thing.place),))


def cells_for(world: World, entry: Entry) -> list[int] | None:
    """The cells that an entry names, None where it names none."""
    noun = entry.noun
    count = noun.count or (None if noun.plural or noun.det == "all" else 1)
    places = [*noun.places, *entry.places]
    if entry.relation is not None and not entry.places:
        return cells_near(world, entry.relation)
    if not places:
        if world.frame:
            free = [cell for cell in world.frame if world.at(cell) is None]
            return free[:count] or None
        if entry.left_out and any(other.places for other in entry.left_out):
            places = [Place(kind="corner", many=True)]
        else:
            return None
    taken = [thing.place for thing in world.things]
    plain = not any(p.many or p.kind in ("row", "column") for p in places)
    if plain and [_sided(p) for p in places] in (["v", "h"], ["h", "v"]):  # 'at the top, on the left'
        places = [Place(places[0].v or places[1].v, places[0].h or places[1].h)]
    met = [cell for cell in range(9) if all(within(p, cell) for p in places)]
    if len(places) > 1 and count == 1 and met and not any(p.many or p.count or p.kind == "side" for p in places):
        usual = [cell for p in places for cell in cells_of(p, 1)]  # 'in the middle row, on the far left'
        return [min(met, key=lambda c: (world.at(c) is not None, c not in usual))]
    if plain and count == 1 and len(places) == 2 and [p.mid and not (p.v or p.h) for p in places].count(True) == 1:
        places = [
            Place(places[0].v or places[1].v, places[0].h or places[1].h, mid=True)
        ]  # 'on the left, in the middle'
    kinds = {p.kind for p in places if p.kind in ("row", "column")}
    if len(kinds) == 1 and len(places) > 1:  # 'the top and the middle row'
        places = [replace(p, kind=p.kind or next(iter(kinds))) for p in places]
    places = [replace(p, many=True, count=None) if p.free else p for p in places]
    cells = [c for p in places for c in cells_of(p, _holds(p, count, len(places)), taken)]
    if any(p.free for p in places):
        cells = [c for c in cells if world.at(c) is None]
    left_out = [c for other in entry.left_out for p in other.places for c in cells_of(p, None if p.many else 1)]
    spots = [n for other in entry.left_out for n in other.nouns if n.places and not n.shape and n.spec == Spec()]
    left_out += [c for n in spots for p in n.places for c in cells_of(p, 1)]  # 'every corner but the top left one'
    left_out += [
        t.place for other in entry.left_out for n in other.nouns if n not in spots for t in things_of(world, n)
    ]
    return [cell for cell in dict.fromkeys(cells) if cell not in left_out]


def _holds(place: Place, count: int | None, places: int) -> int | None:
    """How many of `count` things stand at one of so many places; None: as many as there is room for."""
    if place.cells:
        return count
    if count is None or (place.many and not place.count):
        return None
    if place.count:
        return place.count
    if places == 1:
        return count
    return None if place.kind in ("row", "column", "diagonal") and count > places else 1


def _sided(place: Place) -> str:
    """'v' where only top or bottom was said, 'h' where only left or right was."""
    return "" if place.mid or bool(place.v) == bool(place.h) else "v" if place.v else "h"


def _enough(world: World, cells: list[int], count: int, entry: Entry, shape: str) -> list[int]:
    if count > len(cells):
        raise Refused(f"there is no room for {count} {shape}s there")
    if count < len(cells):
        return sorted(cells, key=lambda cell: (world.at(cell) is not None, cells.index(cell)))[:count]
    return cells
