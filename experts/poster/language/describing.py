"""A description sorted out: the colour of the background, and its things with what was said of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from experts.poster.language.altering import replace
from experts.poster.language.making import Entry
from experts.poster.language.terms import (
    GROUNDS,
    Direction,
    Element,
    Except,
    Mark,
    Noun,
    Place,
    Relation,
    Spec,
    Strange,
    joined,
)
from experts.poster.language.world import Refused, way

_LEFT = {"up": Place(v="top"), "down": Place(v="bottom"), "left": Place(h="left"), "right": Place(h="right")}


_PAIRS = {frozenset(("left", "right")): "sides", frozenset(("above", "below")): "poles"}


@dataclass
class Described:
    """A clause sorted out.

    Attributes:
        ground: colour of the background ('' where none was named); entries: the things, in their order.
        order: in which they stand ('lr', 'tb', 'cw', ...); piled: they stand in a line of this order, wherever.
        vacant: where nothing is to stand.
        lead: attributes that were said before any thing; every: attributes of all that was named before.
    """

    ground: str = ""
    entries: list[Entry] = field(default_factory=list)
    order: str = ""
    piled: bool = False
    vacant: list[Place] = field(default_factory=list)
    lead: Spec | None = None
    every: Spec | None = None


def sorted_out(elements: Sequence[Element]) -> Described:
    """The entries of a description: places and attributes with the nouns that they belong to."""
    return _Sorter(_with_partners(elements)).sorted()


def _with_partners(elements: Sequence[Element]) -> list[Element]:
    """'a red and a blue circle': the first, without a head, is a circle as well."""
    out = list(elements)
    for k, element in enumerate(out):
        if isinstance(element, Noun) and element.head == "paired":
            after = next((e for e in out[k + 1 :] if isinstance(e, Noun) and e.shape), None)
            out[k] = replace(element, head="shape", shape=after.shape if after else "")
    return out


class _Sorter:
    """One pass over the elements of a description."""

    def __init__(self, elements: Sequence[Element]) -> None:
        self.elements = elements
        self.found = Described()
        self.waiting: list[Place | Relation] = []
        self.grounded = self.shared = False
        self.gap = ""
        self.nothing = self.skipped = False
        self.closed = False
        self.excepted: list[Place] = []
        self.part: Place | None = None
        self.odd: Except | None = None
        content = [e for e in elements if not isinstance(e, Mark | Strange)]
        while content and (isinstance(content[0], Noun) and content[0].head in GROUNDS or _ground_link(content[0])):
            content = content[1:]
        self.forward = (
            bool(content) and isinstance(content[0], Place | Relation) and any(isinstance(e, Noun) for e in content)
        )

    @property
    def last(self) -> Entry | None:
        """The thing that was named last."""
        return self.found.entries[-1] if self.found.entries else None

    def sorted(self) -> Described:
        """The description."""
        for k, element in enumerate(self.elements):
            if isinstance(element, Place | Relation) and self._vacant(k):
                self.skipped = not self.closed
                self.closed = False
                self.found.vacant += [element] if isinstance(element, Place) else []
                continue
            self._take(element, k)
            if isinstance(element, Mark):
                self.gap = element.tag if element.tag in ("comma", "and", "colon", "but", "is") else self.gap
            elif not isinstance(element, Strange):
                self.gap = ""
        self._left_over()
        return self.found

    def _vacant(self, k: int) -> bool:
        """Whether a place is only said to be empty: 'the column in between stays empty', 'bottom row: empty'."""
        if k and not isinstance(self.elements[k - 1], Mark | Place | Relation):
            return False
        where = self.elements[k]
        if (
            isinstance(where, Place)
            and where.free
            and self.elements[k + 1 : k + 2] in ([], [Mark("comma")], [Mark("and")])
        ):
            self.closed = True  # 'middle column empty'
            return True
        rest = [e for e in self.elements[k + 1 :] if not isinstance(e, Place | Relation)]
        while rest and isinstance(rest[0], Mark) and rest[0].tag in ("is", "colon", "fill"):
            rest = rest[1:]
        if rest and isinstance(rest[0], Noun):
            return rest[0].negative and rest[0].head == "things" and not rest[1:2]
        return bool(rest) and isinstance(rest[0], Mark) and rest[0].tag == "void"

    def _left_over(self) -> None:
        """Places that were kept for a thing that never came, and sides that belong to the thing before."""
        last = self.last
        self._line_of_all()
        if last is not None:
            last.places += [where for where in self.waiting if isinstance(where, Place)]
        for one, other in zip(self.found.entries, self.found.entries[1:], strict=False):
            if other.noun.places and other.places and not one.placed and not other.noun.definite:
                one.places, other.noun = [*other.noun.places], replace(other.noun, places=())

    def _line_of_all(self) -> None:
        """'In the middle row a heart on the left and a star on the right': the row is for all of them."""
        entries = self.found.entries
        line = entries[0].places[0] if entries and len(entries[0].places) > 1 else None
        if line is None or not self.forward:
            return
        sided = line.kind in ("", "side") and not line.mid and bool(line.v) != bool(line.h) and len(entries) > 1
        if sided:
            line = replace(line, kind="row" if line.v else "column")
        elif line.kind not in ("row", "column"):
            return
        entries[0].places.pop(0)
        for entry in entries:
            entry.places = [_crossed(line, place) for place in entry.places]

    def _take(self, element: Element, k: int) -> None:
        if isinstance(element, Mark):
            self._mark(element)
        elif isinstance(element, Noun):
            self._noun(element, k)
        elif isinstance(element, Place | Relation):
            self._where(element, k)
        elif isinstance(element, Spec):
            self._spec(element, k)
        elif isinstance(element, Except) and self._all_but(element):
            return
        elif isinstance(element, Except) and self.last is not None:
            self.excepted = list(element.places)
            behind = next(iter(self._rest(k)), None)
            odd = element.nouns[0] if len(element.nouns) == 1 else None
            if odd is not None and odd.spec.colour and odd.places and not odd.shape and self.last.target is not None:
                self.found.entries.append(Entry(replace(odd, spec=Spec()), target=odd.spec))
                return
            comma = self.elements[k + 1 : k + 2] == [Mark("comma")]
            if comma and isinstance(behind, Spec) and behind.link == "is" and odd is not None:
                self.odd = element  # 'all green except the one in the centre, which is red'
            else:
                self.last.left_out.append(element)
        elif isinstance(element, Direction) and self.last is not None:
            if self.last.noun.definite:
                self.last.steps.append(element)
            else:
                self.last.places.append(_LEFT[element.to])

    def _all_but(self, element: Except) -> bool:
        """'nothing except a red star': new things, where all else is empty."""
        new = [noun for noun in element.nouns if not noun.definite and noun.shape]
        last = self.last
        if not new or not (self.nothing or (last is not None and last.noun.negative)):
            return False
        if last is not None and last.noun.negative:
            self.found.entries.pop()
        self.nothing = False
        self.found.entries += [Entry(replace(noun, places=()), list(noun.places)) for noun in new]
        return True

    def _rest(self, k: int) -> list[Element]:
        """What follows, without words that only link."""
        links = ("is", "fill", "comma", "colon", "with", "and", "all", "in")
        return [e for e in self.elements[k + 1 :] if not (isinstance(e, Mark) and e.tag in links)]

    def _mark(self, mark: Mark) -> None:
        if mark.tag in ("order", "pile"):
            self.found.order, self.found.piled = mark.value, mark.tag == "pile"
        elif mark.tag == "void":
            self._emptied()
        elif mark.tag in ("is", "but") and self.last is not None:
            self.last.closed = True
        elif mark.tag == "name" and self.last is not None:
            self.last.noun = replace(self.last.noun, name=mark.value)
        self.shared = self.shared or mark.tag in ("both", "all")

    def _emptied(self) -> None:
        """'the centre stays empty': a place that nothing is asked for; in a list, a cell that is left out."""
        if self.skipped:
            self.skipped = False
        elif self.waiting:
            self.waiting = []
        elif (
            self.last is not None
            and self.gap in ("comma", "and")
            and not self.last.left_out
            and self.last.noun.det != "all"
        ):
            self.found.entries.append(Entry(Noun("void")))
        elif self.last is not None and (self.last.left_out or self.last.noun.det == "all"):
            if self.last.noun.det == "all":
                self.found.entries.pop()
        elif self.last is not None and self.last.places:
            self.last.places.pop()

    def _noun(self, noun: Noun, k: int) -> None:
        if noun.head in GROUNDS:
            self._ground(noun)
            return
        last = self.last
        unsaid = (
            noun.head == "thing"
            and not noun.shape
            and noun.det in ("both", "all")
            and noun.spec == Spec()
            and not noun.places
        )
        if unsaid and last is not None and not last.noun.definite:
            self.shared = True
            return
        company = noun.link == "for" and noun.definite and last is not None and not last.noun.definite
        if company or (noun.negative and self.skipped):  # 'a friend for it'; 'the middle: nothing'
            self.skipped = False
            return
        if noun.negative and noun.head == "things" and (self._told(k) or last is not None):
            self.waiting = []
            self.nothing = True
            return
        but = isinstance(next(iter(self._rest(k)), None), Except) and last is not None
        if noun.bare and noun.det in ("all", "both") and (not self._told(k) or but):
            self._every(noun.spec, noun.det == "both")
            return
        if (
            noun.head in ("things", "thing")
            and noun.det == "all"
            and noun.spec == Spec()
            and not self._told(k)
            and not noun.negative
            and not noun.places
        ):
            return
        if (
            last is not None
            and last.noun.definite
            and noun.det == "a"
            and noun.link == "is"
            and last.becomes is None
            and not last.target
        ):
            _narrow(last)
            last.becomes = noun
            return
        if noun.definite and noun.spec.same and noun.spec.like is not None and not self._told(k):
            alike = Spec(same=noun.spec.same, like=noun.spec.like)
            noun = replace(noun, spec=replace(noun.spec, same=(), like=None))
            self.found.entries.append(Entry(noun, target=alike))
            return
        if last is not None and not self.waiting and self._apposed(last, noun, k):
            last.noun = replace(last.noun, spec=joined(last.noun.spec, noun.spec), shape=last.noun.shape or noun.shape)
            return
        self.nothing = False
        entry = Entry(noun)
        for where in self.waiting:
            if isinstance(where, Place):
                entry.places.append(where)
            else:
                entry.relation = where
        if self.excepted and not entry.placed and noun.det == "a" and noun.link == "with":
            entry.places = self.excepted  # 'except the bottom right, which holds a heart'
        self.waiting = []
        self.found.entries.append(entry)
        self.grounded = self.shared = False

    def _apposed(self, last: Entry, noun: Noun, k: int) -> bool:
        """'a black circle, but a small one', 'a friend for it, a green star': another name of what was named last."""
        one, other = last.noun, noun
        if (
            self.gap not in ("comma", "but", "colon")
            or one.definite
            or other.definite
            or one.negative
            or other.negative
        ):
            return False
        if one.shape and other.shape or not (one.shape or one.name) or one.several != (other.several or noun.plural):
            return False
        if other.count not in (None, 1, one.count) or not other.head or other.det == "another" or other.head in GROUNDS:
            return False
        own = joined(one.spec, last.target) if last.target else one.spec
        clash = (own.colour and other.spec.colour) or (own.size and other.spec.size)
        placed = last.placed and isinstance(next(iter(self._rest(k)), None), Place | Relation)
        return not clash and not placed and (other.spec != Spec() or bool(other.shape))

    def _told(self, k: int) -> bool:
        """Whether something is said of the noun at `k`: an attribute or a place follows."""
        rest = self._rest(k)
        return (
            bool(rest)
            and isinstance(rest[0], Spec | Place | Relation | Direction | Except)
            and not (isinstance(rest[0], Spec) and rest[0].link == "on")
        )

    def _every(self, spec: Spec, pair: bool = False) -> None:
        """Attributes of all things that have none of the kind; of 'both', where the last are several, only of them."""
        last = self.last
        if last is not None:
            for entry in [last] if pair and (last.noun.several or len(last.places) > 1) else self.found.entries:
                own = joined(entry.noun.spec, entry.target) if entry.target else entry.noun.spec
                if not (entry is not last and ((own.colour and spec.colour) or (own.size and spec.size))):
                    entry.target = joined(entry.target, spec) if entry.target else spec
        else:
            self.found.every = joined(self.found.every, spec) if self.found.every else spec

    def _ground(self, noun: Noun) -> None:
        last = self.last
        if noun.spec.clash:
            raise Refused(f"a background cannot be {noun.spec.clash} at once")
        if noun.spec.colour:
            self.found.ground = noun.spec.colour
        elif self.found.lead is not None and self.found.lead.colour and last is None:
            self.found.ground, self.found.lead = self.found.lead.colour, None
        elif (
            last is not None
            and last.target is not None
            and noun.head == "ground"
            and self.gap == ""
            and last.noun.spec.colour
        ):
            self.found.ground, last.target = last.target.colour, None
        else:
            self.grounded = not (noun.link in ("of", "in", "to", "from") and last is not None) or noun.head == "ground"

    def _where(self, where: Place | Relation, k: int) -> None:
        if self.nothing:  # 'nothing in between'
            return
        last, rest = self.last, self._rest(k)
        if self._leads_part(where, rest, k):
            self.part = where if isinstance(where, Place) else None
            return
        follows = (
            bool(rest)
            and isinstance(rest[0], Noun)
            and rest[0].head not in GROUNDS
            and not (rest[0].definite and self.gap == "")
        )
        second: Element | None = rest[1] if len(rest) > 1 and isinstance(rest[0], Place) else None
        again = last is not None and last.placed and self.gap in ("comma", "and")
        apart = isinstance(second, Noun) and (last is None or (again and not second.definite))
        follows = follows or apart
        counted = isinstance(where, Place) and where.link == "of"
        passive = isinstance(where, Relation) and where.link == "by"
        listed = last is not None and last.placed and follows and self.gap in ("comma", "and", "colon", "but")
        listed = listed and not (last is not None and _room(last) < (last.noun.count or 1))
        listed = listed and not (self._parted_from_next(k) and last is not None and (last.noun.count or 1) > 1)
        listed = listed or (bool(self.waiting) and follows)
        if passive or (
            (last is None or counted or (self.forward and follows and not self._parted_from_next(k)) or listed)
            and (follows or counted or last is None)
        ):
            self._wait(where)
        elif last is not None:
            _stand(last, where)

    def _leads_part(self, where: Place | Relation, rest: Sequence[Element], k: int) -> bool:
        """'four hearts in the corners: top left red, top right blue': whether a place begins a part of a group."""
        last = self.last
        following = self.elements[k + 1] if k + 1 < len(self.elements) else None
        group = last is not None and (last.noun.several or last.noun.bare or any(p.many for p in last.places))
        told = isinstance(following, Spec) and bool(following.colour or following.size) and following.link != "on"
        named = last is not None and not last.noun.definite and self.gap in ("colon", "comma", "and")
        return (
            told
            and group
            and named
            and isinstance(where, Place)
            and not where.many
            and last is not None
            and (last.placed or last.noun.plural)
        )

    def _parted_from_next(self, k: int) -> bool:
        """Whether a comma or 'and' stands between the place at `k` and the next thing."""
        for element in self.elements[k + 1 :]:
            if not isinstance(element, Mark):
                return False
            if element.tag in ("comma", "and", "but"):
                return True
        return False

    def _wait(self, where: Place | Relation) -> None:
        if (
            self.waiting
            and isinstance(where, Place)
            and isinstance(self.waiting[-1], Place)
            and _open(self.waiting[-1])
        ):
            self.waiting[-1] = _closed(self.waiting[-1], where)
        else:
            self.waiting.append(where)

    def _spec(self, spec: Spec, k: int) -> None:
        last = self.last
        inside = spec.link == "of" and k > 0 and isinstance(self.elements[k - 1], Place)
        if (spec.link == "on" or inside) and spec.colour or (self.grounded and spec.colour):
            self.found.ground, self.grounded = spec.colour, False
        elif self.grounded:
            raise Refused("a background has a colour and no size")
        elif self.shared and self.found.entries:
            self._every(spec)
        elif self.odd is not None:
            self.found.entries.append(Entry(self.odd.nouns[0], target=spec))
            self.odd = None
        elif last is not None and self.part is not None:
            self.found.entries.append(Entry(Noun("thing", det="a", spec=spec, bare=True), [self.part]))
            self.part = None
        elif last is not None and self._part(last, k):
            self.found.entries.append(Entry(Noun("thing", det="a", spec=spec, bare=True)))
        elif last is not None:
            if (
                last.noun.definite
                and last.target is None
                and (
                    "is" in (self.gap, spec.link)
                    or (last.noun.head == "thing" and last.noun.spec == Spec() and self.gap == "")
                )
            ):
                _narrow(last)
            for entry in self._alike(last):
                entry.target = joined(entry.target, spec) if entry.target else spec
        else:
            self.found.lead = joined(self.found.lead, spec) if self.found.lead else spec

    def _alike(self, last: Entry) -> list[Entry]:
        """'star star star (white)': the entries that attributes behind them are for."""
        run = [last]
        for entry in reversed(self.found.entries[:-1]):
            if (
                entry.noun.shape != last.noun.shape
                or entry.target
                or entry.noun.det
                or last.noun.det
                or entry.noun.spec != Spec()
            ):
                break
            run.append(entry)
        return run if self.gap == "comma" else [last]

    def _part(self, last: Entry, k: int) -> bool:
        """Whether attributes begin the next part of a group: 'three circles, red on top, green below'."""
        rest = self.elements[k + 1 :]
        placed = bool(rest) and isinstance(rest[0], Place | Relation) and self.gap in ("comma", "colon", "and", "is")
        inside = (
            (last.noun.count or 1) > 1
            or last.noun.det in ("both", "all")
            or any(place.many for place in last.places)
            or (last.noun.plural and self.gap == "colon")
            or (not last.noun.shape and last.placed and len(self.found.entries) > 1)
        )
        return placed and inside and (not last.noun.definite or last.noun.det == "all")


def _ground_link(element: Element) -> bool:
    return isinstance(element, Spec) and element.link == "on"


def _room(entry: Entry) -> int:
    """For how many things the places of an entry have room."""
    lines = [p.kind in ("row", "column", "side") or p.many for p in entry.places]
    return sum(3 if line else 1 for line in lines) if entry.places else 9


def _crossed(line: Place, place: Place) -> Place:
    """Where a row and 'left', or a column and 'top', meet."""
    if line.kind == "row" and not place.v and not place.kind:
        return Place(v=line.v, h=place.h, mid=line.mid or place.mid)
    if line.kind == "column" and not place.h and not place.kind:
        return Place(v=place.v, h=line.h, mid=line.mid or place.mid)
    return place


def _open(place: Place) -> bool:
    """Whether it is a row or a column that was not said which."""
    return place.kind in ("row", "column") and not (place.v or place.h or place.mid)


def _closed(line: Place, place: Place) -> Place:
    return replace(line, v=place.v, h=place.h, mid=line.mid or place.mid)


def _narrow(entry: Entry) -> None:
    """'the star at the top is red': the place says which star is meant."""
    relation = entry.relation or entry.noun.relation
    entry.noun = replace(entry.noun, places=(*entry.noun.places, *entry.places), relation=relation)
    entry.places, entry.relation = [], None


def _stand(entry: Entry, where: Place | Relation) -> None:
    again = Place(kind=where.kind, link=where.link) if isinstance(where, Place) else None
    if again == where and entry.places and where.kind in ("side", "row", "column") and not where.many:
        return  # 'in the middle of that side'
    if (
        isinstance(where, Place)
        and entry.placed
        and where.kind in ("row", "column")
        and _open(where)
        and not where.many
    ):
        return  # 'under it in a row', 'all in one column'
    pair = (
        _PAIRS.get(frozenset((where.kind, entry.relation.kind)))
        if isinstance(where, Relation) and entry.relation
        else None
    )
    if isinstance(where, Relation) and entry.relation is not None and pair:
        entry.relation = replace(entry.relation, kind=pair)
    elif isinstance(where, Relation) and where.places and not entry.placed:
        entry.relation = where
    elif isinstance(where, Relation):
        if (
            where.kind in ("opposite", "corner", "across")
            and entry.places
            and entry.places[-1] == Place(kind="corner", link="in")
        ):
            entry.places.pop()  # 'in the corner diagonally opposite'
        entry.relation = where
    elif entry.places and entry.places[-1].link == "from" and where.link == "to" and not entry.noun.definite:
        entry.places[-1:] = (
            [Place(kind="formation", many=True, cells=cells)] if (cells := way(entry.places[-1], where)) else []
        )
        if entry.places[:-1] and entry.places[-2].kind == "diagonal":
            entry.places.pop(-2)
    elif entry.places and _open(entry.places[-1]):
        entry.places[-1] = _closed(entry.places[-1], where)
    else:
        entry.places.append(where)
