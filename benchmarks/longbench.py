"""LongBench-T2I: 500 prompts of 324 to 1,049 words, rated on nine axes from 1 to 5 (arXiv:2505.24787).

`python -m benchmarks.longbench --data DIR --system poser:PRESET --judge chat:MODEL --out DIR`. An item is the mean of
its nine axes, the headline the mean of the items. An axis without a rating is left out of its mean (the official
script divides by nine all the same, which lowers scores by the judge's faults). The official judges are Gemini 2.0
Flash and InternVL3-78B with rules of their own; ours are below.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._harness.data import BadData, field, find, read_lines, unique
from benchmarks._harness.run import main
from benchmarks._harness.types import WHOLE, About, Asked, Item, Judge, Kind, Row, Scored

AXES = (
    "Object",
    "Background and Environment",
    "Color and Tone",
    "Texture and Material",
    "Lighting and Shadow",
    "Text and Symbol",
    "Composition and Framing",
    "Pose and Expression",
    "Special Effects",
)
RULES = (
    "Rate from 1 to 5 how well the picture shows what is described for the axis '{axis}': 5, all of it and precisely; "
    "4, all of it with small inaccuracies; 3, most of it; 2, little of it; 1, none of it. Description: {words}"
)


class LongBench:
    """See the module."""

    name = "longbench"
    about = About(
        "500 prompts, 9 axes",
        "MIT",
        "one picture a prompt; a judge that rates",
        "github.com/yczhou001/LongBench-T2I, data/instruction.jsonl",
        hub="YCZhou/LongBench-T2I",
    )
    kinds: frozenset[Kind] = frozenset(("rating",))

    def tasks(self, data: Path) -> list[Item]:
        """The prompts. Raises `BadData`."""
        path = find(data, "instruction.jsonl", "instruction.json")
        items = []
        for place, (number, row) in enumerate(read_lines(path)):
            where = f"{path}, line {number}"
            axes: dict[str, str] = {}
            label = field(row, "label", (list, dict), where)
            for part in [label] if isinstance(label, dict) else label:
                if not isinstance(part, dict):
                    raise BadData(
                        f"{where}: 'label' holds {part!r:.40}; it has to hold objects of axis and description"
                    )
                axes |= {str(axis): str(words) for axis, words in part.items()}
            lacking = [axis for axis in AXES if axis not in axes]
            if lacking:
                raise BadData(f"{where}: the axis {lacking[0]!r} is missing")
            items.append(Item(f"{place:03}", field(row, "instruction", str, where), meta={"axes": axes}))
        return unique(items, path)

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """A rating for each axis, and their mean."""
        shown = tuple(pictures[-1:])
        rules = [RULES.format(axis=axis, words=item.meta["axes"][axis]) for axis in AXES]
        asked = [Asked(item.id, axis, "rating", told, shown, "1", seed) for axis, told in zip(AXES, rules, strict=True)]
        ratings = [float(answer.value[0]) if answer.value else math.nan for answer in judge(asked)]
        known = [rating for rating in ratings if not math.isnan(rating)]
        rows = [Scored(axis, rating, axis) for axis, rating in zip(AXES, ratings, strict=True)]
        return [*rows, Scored(WHOLE, float(np.mean(known)) if known else math.nan)]

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """The mean of the items, and of each axis."""
        found = {}
        for name in (WHOLE, *AXES):
            scores = [row.score for row in rows if row.question == name and not math.isnan(row.score)]
            found["overall" if name == WHOLE else name] = float(np.mean(scores)) if scores else math.nan
        return found

    def file(self, item: Item, seed: int) -> str:
        """As the official evaluator lays the first step's picture."""
        return f"{item.id}/step1/generated_image_{seed}.jpg"


BENCHMARK = LongBench()

if __name__ == "__main__":
    sys.exit(main(BENCHMARK, about=__doc__))
