"""A poster as it is being talked about: things with an identity, what was chosen for them, and what was named last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experts.poster.language.altering import replace
from experts.poster.language.terms import Noun, Place
from experts.poster.scene import PLACES, Item, Scene

ROWS = {"top": (0, 1, 2), "middle": (3, 4, 5), "bottom": (6, 7, 8)}
COLUMNS = {"left": (0, 3, 6), "middle": (1, 4, 7), "right": (2, 5, 8)}
CORNERS = (0, 2, 6, 8)
GROUND_NAMED = (0,)
"""The focus where what was named last is the background."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_PREFERRED = (4, 1, 7, 3, 5, 0, 2, 6, 8)
_FORM = {"corner": "", "row": "row", "column": "column", "side": "", "": ""}


class Refused(ValueError):
    """A clause that cannot be carried out here; the message says why."""

    end = "not possible"


class Puzzled(Refused):
    """A clause that is not understood."""

    end = "not understood"


class Crowded(Refused):
    """A cell is taken by something whose place nobody named: it may stand elsewhere."""

    def __init__(self, message: str, cell: int) -> None:
        super().__init__(message)
        self.cell = cell


@dataclass(frozen=True)
class Thing:
    """An item with an identity; `chosen`: which of its attributes nobody named; `name`: what the speaker calls it."""

    number: int
    shape: str
    colour: str
    size: str
    place: int
    chosen: frozenset[str] = frozenset()
    name: str = ""

    @property
    def item(self) -> Item:
        """It, as a part of a scene."""
        return Item(self.place, self.shape, self.colour, self.size)


@dataclass(frozen=True)
class World:
    """What is on the poster at a point of the prompt (`ground` None: nobody has spoken of a picture yet).

    Attributes:
        focus: numbers of the things that were named last, in their order; groups: how they were named together.
        free: colour of the background was chosen, not named.
        ghosts: things that are gone or stand elsewhere now, as they were; frame: cells for the things named next.
        topic: number of the thing that the last relation named by 'it' ('above it'; then 'below it' is the same one).
        avoid: cells that are wanted later, so that nothing placeless takes them; shun: colours likewise.
    """

    ground: str | None = None
    things: tuple[Thing, ...] = ()
    focus: tuple[int, ...] = ()
    group: int = 0
    free: bool = True
    avoid: frozenset[int] = frozenset()
    shun: tuple[str, ...] = ()
    next: int = 1
    topic: int = 0
    ghosts: tuple[Thing, ...] = ()
    frame: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, scene: Scene | None, avoid: frozenset[int], shun: tuple[str, ...]) -> World:
        """The world of a scene that is there."""
        if scene is None:
            return cls(avoid=avoid, shun=shun)
        things = tuple(
            Thing(k, item.shape, item.colour, item.size, item.place if item.place is not None else 0)
            for k, item in enumerate(scene.items, 1)
        )
        return cls(scene.background, things, free=False, avoid=avoid, shun=shun, next=len(things) + 1)

    @property
    def scene(self) -> Scene | None:
        """The scene in symbols."""
        return None if self.ground is None else Scene(self.ground, tuple(thing.item for thing in self.things))

    def at(self, place: int) -> Thing | None:
        """What stands in a cell."""
        return next((thing for thing in self.things if thing.place == place), None)

    def named(self, numbers: Sequence[int]) -> tuple[Thing, ...]:
        """The things of these numbers that are still there, in this order."""
        table = {thing.number: thing for thing in self.things}
        return tuple(table[number] for number in numbers if number in table)

    def empty(self) -> list[int]:
        """Free cells, those first that nobody wants later, the center first."""
        taken = {thing.place for thing in self.things}
        return sorted(
            (cell for cell in range(9) if cell not in taken), key=lambda c: (c in self.avoid, _PREFERRED.index(c))
        )

    def changed(self, *things: Thing) -> World:
        """With these things in the place of those of the same numbers; what they are is checked."""
        table = {thing.number: thing for thing in things}
        gone = tuple(t for t in self.things if t.number in table and table[t.number].place != t.place)
        changed = tuple(table.get(thing.number, thing) for thing in self.things)
        world = replace(self, things=changed, ghosts=(*self.ghosts, *gone))
        world.check()
        return world

    def without(self, things: Sequence[Thing]) -> World:
        """Less these things."""
        gone = {thing.number for thing in things}
        rest = tuple(thing for thing in self.things if thing.number not in gone)
        return replace(self, things=rest, ghosts=(*self.ghosts, *things))

    def seen(self, things: Sequence[Thing], together: bool = False) -> World:
        """With these as what was named last."""
        numbers = tuple(thing.number for thing in things)
        return replace(self, focus=numbers, group=len(things) if together else 0, topic=0)

    def noted(self, *notes: str) -> World:
        """With further notes."""
        return replace(self, notes=(*self.notes, *notes))

    def painted(self, colour: str) -> World:
        """On another background."""
        world = replace(self, ground=colour, free=False)
        hidden = [thing for thing in world.things if thing.colour == colour]
        for thing in hidden:
            if "colour" not in thing.chosen:
                raise Refused(f"the {thing.colour} {thing.shape} could not be seen on a {colour} background")
            ink = world.ink()
            world = world.changed(replace(thing, colour=ink))
        return world

    def ink(self) -> str:
        """A colour that can be seen, for what has none."""
        options = [name for name in ("red", "blue", "green", "yellow", "orange", "purple", "black", "white")]
        likely = [name for name in options if name != self.ground and name not in self.shun]
        return likely[0] if likely else next(name for name in options if name != self.ground)

    def check(self) -> None:
        """Raises `Refused` where a thing could not be seen, or two stand in one cell."""
        cells: dict[int, Thing] = {}
        for thing in self.things:
            if thing.colour == self.ground:
                raise Refused(f"a {thing.colour} {thing.shape} could not be seen on a {self.ground} background")
            other = cells.setdefault(thing.place, thing)
            if other is not thing:
                message = f"there is already {described(other)} at the {PLACES[thing.place]}"
                for one in (other, thing):
                    if "place" in one.chosen:
                        raise Crowded(message, thing.place)
                raise Refused(message)

    def listed(self) -> str:
        """What is there, in words: 'a red heart and a blue star'."""
        if not self.things:
            return "the picture is empty"
        parts = [described(thing) for thing in self.things]
        words = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" and {parts[-1]}"
        return f"there {'is' if len(parts) == 1 else 'are'} {words}"


