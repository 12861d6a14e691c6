"""DSG-1k: 1,060 prompts whose questions depend on one another (Davidsonian Scene Graph, arXiv:2310.18235).

`python -m benchmarks.dsg --data DIR --system folder:DIR --judge vqa:MODEL --out DIR`; released answers are scored with
`--system none --judge recorded:pali17b_dsg.csv#sd2dot1`. A question counts only where its parents were answered with
yes (one level, by their raw answers); an item is the mean over its questions, a split the mean over items.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._harness.data import BadData, find, read_csv, unique
from benchmarks._harness.graph import answers, counted
from benchmarks._harness.run import main
from benchmarks._harness.types import WHOLE, About, Item, Judge, Kind, Row, Scored

SPLITS = {
    "tifa": "tifa",
    "localized": "paragraph",
    "stanford": "paragraph",
    "vrd": "relation",
    "countbench": "count",
    "diffusiondb": "real_user",
    "midjourney": "real_user",
    "posescript": "pose",
    "whoops": "defying",
    "drawtext": "text",
}
"""Beginning of an item's id -> the split that it is reported in."""
COLUMNS = ("item_id", "text", "proposition_id", "dependency", "category_broad", "question_natural_language")


class Dsg:
    """See the module."""

    name = "dsg"
    about = About(
        "1,060 prompts, 8,182 questions",
        "Apache-2.0",
        "one picture a prompt; a judge that answers yes or no",
        "github.com/j-min/DSG, dsg/data/dsg-1k-anns.csv and vqa_answers_release/",
    )
    kinds: frozenset[Kind] = frozenset(("yes",))

    def tasks(self, data: Path) -> list[Item]:
        """The prompts. Raises `BadData`."""
        path = find(data, "dsg-1k-anns.csv")
        rows: dict[str, list[dict[str, str]]] = {}
        for _, row in read_csv(path, COLUMNS):
            rows.setdefault(row["item_id"], []).append(row)
        return unique((_item(path, key, found) for key, found in rows.items()), path)

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """Each question's counted answer, and their mean; without any answer the item scores 0, as in the original."""
        said = answers(item, pictures[-1:], judge, seed)
        done = counted([0.0 if math.isnan(yes) else yes for yes in said], item.meta["parents"])
        pairs = zip(item.meta["questions"], done, item.meta["skills"], strict=True)
        return [*(Scored(question, s, skill) for question, s, skill in pairs), Scored(WHOLE, float(np.mean(done)))]

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """Percent, over all items and by split."""
        whole = [row for row in rows if row.question == WHOLE]
        found = {"all": 100 * float(np.mean([row.score for row in whole])) if whole else math.nan}
        for split in dict.fromkeys(SPLITS.values()):
            part = [row.score for row in whole if row.group == split]
            found |= {split: 100 * float(np.mean(part))} if part else {}
        return found

    def file(self, item: Item, seed: int) -> str:
        """One picture a prompt, by the item's id."""
        return f"{item.id}.png" if seed == 0 else f"{item.id}-{seed}.png"


def _item(path: Path, key: str, rows: Sequence[dict[str, str]]) -> Item:
    """An item with its questions; one dependency that is no number takes away all of the item's, as in the original."""
    ids = [row["proposition_id"] for row in rows]
    places = {name: k for k, name in enumerate(ids)}
    if len(places) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise BadData(f"{path}, {key!r}: the proposition {twice!r} stands there twice")
    try:
        parents = [[int(part) for part in row["dependency"].split(",")] for row in rows]
        above = [[places[str(p)] for p in found if p != 0 and str(p) in places] for found in parents]
    except ValueError:
        above = [[] for _ in rows]
    split = next((name for start, name in SPLITS.items() if key.startswith(start)), re.split(r"[_\d]", key)[0])
    meta = {"ids": ids, "parents": above, "questions": [row["question_natural_language"] for row in rows]}
    return Item(key, rows[0]["text"], split, meta={**meta, "skills": [row["category_broad"] for row in rows]})


BENCHMARK = Dsg()

if __name__ == "__main__":
    sys.exit(main(BENCHMARK, about=__doc__))
