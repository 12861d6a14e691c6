"""GEdit-Bench (English): edits of photographs in eleven kinds, judged by VIEScore (arXiv:2504.17761).

`python -m benchmarks.gedit --data DIR --system poser:PRESET --judge chat:MODEL --out DIR`. G_O is the square root of
SC times PQ for each edit, the mean of each kind, then the mean of the kinds (macro); so are G_SC and G_PQ. The
official judges are GPT-4.1 and Qwen2.5-VL-72B.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._harness import viescore
from benchmarks._harness.data import BadData, field, find, read_json, unique
from benchmarks._harness.run import main
from benchmarks._harness.systems import start_of
from benchmarks._harness.types import WHOLE, About, Item, Judge, Kind, Row, Scored


class GEdit:
    """See the module."""

    name = "gedit"
    about = About(
        "604 English edits, 11 kinds",
        "MIT",
        "the source pictures, the judge's rules (VIEScore's prompts), a judge that rates",
        "huggingface.co/datasets/stepfun-ai/GEdit-Bench; instructions as gedit_edit.json",
        hub="stepfun-ai/GEdit-Bench",
    )
    kinds: frozenset[Kind] = frozenset(("rating",))

    def tasks(self, data: Path) -> list[Item]:
        """The edits. Raises `BadData`."""
        path = find(data, "gedit_edit.json")
        rows = read_json(path)
        if not isinstance(rows, dict):
            raise BadData(f"{path}: has to be an object of edits by key")
        told, root, items = viescore.rules(data), path.parent, []
        for key, row in rows.items():
            where = f"{path}, {key!r}"
            prompt, group = field(row, "prompt", str, where), field(row, "edit_type", str, where)
            picture = root / field(row, "id", str, where)
            items.append(Item(key, prompt, group, pictures=(picture,), meta={"rules": told}))
        return unique(items, path)

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """SC, PQ and O."""
        return viescore.scored(item, start_of(item), pictures, judge, seed)

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """G_O, G_SC, G_PQ, macro means over the kinds, and G_O of each kind."""
        kinds = sorted({row.group for row in rows})

        def mean(question: str, kind: str) -> float:
            scores = [r.score for r in rows if r.question == question and r.group == kind and not math.isnan(r.score)]
            return float(np.mean(scores)) if scores else math.nan

        names = {"G_O": WHOLE, "G_SC": "SC", "G_PQ": "PQ"}
        known = {name: [m for kind in kinds if not math.isnan(m := mean(q, kind))] for name, q in names.items()}
        macro = {name: float(np.mean(means)) if means else math.nan for name, means in known.items()}
        return macro | {kind: mean(WHOLE, kind) for kind in kinds}

    def file(self, item: Item, seed: int) -> str:
        """As the official scripts lay them: kind, language, key."""
        return f"{item.group}/en/{item.id}.png"


BENCHMARK = GEdit()

if __name__ == "__main__":
    sys.exit(main(BENCHMARK, about=__doc__))
