"""Requests with what the picture should show, as samples: written by people, told anew of other pictures, generated."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experts.poster.instruction import Instruction, apply
from experts.poster.language.reading import read as understood
from experts.poster.opinion.sample import ANY, Poster, Sample, Thing, by_place, poster_of, words_of
from experts.poster.phrases import phrase
from experts.poster.scene import COLOURS, MAX_ITEMS, PLACES, SHAPES, SIZES, Item, Scene
from experts.poster.tasks import EDITS, KINDS, draw_edit, draw_scene, join

Row = Mapping[str, Any]


def _poster(data: Row) -> Poster:
    rows: list[Thing] = []
    for row in data["objects"]:
        shape, colour, place, size = [*row, *[ANY] * 4][:4]
        rows.append((shape, colour, place, size))
    return Poster(data["background"], tuple(rows))


def sample(row: Row) -> Sample:
    """A row of a file of requests (prompt, start, gold, best: see `benchmarks/people`). The things of an edited picture
    stand in reading order, those of a new one in the order in which they were written down."""
    start = _poster(row["start"]) if row.get("start") else None
    told = row["gold"] or row.get("best")
    wanted = _poster(told) if told else None
    if start and wanted:
        wanted = Poster(wanted.background, by_place(wanted.things))
    return Sample(words_of(row["prompt"]), start, wanted, row["gold"] is not None)


def rows_of(files: Iterable[Path]) -> list[Row]:
    """The rows of files of JSON lines."""
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines() if line.strip()]


def _scene(poster: Poster) -> Scene:
    return Scene(poster.background, tuple(Item(PLACES.index(p), s, c, z) for s, c, p, z in poster.things))


def _other(scene: Scene, rng: np.random.Generator) -> Scene:
    """The scene after one to four accidents: a thing moved, gone, new, or another one in its place."""
    items = list(scene.items)
    inks = [colour for colour in COLOURS if colour != scene.background]
    pick = lambda options: options[int(rng.integers(len(options)))]  # noqa: E731
    for _ in range(int(rng.integers(1, 5))):
        kind, at = rng.random(), int(rng.integers(len(items))) if items else -1
        free = [cell for cell in range(MAX_ITEMS) if cell not in {item.place for item in items}]
        if kind < 0.35 and items and free:
            items[at] = Item(pick(free), items[at].shape, items[at].colour, items[at].size)
        elif kind < 0.5 and len(items) > 1:
            items.pop(at)
        elif kind < 0.8 and free and len(items) < MAX_ITEMS - 1:
            like = items[at] if items and rng.random() < 0.3 else Item(0, pick(SHAPES), pick(inks), pick(SIZES))
            items.append(Item(pick(free), like.shape, like.colour if rng.random() < 0.5 else pick(inks), like.size))
        elif items:
            shape = items[at].shape if rng.random() < 0.6 else pick(SHAPES)
            colour = items[at].colour if rng.random() < 0.6 else pick(inks)
            items[at] = Item(items[at].place, shape, colour, pick(SIZES))
    return Scene(scene.background, tuple(items))


def retold(row: Row, rng: np.random.Generator, count: int = 3) -> Iterator[Sample]:
    """The same words about other pictures, as the grammar understands them, where it understood the row itself rightly
    and nothing was left open. A third of those that the grammar refuses are kept, as impossible."""
    asked = sample(row)
    if asked.start is None or asked.wanted is None or not asked.possible or any(ANY in t for t in asked.wanted.things):
        return
    first = understood(row["prompt"], _scene(asked.start))
    if first.target != _scene(asked.wanted) or any(wish.end for wish in first.wishes):
        return
    for _ in range(2 * count):
        scene = _other(_scene(asked.start), rng)
        found = understood(row["prompt"], scene)
        refused = any(wish.end for wish in found.wishes)
        if (
            count
            and found.target is not None
            and not (found.notes and not refused)
            and rng.random() < 1 - 0.65 * refused
        ):
            count -= 1
            wanted = None if refused else poster_of(found.target)
            yield Sample(asked.words, poster_of(scene), wanted, not refused)


def lesson(rng: np.random.Generator) -> Sample:
    """A request in the task generator's words: a scene to be drawn, or one that is there, and up to two edits."""
    scene = draw_scene(rng, "train", KINDS[int(rng.integers(len(KINDS)))])
    drawn = rng.random() < 0.5
    start = None if drawn else scene
    told = [Instruction("generate", items=scene.items, background=scene.background)] if drawn else []
    for _ in range(int(rng.integers(0, 2) if drawn else rng.integers(1, 3))):
        made = draw_edit(scene, rng, EDITS[int(rng.integers(len(EDITS)))])
        if made is not None:
            told, scene = [*told, made], apply(scene, made)
    prompt = join([phrase(instruction, rng, "train") for instruction in told], rng) if told else "Leave it as it is."
    return Sample(words_of(prompt), poster_of(start), poster_of(scene))
