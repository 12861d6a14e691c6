"""GEdit-Bench (English): edits of photographs in eleven kinds, judged by VIEScore (arXiv:2504.17761).

`python -m benchmarks.gedit --data DIR --system poser:PRESET --judge chat:MODEL --out DIR`. G_O is the square root of
SC times PQ for each edit, the mean of each kind, then the mean of the kinds (macro); so are G_SC and G_PQ. The
official judges are GPT-4.1 and Qwen2.5-VL-72B.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks._harness import parquet, viescore
from benchmarks._harness.data import field, find, photographs, records, safe, unique
from benchmarks._harness.run import main
from benchmarks._harness.systems import start_of
from benchmarks._harness.types import WHOLE, About, Item, Judge, Kind, Row, Scored


def _kind(row: Any, name: str, where: str) -> str:
    return safe(field(row, name, str, where), where)


def _hub(files: Sequence[Path], told: Mapping[str, Any]) -> Iterator[Item]:
    """The English rows of the Hub's files."""
    for where, row in parquet.rows(files):
        if field(row, "instruction_language", str, where) == "en":
            key, picture = field(row, "key", str, where), field(row, "input_image", Path, where)
            prompt = field(row, "instruction", str, where)
            yield Item(key, prompt, _kind(row, "task_type", where), pictures=(picture,), meta=told)


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
        path, told = find(data, "gedit_edit.json", "gedit_edit.jsonl", "*.parquet"), {"rules": viescore.rules(data)}
        if path.suffix == ".parquet":
            return unique(_hub(sorted(data.rglob("*.parquet")), told), path)
        rows = list(records(path, "key"))
        names = [safe(field(row, "id", str, where), where) for where, _, row in rows]
        root = photographs(data, path.parent, names)
        items = []
        for (where, key, row), name in zip(rows, names, strict=True):
            prompt, group = field(row, "prompt", str, where), _kind(row, "edit_type", where)
            items.append(Item(key, prompt, group, pictures=(root / name,), meta=told))
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
