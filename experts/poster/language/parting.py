"""A group and its parts: 'two stars, one red and one blue', 'hearts in the corners, red on the left, ...'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experts.poster.language.altering import replace
from experts.poster.language.making import Entry, cell_place
from experts.poster.language.terms import Place, joined
from experts.poster.language.world import cells_of, within


def parted(entries: list[Entry]) -> list[Entry]:
    """The entries with the parts of every group in the place of the whole."""
    out: list[Entry] = []
    k = 0
    while k < len(entries):
        whole = entries[k]
        same = _one_each(whole)
        parts = [] if same else _parts(whole, entries[k + 1 :])
        out += same or [_one(whole, part) for part in parts] or [whole]
        k += 1 + sum(not part.left for part in parts)
    return out


@dataclass
class _Part:
    """A part of a group: its entry, how many things it has, the cells of the whole that are its own; `left`: it is
    what the parts leave of the whole."""

    entry: Entry
    count: int
    cells: list[int]
    left: bool = False


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


def _parts(whole: Entry, rest: Sequence[Entry]) -> list[_Part]:
    """The entries right after a group that are its parts; [] where they do not add up to it."""
    noun = whole.noun
    cells = _cells(whole)
    spread = any(place.many for place in whole.places) and not noun.definite
    count = noun.count or (2 if noun.det == "both" else len(cells) if spread and len(cells) > 1 else 0)
    unsaid = not count and (noun.det == "all" or (noun.plural and not noun.definite))
    if not (noun.shape or noun.det == "another") or (count < 2 and not unsaid):
        return []
    found, total = list[_Part](), 0
    for entry in rest:
        other = entry.noun
        if (
            other.shape
            or other.head != "thing"
            or other.det in ("it", "them", "all", "both", "another")
            or 0 < count <= total
        ):
            break
        found.append(_part(entry, cells, count))
        total += found[-1].count
    if found and (total == count or (unsaid and total > 1)):
        return found
    if (
        found and cells and noun.count and len(cells) + total == noun.count
    ):  # 'seven: the top and bottom rows, and one ...'
        return [_Part(replace_noun(whole, len(cells)), len(cells), cells, True), *found]
    if found and noun.count and total < noun.count and not any(part.entry.noun.definite for part in found):
        return [_Part(replace_noun(whole, noun.count - total), noun.count - total, [], True), *found]
    return []


def replace_noun(entry: Entry, count: int) -> Entry:
    """The same things, as many as `count`."""
    return Entry(
        replace(entry.noun, count=count), list(entry.places), entry.relation, list(entry.left_out), entry.target
    )


def _cells(whole: Entry) -> list[int]:
    return [
        cell
        for place in whole.places
        for cell in cells_of(place, None if place.many or place.kind else whole.noun.count or 1)
    ]


def _part(entry: Entry, cells: Sequence[int], count: int) -> _Part:
    noun, where = entry.noun, [*entry.noun.places, *entry.places]
    own = [cell for cell in cells if where and all(within(place, cell) for place in where)]
    spread = noun.count == 1 and entry.places and entry.places[0].many
    if any(place.kind == "outer" for place in where) and len(cells) % 2:  # 'the outer two'
        own = [cell for cell in sorted(cells) if cell != sorted(cells)[len(cells) // 2]]
    if where == [Place(mid=True)] and not own and len(cells) % 2 and len(cells) > 1:  # 'the middle one'
        own = [sorted(cells)[len(cells) // 2]]
    if noun.count and not spread:
        return _Part(entry, noun.count, own if len(own) == noun.count else [])
    if len(own) == 1 or (own and (noun.plural or noun.bare)):
        return _Part(entry, len(own), own)
    place = entry.places[0] if entry.places else Place()
    each = count if place.free else len(cells_of(place, None)) if place.many else 1
    both = entry.relation is not None and entry.relation.kind in ("sides", "poles")
    return _Part(entry, 2 if both else each, [])


def _one(whole: Entry, part: _Part) -> Entry:
    """A part as an entry of its own: it has the shape and the attributes of the whole."""
    entry, noun = part.entry, part.entry.noun
    if part.left:
        return entry
    det = noun.det if whole.noun.definite else "another" if whole.noun.det == "another" else "a"
    spec = joined(whole.noun.spec, noun.spec)
    count = part.count if part.cells else noun.count
    entry.noun = replace(
        noun,
        head=whole.noun.head,
        shape=whole.noun.shape,
        det=det,
        ordinal="",
        other=False,
        spec=spec,
        bare=False,
        count=count,
    )
    if whole.target is not None:
        entry.target = joined(whole.target, entry.target) if entry.target else whole.target
    if part.cells:
        entry.places = [cell_place(cell) for cell in part.cells]
        entry.noun = replace(entry.noun, places=())
    elif entry.placed and entry.places:
        entry.noun = replace(entry.noun, places=())
    elif not entry.placed and not noun.places:
        entry.places = list(whole.places)
    if entry.relation is not None and not entry.relation.nouns and whole.relation is not None:
        entry.relation = replace(entry.relation, nouns=whole.relation.nouns)
    return entry
