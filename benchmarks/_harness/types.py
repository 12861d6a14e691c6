"""What travels between a benchmark, the system under test and the judge."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from PIL import Image

Kind = Literal["yes", "word", "rating", "similarity", "appearance", "boxes", "choice", "depth"]
"""What a judge is asked for.

yes: P(yes) to a question about a picture · word: P(`wanted`) as the first word of the answer · rating: `wanted` numbers
by the rules that stand in the question · similarity: cosine of two pictures, or of a picture and a text, in CLIP's
space · appearance: cosine of two pictures in DINO's space · boxes: detections of the classes that the question
lists · choice: P(the first of two pictures is the better one) · depth: of each box in the question ('x1,y1,x2,y2', with
'|' between them, px) the mean nearness in it, 0 the farthest and 1 the nearest point of the picture.
"""
WHOLE = "score"
"""The question of the row that holds the official score of a whole item."""


@dataclass(frozen=True)
class Item:
    """One thing that a system is asked for.

    Attributes:
        id: unique in the benchmark, safe as a file's name.
        prompt: what is asked; several turns are one text, and stand in `turns`.
        group: by which the benchmark reports its parts ('' where there is none).
        cluster: items of one cluster are not independent (turns of a session, edits of one photograph).
        pictures: files that the system is handed: the input picture first.
        turns: the instructions one by one, where there are several.
        meta: what the score needs beside it.
    """

    id: str
    prompt: str
    group: str = ""
    cluster: str = ""
    pictures: tuple[Path, ...] = ()
    turns: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The cluster; the item's own id where it has none."""
        return self.cluster or self.id


class Asked(NamedTuple):
    """A question to a judge. `key` names it in a file of recorded answers, together with the item and the seed."""

    item: str
    key: str
    kind: Kind
    text: str
    pictures: tuple[Image.Image, ...] = ()
    wanted: str = "yes"
    seed: int = 0


class Answered(NamedTuple):
    """What a judge said: a float (NaN: no verdict), for 'rating', 'boxes', 'depth' a list (empty: none); its cost."""

    value: Any
    usd: float = 0.0
    seconds: float = 0.0


def nothing(kind: Kind) -> Any:
    """No verdict, in the form of that kind's answers."""
    return {"rating": [], "boxes": [], "depth": []}.get(kind, math.nan)


class Judge(Protocol):
    """Answers questions: same length and order; no verdict is NaN or an empty list, never an exception."""

    @property
    def id(self) -> str:
        """Name and version."""
        ...

    @property
    def kinds(self) -> frozenset[Kind]:
        """What it can be asked for."""
        ...

    def __call__(self, asked: Sequence[Asked]) -> list[Answered]:
        """The answers."""
        ...


class Drawn(NamedTuple):
    """What a system made of an item: its pictures (of several turns, one a turn at most), cost, and '' or why not."""

    pictures: tuple[Image.Image, ...]
    usd: float = 0.0
    seconds: float = 0.0
    failed: str = ""


class System(Protocol):
    """Carries out items. `id` names it in rows; `critics`: ids of the critics that steer it."""

    @property
    def id(self) -> str:
        """As it was named on the command line."""
        ...

    @property
    def critics(self) -> tuple[str, ...]:
        """Whose verdicts it optimises."""
        ...

    def __call__(self, items: Sequence[Item], seed: int) -> list[Drawn]:
        """Same length and order; nothing raises for one bad item."""
        ...


class Scored(NamedTuple):
    """One score: of a question, or of the whole item (`WHOLE`). `skill`: what it tests, for the report's bars."""

    question: str
    score: float
    skill: str = ""


@dataclass(frozen=True)
class Row:
    """A line of rows.jsonl. `score` NaN: no verdict. `usd`, `seconds`: of system and judge, in the item's last row."""

    benchmark: str
    item: str
    group: str
    cluster: str
    seed: int
    system: str
    question: str
    skill: str
    score: float
    usd: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class About:
    """What a person wants to know before running it. `source`: where the data is to be had; `hub`: its data set."""

    size: str
    licence: str
    needs: str
    source: str
    hub: str = ""


class Benchmark(Protocol):
    """A benchmark of the field: one object in one file of `benchmarks/`.

    Attributes:
        name: that of its file.
        about: for `benchmarks.list`.
        kinds: what its judge has to be able to answer.
    """

    name: str
    about: About
    kinds: frozenset[Kind]

    def tasks(self, data: Path) -> list[Item]:
        """The items of a data folder. Raises `BadData` naming file and item."""
        ...

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """The scores of one item: of its questions, and last of the whole (`WHOLE`).

        `pictures`: what the system made; () where a recorded judge needs none.
        """
        ...

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """The official figures from all rows, the headline first."""
        ...

    def file(self, item: Item, seed: int) -> str:
        """Where the benchmark's own layout keeps the picture of an item, relative to its folder."""
        ...
