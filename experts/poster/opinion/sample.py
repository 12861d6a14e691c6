"""What the network is given, and what it answers, in symbols: the words of a request with their senses, and scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from experts.poster.language.lexicon import languages, words
from experts.poster.language.tokens import tokens
from experts.poster.scene import COLOURS, PLACES, SHAPES, SIZES, Scene

ANY = "*"
"""An attribute that a request leaves open."""
MOST_WORDS = 110
"""Words of a request that are given to the network."""
VALUES: tuple[tuple[str, ...], ...] = (SHAPES, tuple(COLOURS), PLACES, SIZES)
"""The values of each attribute of a thing, in the order of `Thing`."""
FORMS = ("", "ed", "ing", "s", "arrow")
Thing = tuple[str, str, str, str]
"""Shape, colour, place and size; each may be `ANY`."""


@dataclass(frozen=True)
class Word:
    """A word or phrase of a request with its sense (`experts.poster.language.lexicon.Sense`)."""

    text: str
    tag: str
    value: str = ""
    form: str = ""


@dataclass(frozen=True)
class Poster:
    """A background and things on it; as a wish, each may be left open."""

    background: str
    things: tuple[Thing, ...]


@dataclass(frozen=True)
class Sample:
    """A request: its words, the picture that is there (None: none yet), and what the picture should show (None: not
    known); `possible`: whether it can be done as asked."""

    words: tuple[Word, ...]
    start: Poster | None
    wanted: Poster | None = None
    possible: bool = True


def words_of(prompt: str) -> tuple[Word, ...]:
    """The words of a prompt with their senses, at most `MOST_WORDS`."""
    found = tokens(prompt[: 40 * MOST_WORDS])[:MOST_WORDS]
    return tuple(Word(token.text, token.tag, token.value, token.sense.form) for token in found)


def poster_of(scene: Scene | None) -> Poster | None:
    """A scene with places in words."""
    if scene is None:
        return None
    rows = ((i.shape, i.colour, PLACES[i.place] if i.place is not None else ANY, i.size) for i in scene.items)
    return Poster(scene.background, tuple(rows))


def by_place(things: Sequence[Thing]) -> tuple[Thing, ...]:
    """Things in reading order of their places, those of any place last."""
    return tuple(sorted(things, key=lambda thing: PLACES.index(thing[2]) if thing[2] in PLACES else len(PLACES)))


@cache
def senses() -> dict[tuple[str, str], int]:
    """(tag, value) -> its number from 1 on; 0 is padding."""
    found = {(sense.tag, sense.value) for name in languages() for sense in words(name).values()}
    found |= {("unknown", ""), ("stop", ""), ("stop", "mark"), ("comma", ""), ("colon", ""), ("count", "other")}
    return {sense: number for number, sense in enumerate(sorted(found), 1)}


def sense_number(tag: str, value: str) -> int:
    """The number of a sense; of one that no word list has, that of its tag, or that of what nobody knows."""
    table = senses()
    if tag == "count" and (tag, value) not in table:
        value = "other"
    return table.get((tag, value)) or table.get((tag, "")) or table["unknown", ""]


@lru_cache(maxsize=20_000)
def aligned(before: tuple[Thing, ...], after: tuple[Thing, ...]) -> tuple[int, ...]:
    """What became of each thing: the index of a thing after, or -1 for 'it is gone'; the fewest changes that explain
    it, a thing that goes or comes being dearer than one that changes in two ways."""
    from scipy.optimize import linear_sum_assignment

    n, m = len(before), len(after)
    cost = np.zeros((n + m, n + m))
    cost[:n, m:] = cost[n:, :m] = 2.6
    for i, old in enumerate(before):
        for j, new in enumerate(after):
            pairs = zip((1.5, 1.0, 1.1, 1.0), old, new, strict=True)
            cost[i, j] = sum(weight * (a != b) + 0.8 * (b == ANY) for weight, a, b in pairs)
    columns = linear_sum_assignment(cost)[1]
    return tuple(int(columns[i]) if columns[i] < m else -1 for i in range(n))
