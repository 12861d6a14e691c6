"""GenEval: 553 short prompts judged by a detector: number, colour, place (arXiv:2310.11513).

`python -m benchmarks.geneval --data DIR --system ... --judge boxes:MODEL+clip:MODEL --seeds 4 --out DIR`. A task's
figure is the mean over its pictures, the headline the mean of the six tasks. The official detector is Mask2Former
(Swin-S, COCO) with CLIP for colours, on what lies in the box (the original blanks out the rest of it by the mask); with
another one the figures do not compare, and it is known to drift from people on new models.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks._harness.boxes import relations
from benchmarks._harness.data import BadData, field, find, read_lines, unique
from benchmarks._harness.run import main
from benchmarks._harness.types import WHOLE, About, Asked, Item, Judge, Kind, Row, Scored

SURE, SURE_TO_COUNT, MOST = 0.3, 0.9, 16
"""Confidence from which a box counts; for counting; boxes of one class at most."""


def right(wanted: Mapping[str, Any], found: Mapping[str, Sequence[Mapping[str, Any]]]) -> bool:
    """Whether detections (class -> boxes with 'box' and 'color', surest first) are what the metadata asks for.

    Of each class only as many boxes are looked at as are asked for: that there are no more is asked by 'exclude'.
    """
    groups: list[list[Mapping[str, Any]] | None] = []
    good = True
    for part in wanted.get("include", ()):
        boxes = list(found.get(part["class"], ()))[: part["count"]]
        fits = len(boxes) >= part["count"]
        if fits and "color" in part:
            fits = sum(box.get("color") == part["color"] for box in boxes) >= part["count"]
        if fits and "position" in part:
            relation, target = part["position"]
            others = groups[target]
            fits = others is not None and all(
                relation in relations(box["box"], other["box"]) for box in boxes for other in others
            )
        groups.append(boxes if fits else None)
        good &= fits
    return good and all(len(found.get(part["class"], ())) < part["count"] for part in wanted.get("exclude", ()))


COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")
WORDS = ("a photo of a {} {}", "a photo of a {}-colored {}", "a photo of a {} object")


class GenEval:
    """See the module."""

    name = "geneval"
    about = About(
        "553 prompts, 4 pictures each",
        "MIT",
        "a judge that detects objects (boxes:MODEL), and CLIP for their colours (+clip:MODEL)",
        "github.com/djghosh13/geneval, prompts/evaluation_metadata.jsonl",
    )
    kinds: frozenset[Kind] = frozenset(("boxes",))

    def tasks(self, data: Path) -> list[Item]:
        """The prompts, in their own order: their number is their folder's name. Raises `BadData`."""
        path = find(data, "evaluation_metadata.jsonl")
        items = []
        for place, (number, row) in enumerate(read_lines(path)):
            where = f"{path}, line {number}"
            prompt, tag = field(row, "prompt", str, where), field(row, "tag", str, where)
            include = field(row, "include", list, where)
            for k, part in enumerate([*include, *(field(row, "exclude", list, where) if "exclude" in row else ())]):
                field(part, "class", str, where), field(part, "count", int, where)
                if "color" in part:
                    field(part, "color", str, where)
                if "position" in part:
                    told = field(part, "position", list, where)
                    if len(told) != 2 or not isinstance(told[0], str) or told[1] not in range(min(k, len(include))):
                        raise BadData(
                            f"{where}: 'position' is {told!r:.60}; it has to be a relation and an earlier part"
                        )
            items.append(Item(f"{place:05}", prompt, tag, meta=row))
        return unique(items, path)

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """1 where everything is right."""
        parts = [*item.meta.get("include", ()), *item.meta.get("exclude", ())]
        classes = "|".join(dict.fromkeys(part["class"] for part in parts))
        answer = judge([Asked(item.id, "boxes", "boxes", classes, tuple(pictures[-1:]), seed=seed)])[0].value
        if not isinstance(answer, list):
            return [Scored(WHOLE, math.nan)]
        least = SURE_TO_COUNT if item.group == "counting" else SURE
        found: dict[str, list[Mapping[str, Any]]] = {}
        for box in sorted(answer, key=lambda box: -float(box.get("score", 1.0))):
            if float(box.get("score", 1.0)) > least:
                found.setdefault(str(box["label"]), []).append(box)
        most = {name: boxes[:MOST] for name, boxes in found.items()}
        wanted = {part["class"]: part["count"] for part in parts if "color" in part}
        for name in wanted:
            most[name] = [self._coloured(item, box, pictures, judge, seed) for box in most.get(name, ())]
            if any("color" not in box for box in most[name][: wanted[name]]):
                return [Scored(WHOLE, math.nan)]
        return [Scored(WHOLE, float(right(item.meta, most)))]

    def _coloured(
        self, item: Item, box: Mapping[str, Any], pictures: Sequence[Image.Image], judge: Judge, seed: int
    ) -> Mapping[str, Any]:
        """The box with the colour whose words are nearest to what is in it; without one where nobody can say."""
        if "color" in box or "similarity" not in judge.kinds or not pictures:
            return box
        crop = pictures[-1].crop(tuple(round(side) for side in box["box"]))
        if not all(crop.size):
            return box
        asked = [
            Asked(item.id, f"{box['box']} {words}", "similarity", words, (crop,), seed=seed)
            for words in (shape.format(colour, box["label"]) for colour in COLOURS for shape in WORDS)
        ]
        near = np.asarray([float(answer.value) for answer in judge(asked)]).reshape(len(COLOURS), len(WORDS)).mean(1)
        return box if np.isnan(near).any() else {**box, "color": COLOURS[int(near.argmax())]}

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """The mean of the tasks' means, and each of them."""
        tasks: dict[str, list[float]] = {}
        for row in rows:
            if not math.isnan(row.score):
                tasks.setdefault(row.group, []).append(row.score)
        means = {task: float(np.mean(scores)) for task, scores in tasks.items()}
        return {"overall": float(np.mean(list(means.values()))) if means else math.nan, **means}

    def file(self, item: Item, seed: int) -> str:
        """As GenEval's own scripts lay them."""
        return f"{item.id}/samples/{seed:04}.png"


BENCHMARK = GenEval()

if __name__ == "__main__":
    sys.exit(main(BENCHMARK, about=__doc__))
