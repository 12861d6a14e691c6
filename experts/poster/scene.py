"""The poster world in symbols: items on a 3x3 grid before a flat background.

A `Scene` is the exact content of a poster; `caption` is it in words, `render` draws it, and `reader` turns a picture
back into one. Places are cell numbers 0..8 in reading order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

SHAPES = ("circle", "square", "triangle", "star", "heart", "diamond")
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (215, 30, 40),
    "green": (30, 160, 70),
    "blue": (35, 90, 230),
    "yellow": (255, 225, 40),
    "orange": (245, 120, 15),
    "purple": (150, 50, 195),
    "white": (255, 255, 255),
    "black": (15, 15, 20),
}
SIZES = ("small", "big")
PLACES = (
    "top left",
    "top center",
    "top right",
    "middle left",
    "center",
    "middle right",
    "bottom left",
    "bottom center",
    "bottom right",
)
COUNTS = ("one", "two", "three", "four", "five")
"""Numbers that the experts were trained on."""
UNKNOWN = "unknown"
"""Shape of something that a reader sees and cannot name; never drawn."""

CELL = 32
"""Side of a grid cell, px."""
SIDE = 3 * CELL
"""Side of a poster, px."""
MAX_ITEMS = 9
"""A poster has nine cells."""
MOST_DRAWN = 5
"""Items of one drawing: what the text-to-image experts were trained on."""


def cell(place: int) -> tuple[int, int, int, int]:
    """The box of a place: left, top, right, bottom, px."""
    row, column = divmod(place, 3)
    return column * CELL, row * CELL, (column + 1) * CELL, (row + 1) * CELL


class SceneError(ValueError):
    """An instruction that this scene cannot follow: the message says why."""


@dataclass(frozen=True, order=True)
class Item:
    """One thing on a poster.

    `place` is a cell 0..8, or None for 'anywhere' (allowed in a wish, never in a drawn scene).
    """

    place: int | None
    shape: str
    colour: str
    size: str = "big"

    def __str__(self) -> str:
        where = "" if self.place is None else f" at the {PLACES[self.place]}"
        return f"{self.size} {self.colour} {self.shape}{where}"


@dataclass(frozen=True)
class Scene:
    """Background colour and items, sorted by place, at most one a cell."""

    background: str
    items: tuple[Item, ...] = ()

    def __post_init__(self) -> None:
        key = lambda item: (item.place is None, item.place or 0, item.shape, item.colour, item.size)  # noqa: E731
        object.__setattr__(self, "items", tuple(sorted(self.items, key=key)))
        places = [item.place for item in self.items if item.place is not None]
        if len(places) != len(set(places)):
            raise SceneError("two items in one place")

    def at(self, place: int) -> Item | None:
        """The item in cell `place`, or None."""
        return next((item for item in self.items if item.place == place), None)

    def free(self) -> list[int]:
        """Empty cells in reading order."""
        taken = {item.place for item in self.items}
        return [place for place in range(9) if place not in taken]

    def without(self, item: Item) -> Scene:
        """This scene less one occurrence of `item`."""
        items = list(self.items)
        items.remove(item)
        return replace(self, items=tuple(items))

    def with_items(self, *items: Item) -> Scene:
        """This scene plus `items`."""
        return replace(self, items=self.items + items)

    def placed(self) -> Scene:
        """The same scene with every 'anywhere' settled: the first free cells, the center first."""
        scene = replace(self, items=tuple(item for item in self.items if item.place is not None))
        for item in self.items:
            if item.place is None:
                cells = sorted(scene.free(), key=lambda cell: (cell != 4, cell))
                if not cells:
                    raise SceneError("no free place is left on the poster")
                scene = scene.with_items(replace(item, place=cells[0]))
        return scene

    def __str__(self) -> str:
        return ", ".join(map(str, self.items)) + f" on {self.background}"


def plural(shape: str, count: int) -> str:
    """'star', 'stars'."""
    return shape if count == 1 else shape + "s"


def caption(scene: Scene) -> str:
    """A scene in the words that the experts were trained on, like items in groups of at most five, in reading order."""
    groups: dict[tuple[str, str, str, bool], list[Item]] = {}
    for item in scene.items:
        groups.setdefault((item.size, item.colour, item.shape, item.place is None), []).append(item)
    parts = []
    most = len(COUNTS)
    named = [(key, like[k : k + most]) for key, like in groups.items() for k in range(0, len(like), most)]
    for (size, colour, shape, _), items in named:
        count = len(items)
        where = " and ".join(PLACES[item.place] for item in items if item.place is not None)
        number = "" if count == 1 else f"{COUNTS[count - 1]} "
        parts.append(f"{number}{size} {colour} {plural(shape, count)}" + (f" at {where}" if where else ""))
    return ", ".join([*parts, f"{scene.background} background"])


@dataclass(frozen=True)
class Match:
    """How far a read scene is from a wanted one.

    `share` is (right items + right background) / (wanted or found places + 1), in [0, 1].
    """

    right: int
    wanted: int
    found: int
    background: bool

    @property
    def share(self) -> float:
        """Intersection over union of items and background, [0, 1]; 1 is an exact match."""
        return (self.right + self.background) / (self.wanted + self.found - self.right + 1)

    @property
    def exact(self) -> bool:
        """Nothing missing, nothing wrong, nothing more."""
        return self.right == self.wanted == self.found and self.background


def match(found: Scene, wanted: Scene) -> Match:
    """Compares a read scene with a wanted one, item by item; a wanted item without a place may be anywhere."""
    rest = list(found.items)
    right = 0
    for item in wanted.items:
        hit = next(
            (
                other
                for other in rest
                if (other.shape, other.colour, other.size) == (item.shape, item.colour, item.size)
                and item.place in (None, other.place)
            ),
            None,
        )
        if hit is not None:
            rest.remove(hit)
            right += 1
    return Match(right, len(wanted.items), len(found.items), found.background == wanted.background)
