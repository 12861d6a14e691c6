"""The things of a description in their order: lines, and places that are shared."""

from __future__ import annotations

from collections.abc import Sequence

from experts.poster.language.altering import replace
from experts.poster.language.describing import Described
from experts.poster.language.making import Entry, cell_place
from experts.poster.language.terms import Place, Spec
from experts.poster.language.world import Refused, cells_of


def distributed(found: Described) -> None:
    """'a circle, a square and a star, coloured red, green and blue': to each thing its own colour."""
    entries = found.entries
    last = entries[-1] if entries else None
    listed = last.target.listed if last is not None and last.target is not None else ()
    if len(listed) < 2 or len(listed) != len(entries) or any(entry.noun.spec.colour for entry in entries):
        return
    for entry, colour in zip(entries, listed, strict=True):
        spec = entry.target or Spec()
        entry.target = replace(spec, colour=colour, clash="", listed=())


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
    if total < 2 or len(places) > 1 or any(entry.relation is not None for entry in found.entries):
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
