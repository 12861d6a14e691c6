"""The things of a description in their order: parts of a group, lines, and places that are shared."""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.language.altering import replace
from experts.poster.language.describing import Described
from experts.poster.language.making import Entry, cell_place
from experts.poster.language.terms import Place, joined
from experts.poster.language.world import Refused, cells_of, within


def parted(entries: list[Entry]) -> list[Entry]:
    """'two stars, one red and one blue': the parts in the place of the whole."""
    out: list[Entry] = []
    k = 0
    while k < len(entries):
        whole = entries[k]
        out += _one_each(whole)
        parts = _parts(whole, entries[k + 1 :])
        for part in parts:
            det = part.noun.det if whole.noun.definite else "a"
            part.noun = replace(
                part.noun,
                head="shape",
                shape=whole.noun.shape,
                det=det,
                other=False,
                spec=joined(whole.noun.spec, part.noun.spec),
                bare=False,
            )
            if part.placed and part.places:
                part.noun = replace(part.noun, places=())
            elif part.noun.places and whole.places and not part.placed:  # 'in the corners: the two upper ones white'
                cells = [c for p in whole.places for c in cells_of(p, None if p.many else 1)]
                part.places = [cell_place(c) for c in cells if all(within(p, c) for p in part.noun.places)]
                part.noun = replace(part.noun, places=() if part.places else part.noun.places)
            elif not part.placed:
                part.places = list(whole.places)
            if part.relation is not None and not part.relation.nouns and whole.relation is not None:
                part.relation = replace(part.relation, nouns=whole.relation.nouns)
        out += parts or ([] if _one_each(whole) else [whole])
        k += 1 + len(parts)
    return out


def _one_each(entry: Entry) -> list[Entry]:
    """'three hearts, red, white and blue': one of each colour; [] where it is no such list."""
    listed = entry.target.listed if entry.target else ()
    counted = entry.noun.count or (len(listed) if entry.noun.plural else 0)
    if len(listed) != counted or len(listed) < 2 or entry.noun.definite:
        return []
    one = replace(entry.noun, count=None, plural=False, det="a")
    places = entry.places if len(entry.places) == len(listed) else []
    if len(entry.places) == 1:
        cells = cells_of(entry.places[0], len(listed))
        places = [cell_place(cell) for cell in cells] if len(cells) == len(listed) else []
    return [
        Entry(replace(one, spec=replace(one.spec, colour=colour)), [places[k]] if places else list(entry.places))
        for k, colour in enumerate(listed)
    ]


def _parts(whole: Entry, rest: Sequence[Entry]) -> list[Entry]:
    """The entries right after a group that are its parts; [] where they do not add up to it."""
    count = whole.noun.count or (2 if whole.noun.det == "both" else 0)
    unsaid = not count and whole.noun.det == "all" or (not count and whole.noun.plural and not whole.noun.definite)
    if not whole.noun.shape or (count < 2 and not unsaid):
        return []
    parts, total = list[Entry](), 0
    for part in rest:
        if (
            part.noun.shape
            or part.noun.head != "thing"
            or (count and total >= count)
            or part.noun.det in ("it", "them", "all", "both")
        ):
            break
        parts.append(part)
        where = part.places[0] if part.places else Place()
        each = count if where.free else len(cells_of(where, None)) if where.many else 1
        total += part.noun.count or (2 if part.relation is not None and part.relation.kind == "sides" else each)
    return parts if total == count or (unsaid and total > 1) else []


def in_order(found: Described) -> None:
    """'a star, a heart and a circle from left to right in the middle row': a cell each."""
    later = [entry for entry in found.entries if entry.noun.definite]
    if later and len(later) < len(found.entries):
        found.entries = [entry for entry in found.entries if not entry.noun.definite]
        in_order(found)
        found.entries += later
        return
    total = sum(entry.noun.count or 1 for entry in found.entries)
    places = {entry.places[0] for entry in found.entries if entry.places}
    place = next(iter(places), None)
    if total < 2 or len(places) > 1:
        return
    line = _ring(place, total) if found.order == "cw" else _line(place, found.order, total)
    if total > len(line):
        raise Refused(f"there is no room for {total} in a line")
    stand_in(found, line)


_RING = (0, 1, 2, 5, 8, 7, 6, 3)


def _ring(place: Place | None, total: int) -> list[int]:
    first = cells_of(place, 1)[0] if place else 0
    at = _RING.index(first) if first in _RING else 0
    ring = [*_RING[at:], *_RING[:at]]
    return ring[::2] if total <= 4 and first in (0, 2, 6, 8) else ring


def _line(place: Place | None, order: str, total: int) -> list[int]:
    across = order in ("lr", "rl")
    usual = Place(mid=True, kind="row" if across else "column")
    if place is not None:
        usual = replace(
            place, kind="row" if across else "column", h="" if across else place.h, v=place.v if across else "",
            mid=place.mid or not (place.v if across else place.h), many=False,
        )  # fmt: skip
    line = cells_of(usual, 2 if total == 2 else None)
    return line[::-1] if order in ("rl", "bt") else line


def stand_in(found: Described, cells: Sequence[int]) -> None:
    """Gives each of the things one of the cells, in order; an empty entry leaves its cell empty."""
    left, out = iter(cells), []
    for entry in found.entries:
        for _ in range(entry.noun.count or 1):
            place = cell_place(next(left))
            if entry.noun.head != "void":
                one = replace(entry.noun, count=None, plural=False, places=())
                out.append(Entry(one, [place], target=entry.target, left_out=entry.left_out))
    found.entries = out


def share_places(found: Described) -> None:
    """'a star, a heart and a circle in the top row', 'the top row: a star, a heart': the line is for all of them."""
    entries = found.entries
    if len(entries) < 2 or found.order or any(entry.noun.definite for entry in entries):
        return
    placed = [entry for entry in entries if entry.placed]
    if len(placed) != 1 or placed[0] not in (entries[0], entries[-1]) or not placed[0].places:
        return
    places, total = placed[0].places, sum(entry.noun.count or 1 for entry in entries)
    leading = placed[0] is entries[0]
    place = places[-1]
    if leading and not place.kind:
        return
    if len(places) == total:
        cells = [cell for p in places for cell in cells_of(p, 1)]
    elif place.kind in ("row", "column") or place.many:
        cells = cells_of(place, 2 if total == 2 and entries[0].noun.head != "void" else None)
    else:
        return
    each = place.many and place.kind == "corner" and placed[0].noun.det == "a" and place.count != total
    if len(cells) >= total and not (each and len(cells) != total) and not (place.many and len(cells) > total):
        stand_in(found, cells)
