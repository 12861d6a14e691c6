"""What may be exchanged in a request, its picture and its answer together: colours, shapes, sizes, left and right."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from experts.poster.language.lexicon import Sense, words
from experts.poster.opinion.sample import ANY, Poster, Sample, Thing, Word, by_place
from experts.poster.scene import COLOURS, PLACES, SHAPES, SIZES

_Table = Mapping[str, str]
_MIRRORED: Mapping[str, tuple[Mapping[str, _Table], tuple[int, ...]]] = {
    "left and right": (
        {"h": {"left": "right", "right": "left"}, "dir": {"left": "right", "right": "left"},
         "rel": {"left": "right", "right": "left", "left post": "right post", "right post": "left post"},
         "order": {"lr": "rl", "rl": "lr"}},
        (2, 1, 0, 5, 4, 3, 8, 7, 6),
    ),
    "up and down": (
        {"v": {"top": "bottom", "bottom": "top"}, "dir": {"up": "down", "down": "up"},
         "rel": {"above": "below", "below": "above", "above post": "below post", "below post": "above post"},
         "verb": {"move up": "move down", "move down": "move up"}, "order": {"tb": "bt", "bt": "tb"}},
        (6, 7, 8, 3, 4, 5, 0, 1, 2),
    ),
}  # fmt: skip
_COUNTED = {"ordinal", "first", "last", "former", "latter"}
"""Tags of words that count in reading order, which a mirror image does not keep."""
_DIRECTIONS = ("left", "right", "up", "down", "top", "bottom", "clock", "low", "high", "over", "under", "above",
               "north", "south", "west", "east")  # fmt: skip
_SIZED = ("size", "grow", "more", "most")


@dataclass(frozen=True)
class Exchange:
    """What becomes what: colours, shapes, sizes, cells (`cells[k]` is where cell k comes to stand), and the values of
    further tags. An empty table changes nothing."""

    colours: _Table = field(default_factory=dict)
    shapes: _Table = field(default_factory=dict)
    sizes: _Table = field(default_factory=dict)
    cells: tuple[int, ...] = ()
    tags: Mapping[str, _Table] = field(default_factory=dict)

    @property
    def back(self) -> Exchange:
        """The exchange that undoes this one in posters."""
        turned = tuple(self.cells.index(k) for k in range(9)) if self.cells else ()
        colours, shapes, sizes = ({new: old for old, new in t.items()} for t in (self.colours, self.shapes, self.sizes))
        return Exchange(colours, shapes, sizes, turned)

    def poster(self, poster: Poster) -> Poster:
        """A poster after the exchange, its things in their order."""
        return Poster(self.colours.get(poster.background, poster.background), tuple(map(self._thing, poster.things)))

    def sample(self, sample: Sample, rng: random.Random) -> Sample:
        """A request after the exchange, in words that `rng` draws among those of the same sense."""
        told = tuple(self._word(word, rng) for word in sample.words)
        start, wanted = (poster and self.poster(poster) for poster in (sample.start, sample.wanted))
        if start:
            start = replace(start, things=by_place(start.things))
            wanted = wanted and replace(wanted, things=by_place(wanted.things))
        return replace(sample, words=told, start=start, wanted=wanted)

    def _thing(self, thing: Thing) -> Thing:
        shape, colour, place, size = thing
        at = PLACES[self.cells[PLACES.index(place)]] if self.cells and place != ANY else place
        return self.shapes.get(shape, shape), self.colours.get(colour, colour), at, self.sizes.get(size, size)

    def _word(self, word: Word, rng: random.Random) -> Word:
        table = self.tags.get(word.tag, {})
        if word.tag == "colour":
            table = self.colours
        elif word.tag in ("shape", "shaped"):
            table = self.shapes
        elif word.tag in _SIZED:
            table = self.sizes
        elif word.tag == "formation" and self.cells:
            table = {word.value: "".join(sorted(str(self.cells[int(cell)]) for cell in word.value))}
        value = table.get(word.value, word.value)
        return word if value == word.value else said(word, value, rng)


@cache
def _phrases() -> Mapping[tuple[str, str, str], list[str]]:
    found = defaultdict(list)
    for phrase, sense in words("en").items():
        if phrase.isascii():
            found[sense.tag, sense.value, sense.form].append(phrase)
    return found


def said(word: Word, value: str, rng: random.Random) -> Word:
    """A word of the same tag with another value: its plain name or one of its synonyms."""
    name = value + word.form if word.form in ("", "s") else value
    if (
        word.tag in ("colour", "shape")
        and rng.random() < 0.6
        and words("en").get(name) == Sense(word.tag, value, word.form)
    ):
        return replace(word, text=name, value=value)
    options = _phrases().get((word.tag, value, word.form)) or _phrases().get((word.tag, value, "")) or [value]
    return replace(word, text=rng.choice(options), value=value)


def synonym(word: Word, rng: random.Random) -> Word:
    """Another English phrase of the same sense, where there is one."""
    options = _phrases().get((word.tag, word.value, word.form))
    return replace(word, text=rng.choice(options)) if options else word


def mirrors(sample: Sample) -> list[str]:
    """The mirror images in which the request means the same, mirrored."""
    tags = {word.tag for word in sample.words}
    rest = " ".join(word.text for word in sample.words if word.tag in ("unknown", "reason", "hedge", "label"))
    turning = any(word.tag == "order" and word.value == "cw" for word in sample.words)
    if turning or tags & _COUNTED or any(direction in rest for direction in _DIRECTIONS):
        return []
    return list(_MIRRORED)


def exchange(sample: Sample, rng: random.Random, sizes: float = 0.0, mirror: float = 0.5) -> Exchange:
    """A random exchange under which the request keeps its meaning.

    A colour or shape of the answer that neither the words nor the given picture name by a listed word is meant by
    some other word ('like the sky'): it stays. `sizes`, `mirror`: how often sizes, and each side, are exchanged.
    """
    colours = _shuffled(sample, tuple(COLOURS), 1, ("colour",), rng)
    shapes = _shuffled(sample, SHAPES, 0, ("shape", "shaped"), rng)
    named = any(word.tag in _SIZED for word in sample.words)
    fixed = not sample.wanted or {t[3] for t in sample.wanted.things} - {ANY} <= {t[3] for t in _things(sample.start)}
    turned = dict(zip(SIZES, reversed(SIZES), strict=True)) if rng.random() < sizes and (named or fixed) else {}
    cells: tuple[int, ...] = ()
    tags: dict[str, dict[str, str]] = {}
    for name in mirrors(sample):
        if rng.random() < mirror:
            tables, order = _MIRRORED[name]
            cells = tuple(order[cell] for cell in cells) if cells else order
            for tag, table in tables.items():
                tags[tag] = {**tags.get(tag, {}), **table}
    return Exchange(colours, shapes, turned, cells, tags)


def _things(poster: Poster | None) -> tuple[Thing, ...]:
    return poster.things if poster else ()


def _shuffled(sample: Sample, values: tuple[str, ...], at: int, tags: tuple[str, ...], rng: random.Random) -> _Table:
    """A permutation of the values that may be exchanged; `at`: of the attribute in a thing."""
    known = {word.value for word in sample.words if word.tag in tags} | {t[at] for t in _things(sample.start)}
    wanted = {t[at] for t in _things(sample.wanted)}
    if at == 1:
        known |= {sample.start.background} if sample.start else set()
        wanted |= {sample.wanted.background} if sample.wanted else set()
    free = [value for value in values if value in known or value not in wanted]
    return dict(zip(free, rng.sample(free, len(free)), strict=True))
