"""OneIG-Bench, alignment (English): 695 prompts with questions that depend on one another (arXiv:2506.07977).

`python -m benchmarks.oneig --data DIR --system ... --judge vqa:Qwen/Qwen2.5-VL-7B-Instruct --seeds 4 --out DIR`;
`--grid 2` for the official files of 2 x 2 pictures. A question counts only where its parents were answered with yes
(one level); a prompt is the mean over its pictures, the headline the mean over prompts. The other four measures (text,
reasoning, style, diversity) need models that are not packaged (LLM2CLIP, CSD, DreamSim) and are not computed; so there
is no overall score. The data is CC BY-NC 4.0: not for commercial use.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks._harness import graph
from benchmarks._harness.data import BadData, field, find, read_csv, records, unique
from benchmarks._harness.types import WHOLE, About, Item, Judge, Kind, Row, Scored

CLASSES = {"anime": "anime", "human": "portrait", "object": "object"}
"""Folder of a class of prompts -> a word of its category in the table of prompts."""


class OneIg:
    """See the module. `grid`: pictures along a side of one file."""

    name = "oneig"
    about = About(
        "695 prompts (alignment), 4 pictures each",
        "CC BY-NC 4.0 (non-commercial)",
        "a judge that answers yes or no: Qwen2.5-VL-7B in the original",
        "github.com/OneIG-Bench/OneIG-Benchmark: OneIG-Bench.csv and scripts/alignment/Q_D/",
        hub="OneIG-Bench/OneIG-Bench",
    )
    kinds: frozenset[Kind] = frozenset(("yes",))

    def __init__(self, grid: int = 1) -> None:
        self.grid = grid

    def tasks(self, data: Path) -> list[Item]:
        """The prompts of the three classes that have questions. Raises `BadData`."""
        path, prompts = find(data, "OneIG-Bench.csv", "OneIG-Bench.json"), dict[tuple[str, str], str]()
        for where, row in _table(path):
            category, number, prompt = (
                str(field(row, key, (str, int), where)) for key in ("category", "id", "prompt_en")
            )
            name = next((name for name, word in CLASSES.items() if word in category.lower()), "")
            prompts[name, number.strip().zfill(3)] = prompt
        items = []
        for name in CLASSES:
            for where, key, row in records(find(data, f"Q_D/{name}.json", f"{name}.json")):
                known = prompts.get((name, key.zfill(3)))
                if known is None:
                    raise BadData(f"{where}: {path.name} has no prompt of that id in its class")
                items.append(_item(f"{name}-{key}", known, name, row, where))
        return unique(items, path)

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """The raw answers (of the last picture), and the share of questions that count."""
        raw, whole = graph.of_cells(item, pictures, judge, seed, self.grid, transitive=False)
        return [*(Scored(q, yes) for q, yes in zip(item.meta["questions"], raw, strict=True)), Scored(WHOLE, whole)]

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """The mean over prompts, and of each class; prompts without a verdict are left out."""
        parts: dict[str, list[float]] = {"alignment": []}
        for row in rows:
            if row.question == WHOLE and not math.isnan(row.score):
                parts["alignment"].append(row.score)
                parts.setdefault(row.group, []).append(row.score)
        return {name: float(np.mean(scores)) if scores else math.nan for name, scores in parts.items()}

    def file(self, item: Item, seed: int) -> str:
        """A folder a class, by the number of the prompt."""
        number = item.id.split("-", 1)[1]
        return f"{item.group}/{number}.webp" if seed == 0 else f"{item.group}/{number}-{seed}.webp"


def _table(path: Path) -> Iterator[tuple[str, Any]]:
    """(where, row) of the table of prompts."""
    if path.suffix == ".csv":
        yield from ((f"{path}, line {n}", row) for n, row in read_csv(path, ("category", "id", "prompt_en")))
    else:
        yield from ((where, row) for where, _, row in records(path))


def _item(key: str, prompt: str, group: str, row: Any, where: str) -> Item:
    questions, dependency = (_numbered(row, name, where) for name in ("question", "dependency"))
    places = {number: k for k, number in enumerate(questions)}
    above = []
    for number in questions:
        parents = dependency.get(number, [])
        if not isinstance(parents, list):
            raise BadData(f"{where}: 'dependency' of question {number} is {parents!r:.40}; it has to be a list")
        above.append([places[str(parent)] for parent in parents if str(parent) in places])
    words = [field(questions, number, str, f"{where}, question") for number in questions]
    return Item(key, prompt, group, meta={"ids": list(questions), "parents": above, "questions": words})


def _numbered(row: Any, name: str, where: str) -> dict[str, Any]:
    """An object by number; the release keeps it as JSON in a string."""
    value = field(row, name, (str, dict), where)
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found:
        raise BadData(f"{where}: {name!r} is {value!r:.40}; it has to be an object by number")
    return found


BENCHMARK = OneIg()

if __name__ == "__main__":
    sys.exit(graph.command(OneIg, None, __doc__))
