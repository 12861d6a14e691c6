"""GenEval: 553 short prompts judged by a detector: number, colour, place (arXiv:2310.11513).

`python -m benchmarks.geneval --data DIR --system ... --judge boxes:MODEL --seeds 4 --out DIR`. A task's figure is the
mean over its pictures, the headline the mean of the six tasks. The official detector is Mask2Former (Swin-S, COCO)
with CLIP for colours; with another one the figures do not compare, and it is known to drift from people on new
models.
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
from benchmarks._harness.data import field, find, read_lines, unique
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


class GenEval:
    """See the module."""

    name = "geneval"
    about = About(
        "553 prompts, 4 pictures each",
        "MIT",
        "a judge that detects objects with their colours",
        "github.com/djghosh13/geneval, prompts/evaluation_metadata.jsonl",
    )
    kinds: frozenset[Kind] = frozenset(("boxes",))

    def tasks(self, data: Path) -> list[Item]:
        """The prompts, in their own order: their number is their folder's name. Raises `BadData`."""
        path = find(data, "evaluation_metadata.jsonl")
        items = []
        for number, row in read_lines(path):
            where = f"{path}, line {number}"
            prompt, tag = field(row, "prompt", str, where), field(row, "tag", str, where)
            for part in field(row, "include", list, where):
                field(part, "class", str, where), field(part, "count", int, where)
            items.append(Item(f"{number - 1:05}", prompt, tag, meta=row))
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
        return [Scored(WHOLE, float(right(item.meta, {name: boxes[:MOST] for name, boxes in found.items()})))]

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
