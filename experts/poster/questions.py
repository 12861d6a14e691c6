"""Yes/no questions about a poster: their words, one fixed phrasing a kind, and their true answers in a known scene."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from experts.poster.scene import COLOURS, COUNTS, PLACES, SHAPES, SIZES, Item, Scene, plural

Kind = Literal["item", "attribute", "anything", "background", "count"]


def article(word: str) -> str:
    """'a' or 'an', as `word` wants."""
    return "an" if word[:1] in "aeiou" else "a"


@dataclass(frozen=True)
class Question:
    """One question. Which fields are set depends on the kind; attributes that are not set match anything.

    item: attributes, perhaps a place · attribute: a place and one attribute · anything: a place, or None for the whole
    poster · background: background · count: attributes and how many items have them, no more and no fewer (1 to 5).
    """

    kind: Kind
    place: int | None = None
    shape: str | None = None
    colour: str | None = None
    size: str | None = None
    background: str | None = None
    count: int | None = None

    def having(self, field: str, value: str | None) -> Question:
        """This question with another 'shape', 'colour' or 'size'."""
        changed: dict[str, Any] = {field: value}
        return replace(self, **changed)

    def named(self) -> list[str]:
        """Which of 'shape', 'colour' and 'size' are set."""
        return [field for field in ("shape", "colour", "size") if getattr(self, field)]

    def fits(self, item: Item) -> bool:
        """Whether `item` has every attribute (and the place) that is named."""
        return all(
            wish in (None, have)
            for wish, have in (
                (self.place, item.place),
                (self.shape, item.shape),
                (self.colour, item.colour),
                (self.size, item.size),
            )
        )

    def holds(self, scene: Scene) -> bool:
        """The true answer for a poster that shows `scene`."""
        if self.kind == "background":
            return scene.background == self.background
        found = sum(self.fits(item) for item in scene.items)
        return found == self.count if self.kind == "count" else found > 0

    def __str__(self) -> str:
        where = "" if self.place is None else f" at the {PLACES[self.place]}"
        words = [word for word in (self.size, self.colour) if word]
        if self.kind == "background":
            return f"is the background {self.background}?"
        if self.kind == "anything":
            return f"is there anything{where}?"
        if self.kind == "attribute":
            what = f"{article(self.shape)} {self.shape}" if self.shape else words[0]
            return f"is the item{where} {what}?"
        if self.kind == "count":
            number = self.count or 1
            noun = " ".join([*words, plural(self.shape or "item", number)])
            return f"{'is' if number == 1 else 'are'} there exactly {COUNTS[number - 1]} {noun}?"
        noun = " ".join([*words, self.shape or "item"])
        return f"is there {article(noun)} {noun}{where}?"


def about(item: Item) -> Question:
    """Whether an item is there, with all its attributes (and its place, where it has one)."""
    return Question("item", item.place, item.shape, item.colour, item.size)


def anything(place: int | None = None) -> Question:
    """Whether something stands at a place, or anywhere."""
    return Question("anything", place)


def background(colour: str) -> Question:
    """Whether the background has a colour."""
    return Question("background", background=colour)


VOCABULARY: tuple[str, ...] = tuple(
    sorted(
        {word for place in PLACES for word in place.split()}
        | {*SHAPES, *(shape + "s" for shape in SHAPES), *COLOURS, *SIZES, *COUNTS, "item", "items"}
        | {"is", "are", "there", "the", "a", "an", "at", "exactly", "anything", "background"}
    )
)
"""Every word of every question, without '?'."""
