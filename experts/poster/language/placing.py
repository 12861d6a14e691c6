"""Things at other places: moving, mirroring, copying."""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.language.altering import replace
from experts.poster.language.making import Entry, cell_place, make
from experts.poster.language.resolve import cells_near, things_of
from experts.poster.language.terms import GROUNDS, Direction, Element, Except, Mark, Noun, Place, Relation, Spec
from experts.poster.language.world import CORNERS, Puzzled, Refused, Thing, World, cells_of

_STEP = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


class Elsewhere(Puzzled):
    """Words of a move that name no place but attributes: 'bring it down to small'."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        super().__init__("where should it go?")
        self.specs = specs


def moved(world: World, things: Sequence[Thing], entry: Entry) -> World:
    """Things at other places. Raises `Refused` where these are taken or off the poster."""
    return world.changed(*_arrived(world, things, entry))


def _arrived(world: World, things: Sequence[Thing], entry: Entry) -> list[Thing]:
    """Things as they will stand where they go. Raises `Refused` where that is off the poster."""
    if entry.steps and not (entry.places or entry.relation):
        return [_stepped(thing, entry.steps) for thing in things]
    others = world.without(things)
    for step in entry.steps:  # 'up to the right'
        entry.places = [_with_step(place, step) for place in entry.places]
    if entry.relation is not None and entry.relation.kind == "across" and entry.relation.nouns and len(things) == 1:
        cells = [_beyond(world, things[0], entry.relation)]
    elif entry.relation is not None:
        about = entry.relation.nouns or entry.relation.kind in ("at",)
        cells = cells_near(world if about else world.seen(things), entry.relation)
    else:
        cells = [c for p in entry.places for c in _targets(others, things, p)]
    if len(things) == 1 and len(cells) > 1 and entry.relation is None:
        cells = [c for c in cells if others.at(c) is None][:1] or cells[:1]
    if len(cells) < len(things):
        raise Refused(f"there is no room for {len(things)} things there")
    return [replace(t, place=c, chosen=t.chosen - {"place"}) for t, c in zip(things, cells, strict=False)]


def _beyond(world: World, thing: Thing, relation: Relation) -> int:
    """The cell on the other side of what a relation is about, as far from it as a thing is now. Raises `Refused`."""
    (middle,) = things_of(world, relation.nouns[0])[:1]
    row, column = (2 * b - a for a, b in zip(divmod(thing.place, 3), divmod(middle.place, 3), strict=True))
    if not (0 <= row < 3 and 0 <= column < 3):
        raise Refused(f"there is no room for the {thing.shape} on the other side of the {middle.shape}")
    return 3 * row + column


def _with_step(place: Place, step: Direction) -> Place:
    if place.kind or place.mid:
        return place
    up = {"up": "top", "down": "bottom"}.get(step.to, "")
    return replace(place, v=place.v or up, h=place.h or (step.to if not up else ""))


def _stepped(thing: Thing, steps: Sequence[Direction]) -> Thing:
    row, column = divmod(thing.place, 3)
    for step in steps:
        down, right = _STEP[step.to]
        row, column = row + down * step.steps, column + right * step.steps
        if not (0 <= row < 3 and 0 <= column < 3):
            raise Refused(f"the {thing.shape} is at the edge of the poster and cannot go further {step.to}")
    return replace(thing, place=3 * row + column, chosen=thing.chosen - {"place"})


def _targets(others: World, things: Sequence[Thing], place: Place) -> list[int]:
    """Where things go that are moved to a place: 'to the left' keeps the row, where that cell is free."""
    if len(things) == 1 and place.kind in ("", "side") and bool(place.v) != bool(place.h) and not place.mid:
        row, column = divmod(things[0].place, 3)
        row = {"top": 0, "bottom": 2}.get(place.v, row)
        column = {"left": 0, "right": 2}.get(place.h, column)
        kept = 3 * row + column
        usual = cells_of(place, 1)[0]
        return [kept] if others.at(kept) is None or kept == things[0].place else [usual]
    if len(things) == 1 and place.kind in ("row", "column") and not place.many:
        row, column = divmod(things[0].place, 3)
        line = cells_of(place, None)
        stay = [c for c in line if (c % 3 == column if place.kind == "row" else c // 3 == row)]
        return stay if stay and others.at(stay[0]) is None else cells_of(place, 1)
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
    entries = _journeys(elements) or [_of_focus(world, elements)]
    groups: list[tuple[list[Thing], Entry]] = []
    waiting: list[Thing] = []
    for entry in entries:
        noun = replace(entry.noun, det=entry.noun.det if entry.noun.definite else "the")
        waiting += [t for t in things_of(world, noun, entry.left_out) if t not in waiting]
        if entry.placed:
            groups.append((waiting, entry))
            waiting = []
    if waiting or not groups:
        specs = [e for e in elements if isinstance(e, Spec)]
        raise Elsewhere(specs) if specs else Puzzled("where should it go?")
    targets: list[Thing] = []
    everyone = [thing for group, _ in groups for thing in group]
    for things, entry in groups:
        staying = world.without([thing for thing in everyone if thing not in things])
        relation = entry.relation
        if relation is not None and not relation.nouns and targets and things[0].place not in CORNERS:
            entry.relation, entry.places = None, [cell_place(8 - target.place) for target in targets]
        targets += _arrived(staying if entry.relation is None else world, things, entry)
    return world.changed(*targets).seen(targets, len(targets) > 1)


def _of_focus(world: World, elements: Sequence[Element]) -> Entry:
    """'to the left', 'up': what was named last goes there."""
    focus = world.named(world.focus)
    if not focus:
        raise Puzzled("move what?")
    entry = Entry(Noun("thing", det="them" if len(focus) > 1 else "it"))
    for element in elements:
        _goes(entry, element)
    return entry


def _goes(entry: Entry, element: Element) -> None:
    if isinstance(element, Place):
        entry.places.append(element)
    elif isinstance(element, Direction):
        entry.steps.append(element)
    elif isinstance(element, Relation):
        entry.relation = element
    elif isinstance(element, Except):
        entry.left_out.append(element)


def _journeys(elements: Sequence[Element]) -> list[Entry]:
    """The things that are to go, each with where it goes; a place before that is where it stands."""
    entries: list[Entry] = []
    for k, element in enumerate(elements):
        last = entries[-1] if entries else None
        if isinstance(element, Noun) and element.head not in GROUNDS:
            if element.link == "to" and last is not None:
                last.relation = Relation("at", (element,))
            elif not (element.bare and element.det == "all" and last is not None and element.spec == Spec()):
                entries.append(Entry(element))
        elif last is None and isinstance(element, Place) and _narrows(element, elements[k + 1 :]):
            line = element.kind in ("row", "column") and not (element.v or element.h or element.mid)
            where = () if line else (element,)
            entries.append(Entry(Noun("thing", det="all", plural=True, places=where)))  # 'move the top row down'
        elif last is not None and isinstance(element, Place | Relation) and _narrows(element, elements[k + 1 :]):
            if isinstance(element, Place):
                last.noun = replace(last.noun, places=(*last.noun.places, element))
            else:
                last.noun = replace(last.noun, relation=element)
        elif last is not None:
            if isinstance(element, Spec) and "place" in element.same and element.like is not None:
                element = Relation("at", (element.like,))
            _goes(last, element)
    return entries


def _narrows(where: Place | Relation, rest: Sequence[Element]) -> bool:
    """Whether a place says which thing is meant: where it goes comes later."""
    if where.link == "to":
        return False
    later = _until_noun(rest)
    behind = rest[len(later) :][:1]
    going = any(isinstance(e, Place | Relation | Direction) for e in later)
    return going or any(isinstance(e, Noun) and e.link == "to" for e in behind)


def _until_noun(elements: Sequence[Element]) -> list[Element]:
    out: list[Element] = []
    for element in elements:
        if isinstance(element, Noun):
            break
        out.append(element)
    return out


def copy(world: World, elements: Sequence[Element]) -> World:
    """'duplicate the star at the bottom'."""
    nouns = [e for e in elements if isinstance(e, Noun) and e.head not in GROUNDS]
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
    shape = Noun("shape", model.shape, "a", spec=Spec(model.colour, model.size))
    each = [[place] for place in entry.places] if len(entry.places) > 1 and _apart(entry.places) else [entry.places]
    copies: list[Thing] = []
    for places in each:
        world, made = make(world, Entry(shape, places, entry.relation))
        copies += made
    return world.seen(copies, len(copies) > 1)


def _apart(places: Sequence[Place]) -> bool:
    """Whether each of some places is one of its own, and none says more about another."""
    return all((place.v and place.h) or place.mid or place.kind == "corner" for place in places) or (
        len({bool(place.v) for place in places}) == 1 and len(set(places)) == len(places)
    )


def flip(world: World, elements: Sequence[Element]) -> World:
    """'flip the picture horizontally': what is left goes right."""
    axes = [e.value for e in elements if isinstance(e, Mark) and e.tag == "axis"]
    nouns = [
        e for e in elements if isinstance(e, Noun) and e.head not in GROUNDS and e.det not in ("it", "all", "them")
    ]
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
