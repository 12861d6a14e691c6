"""Which things of a world a noun means, and in which cells a place or a relation puts things."""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.language.altering import replace
from experts.poster.language.terms import Except, Noun, Place, Relation
from experts.poster.language.world import CORNERS, NUMBERS, Puzzled, Refused, Thing, World, cells_of, fits, like, within
from experts.poster.scene import PLACES, plural

_STEPS = {"above": (-1, 0), "below": (1, 0), "left": (0, -1), "right": (0, 1)}


def said(noun: Noun) -> str:
    """A noun in plain words: 'red star'."""
    shape = noun.shape or "item"
    return " ".join(filter(None, (noun.spec.size, noun.spec.colour, plural(shape, 2) if noun.several else shape)))


def things_of(world: World, noun: Noun, left_out: Sequence[Except] = ()) -> list[Thing]:
    """The things that a noun means. Raises `Refused`: nothing is like it, or it could mean several."""
    found = _candidates(world, noun)
    for other in left_out:
        gone = {thing.number for inner in other.nouns for thing in things_of(world, _loose(world, inner, found))}
        found = [t for t in found if t.number not in gone and not any(within(p, t.place) for p in other.places)]
    if not found:
        if left_out:
            return []
        raise Refused(f"there is no {said(replace(noun, plural=False, count=None, det='the'))} ({world.listed()})")
    if noun.several or left_out:
        count = noun.count if noun.det != "both" else 2
        if noun.det == "both" and len(found) != 2:
            raise Refused(f"'both' could mean {NUMBERS[len(found)]} things ({world.listed()})")
        if count and count != len(found) and not left_out:
            raise Refused(
                f"there are not {NUMBERS[min(count, 9)]} of them but {NUMBERS[len(found)]} ({world.listed()})"
            )
        return found
    if len(found) > 1:
        raise Refused(
            f"ambiguous: {NUMBERS[len(found)]} {plural(noun.shape or 'item', 2)} could be meant ({world.listed()})"
        )
    return found


def _loose(world: World, noun: Noun, among: Sequence[Thing]) -> Noun:
    """A noun after 'except', with the shape of those it is taken from where it has none ('the blue one')."""
    return noun if noun.several or noun.det in ("it", "them") else noun


def _candidates(world: World, noun: Noun) -> list[Thing]:
    focus = list(world.named(world.focus))
    if noun.det == "it":
        if len(focus) == 1:
            return focus
        if not focus:  # what was named last is gone, or nothing was named
            return list(world.things) if len(world.things) == 1 and not world.focus else []
        return focus if world.group and world.group == len(focus) else focus[-1:]
    if noun.det == "them":
        return focus if len(focus) > 1 else list(world.things)
    if noun.det in ("former", "latter"):
        return (focus[:1] if noun.det == "former" else focus[-1:]) if len(focus) > 1 else []
    group = world.things if noun.of is None else things_of(world, noun.of)
    found = [thing for thing in group if fits(thing, noun, world)]
    if noun.other:
        rest = [thing for thing in found if thing not in focus]
        found = rest if focus and (rest or not noun.near) else found  # of 'the remaining ones', all may be there
        if not focus and world.ghosts and not noun.several and not noun.shape:
            found = [thing for thing in found if thing.shape == world.ghosts[-1].shape] or found
    if noun.det == "both" and not noun.shape and len(found) != 2 and len(focus) == 2:
        found = [thing for thing in focus if fits(thing, noun, world)]
    if noun.det == "both" and len(found) > 2 and len([t for t in found if t in focus]) == 2:
        found = [thing for thing in found if thing in focus]
    if noun.count and noun.places and noun.det == "the":
        return _outermost(found, noun)
    if noun.count and noun.det in ("the", "that") and len(found) > noun.count:
        near = [thing for thing in found if thing in focus]
        found = near if len(near) == noun.count else found
    if noun.spec.same and noun.spec.like is not None:
        found = _alike(world, noun, found)
    among = found
    rows, columns = {p.v for p in noun.places} - {""}, {p.h for p in noun.places} - {""}
    if len(rows) > 1 or len(columns) > 1:  # 'the stars left and right'
        found = [thing for thing in found if any(thing in _there(found, place) for place in noun.places)]
    else:
        for place in noun.places:
            found = _there(found, place)
    if not found and noun.several and len(noun.places) > 1:  # 'the ones on the left and right'
        found = [thing for thing in among if any(within(place, thing.place) for place in noun.places)]
    if noun.ordinal and found:
        found = _nth(world, found, int(noun.ordinal))
    if noun.relation is not None:
        cells = cells_near(world, noun.relation, strict=False)
        found = [thing for thing in found if thing.place in cells]
    if len(found) > 1 and not noun.shape and not noun.several and noun.head == "thing" and not noun.spec.colour:
        kinds = {thing.shape for thing in focus}
        near = [thing for thing in found if thing.shape in kinds]
        found = near if len(kinds) == 1 and len(near) == 1 else found
    return found


