"""DPG-Bench: 1,065 dense prompts with questions that depend on one another (arXiv:2403.05135).

`python -m benchmarks.dpg_bench --data DIR --system ... --judge vqa:MODEL --seeds 4 --out DIR`; `--grid 2` for the
official files of 2 x 2 pictures. A question counts only where its parents do, and theirs (a zero passes on, unlike in
DSG); an item is the mean over its pictures, the headline 100 times the mean over items. Categories are means of the
raw answers, of a grid those of its last picture, as in the original. That never reads the first row of the data, and
drops the prompt whose question it holds; here it is asked. The official judge is mPLUG-large.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._harness import graph
from benchmarks._harness.data import BadData, find, read_csv, unique
from benchmarks._harness.types import WHOLE, About, Item, Judge, Kind, Row, Scored

COLUMNS = ("item_id", "text", "proposition_id", "dependency", "tuple", "question_natural_language")


class DpgBench:
    """See the module. `grid`: pictures along a side of one file."""

    name = "dpg_bench"
    about = About(
        "1,065 prompts, 4 pictures each",
        "Apache-2.0",
        "a judge that answers yes or no: mPLUG-large in the original",
        "github.com/TencentQQGYLab/ELLA, dpg_bench/dpg_bench.csv",
    )
    kinds: frozenset[Kind] = frozenset(("yes",))

    def __init__(self, grid: int = 1) -> None:
        self.grid = grid

    def tasks(self, data: Path) -> list[Item]:
        """The prompts. Raises `BadData`."""
        path = find(data, "dpg_bench.csv")
        rows: dict[str, list[tuple[int, dict[str, str]]]] = {}
        for number, row in read_csv(path, COLUMNS):
            rows.setdefault(row["item_id"], []).append((number, row))
        return unique((_item(path, key, found) for key, found in rows.items()), path)

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """The raw answers (of the last picture), and the share of questions that count."""
        raw, whole = graph.of_cells(item, pictures, judge, seed, self.grid, transitive=True)
        found = zip(item.meta["questions"], raw, item.meta["skills"], strict=True)
        return [*(Scored(question, yes, skill) for question, yes, skill in found), Scored(WHOLE, whole)]

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """Percent: the headline, and each category's raw answers; items without a verdict are left out."""
        parts: dict[str, list[float]] = {"DPG-Bench": []}
        for row in rows:
            if not math.isnan(row.score):
                parts.setdefault("DPG-Bench" if row.question == WHOLE else row.skill, []).append(row.score)
        return {name: 100 * float(np.mean(scores)) if scores else math.nan for name, scores in parts.items()}

    def file(self, item: Item, seed: int) -> str:
        """By id."""
        return f"{item.id}.png" if seed == 0 else f"{item.id}-{seed}.png"


def _item(path: Path, key: str, rows: Sequence[tuple[int, dict[str, str]]]) -> Item:
    """An item with its questions; a parent that is not there is passed over."""
    ids = [row["proposition_id"].strip() for _, row in rows]
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice is not None:
        raise BadData(f"{path}, {key!r}: the proposition {twice!r} stands there twice")
    places, above = {name: k for k, name in enumerate(ids)}, []
    for number, row in rows:
        parents = [part.strip() for part in row["dependency"].split(",")]
        if not all(part.isdecimal() for part in parents):
            raise BadData(f"{path}, line {number}, {key!r}: 'dependency' is {row['dependency']!r:.40}, no numbers")
        above.append([places[part] for part in parents if part in places])
    questions = [row["question_natural_language"] for _, row in rows]
    skills = [row["tuple"].split("(")[0].split("-")[0].strip() for _, row in rows]
    return Item(key, rows[0][1]["text"], meta={"ids": ids, "parents": above, "questions": questions, "skills": skills})


BENCHMARK = DpgBench()

if __name__ == "__main__":
    sys.exit(graph.command(DpgBench, None, __doc__))
