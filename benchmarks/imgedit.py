"""ImgEdit-Bench, basic suite: 737 edits of nine kinds, rated from 1 to 5 in three respects (arXiv:2505.20275).

`python -m benchmarks.imgedit --data DIR --system poser:PRESET --judge chat:MODEL --out DIR`. An item is the mean of
its three ratings, rounded to two places, a kind the mean of its items, the headline the mean of the kinds. The
official judges are GPT-4o and GPT-4.1; their rules are read from the data folder (prompts.json).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._harness.data import field, find, photographs, read_json, records, safe, unique
from benchmarks._harness.run import main
from benchmarks._harness.systems import start_of
from benchmarks._harness.types import WHOLE, About, Asked, Item, Judge, Kind, Row, Scored

ALSO = {"alter": "adjust"}
"""Kinds of older revisions of the data, and their names in the rules."""
PARTS = ("first", "second", "third")


class ImgEdit:
    """See the module."""

    name = "imgedit"
    about = About(
        "737 edits, 9 kinds",
        "none stated upstream; MIT in UniWorld-V1",
        "the source pictures, the judge's rules (prompts.json), a judge that rates",
        "github.com/PKU-YuanGroup/ImgEdit, Benchmark/Basic",
    )
    kinds: frozenset[Kind] = frozenset(("rating",))

    def tasks(self, data: Path) -> list[Item]:
        """The edits. Raises `BadData`, also for a kind without rules."""
        path, rules = find(data, "basic_edit.json", "basic_edit.jsonl"), find(data, "prompts.json")
        told, rows, items = read_json(rules), list(records(path, "key")), []
        names = [safe(field(row, "id", str, where), where) for where, _, row in rows]
        root = photographs(data, path.parent, names)
        for (where, key, row), name in zip(rows, names, strict=True):
            kind = field(row, "edit_type", str, where)
            kind = kind if isinstance(told, dict) and kind in told else ALSO.get(kind, kind)
            words = field(told, kind, str, f"{rules}, needed by {key!r}")
            prompt = field(row, "prompt", str, where)
            items.append(Item(key, prompt, kind, pictures=(root / name,), meta={"rules": words}))
        return unique(items, path)

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """The three ratings and their mean."""
        start = start_of(item)
        shown = (start, pictures[-1]) if start is not None and pictures else ()
        words = item.meta["rules"].replace("<edit_prompt>", item.prompt)
        ratings = judge([Asked(item.id, "ratings", "rating", words, shown, "3", seed)])[0].value
        if not isinstance(ratings, list) or len(ratings) != 3:
            return [Scored(WHOLE, math.nan)]
        parts = [Scored(name, float(value), name) for name, value in zip(PARTS, ratings, strict=True)]
        return [*parts, Scored(WHOLE, round(float(np.mean(ratings)), 2))]

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """The mean of the kinds, and each of them."""
        kinds: dict[str, list[float]] = {}
        for row in rows:
            if row.question == WHOLE and not math.isnan(row.score):
                kinds.setdefault(row.group, []).append(row.score)
        means = {kind: float(np.mean(scores)) for kind, scores in sorted(kinds.items())}
        return {"overall": float(np.mean(list(means.values()))) if means else math.nan, **means}

    def file(self, item: Item, seed: int) -> str:
        """By key, as the official script asks for them."""
        return f"{item.id}.png"


BENCHMARK = ImgEdit()

if __name__ == "__main__":
    sys.exit(main(BENCHMARK, about=__doc__))