def described(thing: Thing) -> str:
    """'a red heart', 'an orange star'."""
    return f"{'an' if thing.colour[0] in 'aeiou' else 'a'} {thing.colour} {thing.shape}"


def cells_of(place: Place, count: int | None, taken: Sequence[int] = ()) -> list[int]:
    """The cells that a place names for `count` things (None: as many as it has). Raises `Refused` where none fit."""
    v = place.v or ("middle" if place.mid and (place.h or place.kind in ("row",)) else "")
    h = place.h or ("middle" if place.mid and (place.v or place.kind in ("column",)) else "")
    if place.cells:
        return _figure(place.cells, count)
    if place.kind == "block":
        rows, columns = ROWS[place.v or "top"][0] // 3, COLUMNS[place.h or "left"][0]
        return [3 * r + c for r in (min(rows, 1), min(rows, 1) + 1) for c in (min(columns, 1), min(columns, 1) + 1)]
    if place.kind == "corner" or (place.kind == "side" and place.many and not (v or h)):
        if place.kind == "side":
            options = [3, 5] if (count or 2) == 2 else [1, 3, 5, 7]
        else:
            options = [cell for cell in CORNERS if (not v or cell in ROWS[v]) and (not h or cell in COLUMNS[h])]
        if place.count is not None:
            return [*(cell for cell in options if cell not in taken), *options][: place.count]
        return options if count is None or place.many else options[:count] if len(options) >= count else options
    if place.kind == "everywhere":
        return list(range(9))
    if place.kind == "diagonal":
        return [2, 4, 6] if (place.h == "right" and place.v == "top") else [0, 4, 8]
    if place.kind in ("row", "column") and (place.count or 0) > 1 and not (v or h or place.mid):  # 'two rows of hearts'
        lines = ROWS if place.kind == "row" else COLUMNS
        names = [name for name in lines if (place.count or 0) > 2 or name != "middle"]
        return [cell for name in names for cell in lines[name]]
    if place.kind == "row" and not h:
        return _spread(ROWS[v or "middle"], count) if v or place.mid else _spread(_free_line(ROWS, taken), count)
    if place.kind == "column" and not v:
        return _spread(COLUMNS[h or "middle"], count) if h or place.mid else _spread(_free_line(COLUMNS, taken), count)
    if v and h:
        return [next(cell for cell in ROWS[v] if cell in COLUMNS[h])]
    if place.mid:
        return [4] if (count or 1) == 1 else _spread(ROWS["middle"], count)
    if not (v or h):
        raise Refused("where on the poster?")
    line = ROWS[v] if v else COLUMNS[h]
    return [line[1]] if (count or 1) == 1 else _spread(line, count)