def _alike(world: World, noun: Noun, found: Sequence[Thing]) -> list[Thing]:
    assert noun.spec.like is not None
    (model,) = things_of(world, noun.spec.like)[:1]
    kinds = [kind for kind in noun.spec.same if kind in ("colour", "size", "shape")]
    return [t for t in found if t != model and all(getattr(t, kind) == getattr(model, kind) for kind in kinds)]


def _nth(world: World, found: Sequence[Thing], number: int) -> list[Thing]:
    """The first, second, ... or last of some things, in the order in which they were named."""
    near = [thing for thing in world.named(world.focus) if thing in found]
    ordered = near if len(near) > 1 and number <= len(near) else sorted(found, key=lambda thing: thing.number)
    at = number - 1 if number > 0 else len(ordered) - 1
    return [ordered[at]] if at < len(ordered) else []


def _outermost(found: Sequence[Thing], noun: Noun) -> list[Thing]:
    """'the top two circles': as many as were said, those furthest to that side."""
    place = noun.places[0]
    rest = found
    for where in noun.places:
        rest = _there(rest, where)
    if len(rest) == noun.count or not (place.v or place.h) or noun.count is None:
        return list(rest)
    axis, sign = (0, 1 if place.v == "top" else -1) if place.v else (1, 1 if place.h == "left" else -1)
    return sorted(found, key=lambda thing: sign * divmod(thing.place, 3)[axis])[: noun.count]


