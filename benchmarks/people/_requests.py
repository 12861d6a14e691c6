"""The requests: read from JSON lines, a file a part, compared with pictures. Gold null: it cannot be done as asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experts.poster.opinion.sample import ANY, Poster
from experts.poster.scene import PLACES, Item, Scene
from experts.poster.understanding import shows

PARTS = {
    name: Path(__file__).with_name(f"{file}.jsonl")
    for name, file in (("development", "requests"), ("validation", "validation"), ("test", "test"))
}
"""The parts: the first teaches the reader, the second chooses what it rests on; the third is opened once."""


@dataclass(frozen=True)
class Wanted:
    """What a picture should show: the background, and (shape, colour, place, size) of every item; '*' is any."""

    background: str
    objects: tuple[tuple[str, str, str, str], ...]

    def shown(self, found: Scene) -> bool:
        """Whether a scene shows this and nothing more."""
        return shows(Poster(self.background, self.objects), found)


@dataclass(frozen=True)
class Request:
    """A request; `start`: the scene of the given picture; `gold`: None where it cannot be done as asked; `best`: the
    best possible picture of one that cannot, where there is one."""

    id: str
    prompt: str
    start: Scene | None
    gold: Wanted | None
    best: Wanted | None


def _wanted(data: Mapping[str, Any] | None) -> Wanted | None:
    if data is None:
        return None
    rows = (tuple([*row, *[ANY] * 4][:4]) for row in data["objects"])
    return Wanted(data["background"], tuple(rows))


def _scene(data: Mapping[str, Any] | None) -> Scene | None:
    if data is None:
        return None
    items = (Item(PLACES.index(place), shape, colour, size) for shape, colour, place, size in data["objects"])
    return Scene(data["background"], tuple(items))


def load(files: Sequence[Path]) -> list[Request]:
    """The requests of files of JSON lines. Raises ValueError naming the file and line."""
    found = []
    for file in files:
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                gold, best = _wanted(row["gold"]), _wanted(row.get("best"))
                found.append(Request(str(row["id"]), row["prompt"], _scene(row.get("start")), gold, best))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{file}, line {number}: {type(error).__name__}: {error}") from None
    return found