def _figure(cells: tuple[int, ...], count: int | None) -> list[int]:
    """The cells of a figure for `count` things: one less than it has leaves its middle out, two stand at its ends."""
    if count == len(cells) - 1 and 4 in cells and len(cells) > 3:
        return [cell for cell in cells if cell != 4]
    if count == 4 and len(cells) == 8:
        return [1, 3, 5, 7]
    if count == 2 and len(cells) == 3:
        return [cells[0], cells[-1]]
    if count is not None and 1 < count < len(cells):
        raise Refused(f"{count} things do not fill that figure of {len(cells)}")
    return list(cells)


def way(start: Place, end: Place) -> tuple[int, ...]:
    """The cells on the straight way from one cell to another; () where there is none."""
    (one, *more), (two, *others) = cells_of(start, None if start.many else 1), cells_of(end, None if end.many else 1)
    (r, c), (down, right) = divmod(one, 3), (two // 3 - one // 3, two % 3 - one % 3)
    if more or others or not (down or right) or (down and right and abs(down) != abs(right)):
        return ()
    steps = max(abs(down), abs(right))
    return tuple(3 * (r + k * down // steps) + c + k * right // steps for k in range(steps + 1))


def _free_line(lines: Mapping[str, tuple[int, ...]], taken: Sequence[int]) -> tuple[int, ...]:
    return next(
        (
            lines[name]
            for name in ("middle", "top", "bottom", "left", "right")
            if name in lines and not set(lines[name]) & set(taken)
        ),
        lines["middle"],
    )


def _spread(line: Sequence[int], count: int | None) -> list[int]:
    """Cells of a line for `count` things: two stand at its ends, one in its middle."""
    if count == 1:
        return [line[1]]
    return [line[0], line[-1]] if count == 2 else list(line)


def within(place: Place, cell: int) -> bool:
    """Whether a cell is where a place says, in the widest sense ('at the top': the top row)."""
    v = place.v or ("middle" if place.mid and (place.h or place.kind == "row") else "")
    h = place.h or ("middle" if place.mid and (place.v or place.kind == "column") else "")
    if place.mid and not v and not h:
        return cell == 4
    if place.kind in ("corner",) and cell not in CORNERS:
        return False
    if place.kind in ("diagonal", "block") or place.cells:
        return cell in cells_of(place, None)
    return (not v or cell in ROWS[v]) and (not h or cell in COLUMNS[h])


def like(thing: Thing, noun: Noun) -> bool:
    """Whether a thing has the shape, the size, and the colour or one of the colours that a noun names."""
    spec = noun.spec
    coloured = thing.colour in spec.listed or spec.colour in ("", thing.colour)
    return noun.shape in ("", thing.shape) and coloured and spec.size in ("", thing.size)


def fits(thing: Thing, noun: Noun, world: World) -> bool:
    """Whether a thing has all attributes that a noun names (places and relations apart)."""
    spec = noun.spec
    if noun.name.startswith("*"):
        newest = max((other.number for other in world.things), default=0)
        if (thing.number == newest) != (noun.name == "*new"):
            return False
    elif noun.name and noun.name != thing.name:
        return False
    same = like(thing, noun)
    denied = any(value in (thing.colour, thing.size) for value in spec.denied)
    return same and not denied and not any(fits(thing, other, world) for other in noun.denied)