def _middle(found: Sequence[Thing]) -> list[Thing]:
    """The one in the middle of an odd number of things."""
    ordered = sorted(found, key=lambda thing: thing.place)
    return [ordered[len(ordered) // 2]] if len(ordered) % 2 else []


def _there(found: Sequence[Thing], place: Place) -> list[Thing]:
    """Those at a place; of several none of which is there, the ones furthest to that side."""
    if place.kind == "outer":
        return [thing for thing in found if thing not in _middle(found)]
    exact = [thing for thing in found if within(place, thing.place)]
    if not exact and place.mid and not place.kind and not place.v and not place.h:
        return _middle(found)
    bare = not place.kind or place.kind == "side"
    if exact and not (len(exact) > 1 and bare and bool(place.v) != bool(place.h)):
        return exact
    if len(found) < 2 or not bare or bool(place.v) == bool(place.h):
        return exact
    axis, sign = (0, 1 if place.v == "top" else -1) if place.v else (1, 1 if place.h == "left" else -1)
    depth = [sign * divmod(thing.place, 3)[axis] for thing in found]
    best = [thing for thing, d in zip(found, depth, strict=True) if d == min(depth)]
    return exact if exact and len(best) == len(exact) else best if len(best) < len(found) else exact


def _with_room(world: World, relation: Relation) -> list[Thing]:
    """What 'it' means in 'above it': the topic, or, where there is no room beside it, what was named last."""
    options = [[thing] for thing in (*world.named((world.topic,)), *world.named(world.focus[-1:]))]
    for option in options:
        row, column = divmod(option[0].place, 3)
        down, right = _STEPS.get(relation.kind, (0, 0))
        cell = 3 * (row + down) + column + right
        inside = 0 <= row + down < 3 and 0 <= column + right < 3
        if relation.kind not in _STEPS or (inside and world.at(cell) is None):
            return option
    return options[0]


def _anchors(world: World, relation: Relation) -> list[Thing]:
    """The things that a relation is about; of 'at', those that were there as well."""
    if relation.kind == "between" and not relation.nouns:
        named = world.named(world.focus)
        return list(named if len(named) == 2 else world.things[-2:])
    if not relation.nouns:
        if relation.kind == "at" and world.ghosts:
            return [world.ghosts[-1]]
        focus = world.named(world.focus)
        if len(focus) != 1 or relation.kind == "at":
            raise Puzzled(f"{relation.kind} what?")
        return list(focus)
    if relation.nouns[0].det == "it" and not relation.nouns[0].near and world.named((world.topic,)):
        return _with_room(world, relation)
    each = relation.nouns[0]
    if each.det == "all" and each.bare and not each.shape and world.group > 1 and len(world.named(world.focus)) > 1:
        return list(world.named(world.focus))  # 'below each'
    if relation.kind != "at":
        return [thing for noun in relation.nouns for thing in things_of(world, noun)]
    noun = relation.nouns[0]
    ghosts = [thing for thing in world.ghosts if like(thing, noun)]
    if noun.past and ghosts and noun.det not in ("it", "them"):
        return ghosts[-1:]
    try:
        return things_of(world, noun)
    except Refused:
        if ghosts:
            return ghosts[-1:]
        raise


def _steps(kind: str, spots: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """(row, column) of what stands so to things at these spots, the likeliest first; some may be off the poster."""
    row, column = spots[0]
    if kind in _STEPS:
        down, right = _STEPS[kind]
        return [(row + down, column + right)]
    if kind == "between":
        if len(spots) < 2:
            raise Puzzled("between what?")
        down, right = (sum(axis) for axis in zip(*spots[:2], strict=True))
        middle = (down // 2, right // 2)
        return [middle] if not down % 2 and not right % 2 and middle not in spots else []
    beside = [(row, column + 1), (row, column - 1), (row - 1, column), (row + 1, column)]
    corners = [(row + down, column + right) for down in (-1, 1) for right in (-1, 1)]
    table = {
        "at": [(row, column)],
        "cross": sorted(beside),
        "beside": beside,
        "around": [*sorted(beside), *corners],
        "sides": [(row, column - 1), (row, column + 1)],
        "poles": [(row - 1, column), (row + 1, column)],
        "across": [(row, 2 - column) if column != 1 else (2 - row, column)],
    }
    return table.get(kind, [(2 - row, 2 - column)])


def cells_near(world: World, relation: Relation, strict: bool = True) -> list[int]:
    """The cells that a relation means, the likeliest first. Raises `Refused` where there is none on the poster."""
    anchors = [cell for place in relation.places for cell in cells_of(place, 1)]
    anchors = anchors or [thing.place for thing in _anchors(world, relation)]
    if not anchors:
        raise Puzzled(f"{relation.kind} what?")
    if relation.kind == "between" and len(anchors) > 2:
        anchors = [min(anchors), max(anchors)]
    spots = [divmod(cell, 3) for cell in anchors]
    if relation.kind in _STEPS and not strict:
        down, right = _STEPS[relation.kind]
        return [
            cell
            for cell in range(9)
            if all((cell // 3 - r) * down > 0 if down else (cell % 3 - c) * right > 0 for r, c in spots)
        ]
    each = bool(relation.nouns) and relation.nouns[0].det == "all" and relation.kind in _STEPS
    steps = [s for spot in spots for s in _steps(relation.kind, [spot])] if each else _steps(relation.kind, spots)
    if relation.kind == "corner" and anchors[0] not in CORNERS:
        raise Refused(f"what stands {PLACES[anchors[0]]} is not in a corner")
    cells = [3 * r + c for r, c in steps if 0 <= r < 3 and 0 <= c < 3]
    if not cells or (relation.kind in ("sides", "poles") and len(cells) < 2):
        raise Refused(f"there is no room {relation.kind} what stands at the {PLACES[anchors[0]]}")
    if relation.kind == "beside":
        cells.sort(key=lambda cell: (world.at(cell) is not None, cell in world.avoid))
        return cells[:1] if strict else cells
    return cells
