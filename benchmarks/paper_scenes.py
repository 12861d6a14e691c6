"""The scenes of the figures of Image-POSER (arXiv:2511.11780) in our own words, each with its checklist of questions.

`python -m benchmarks.paper_scenes --data PHOTOGRAPHS --system poser:PRESET --judge vqa:MODEL --out DIR` ends in a
page of pictures. Three scenes are drawn from nothing; six edit a photograph of yours: lay it into the folder under
the scene's name (chairs.jpg, wallet.png, ...). A scene without its photograph is left out, and the result says how
many were. A scene scores the share of its questions that are answered with yes. Their counterparts in the embedded
world are `people/paper.jsonl`, run by `python -m benchmarks.people --data benchmarks/people/paper.jsonl`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._harness.data import BadData, field, read_lines, unique
from benchmarks._harness.run import main
from benchmarks._harness.types import WHOLE, About, Asked, Item, Judge, Kind, Row, Scored

FILE = Path(__file__).parent / "paper_scenes.jsonl"
ENDS = (".png", ".jpg", ".jpeg", ".webp")


class PaperScenes:
    """See the module."""

    name = "paper_scenes"
    about = About(
        "9 scenes, 45 questions",
        "Apache-2.0 (ours)",
        "six photographs of your own; a judge that answers yes or no",
        "comes with the project",
    )
    kinds: frozenset[Kind] = frozenset(("yes",))

    def tasks(self, data: Path) -> list[Item]:
        """The scenes that can be run with the photographs in `data`. Raises `BadData` where it is no folder."""
        if not data.is_dir():
            raise BadData(f"no folder {str(data)!r}; give --data the folder of your photographs (it may be empty)")
        items = []
        for number, row in read_lines(FILE):
            where = f"{FILE.name}, line {number}"
            name, prompt = field(row, "id", str, where), field(row, "prompt", str, where)
            photographs = [path for end in ENDS if (path := data / f"{name}{end}").is_file()]
            if "needs" in row and not photographs:
                continue
            meta = {"checks": [str(check) for check in field(row, "checks", list, where)]}
            given = tuple(photographs[:1]) if "needs" in row else ()
            items.append(Item(name, prompt, field(row, "mode", str, where), pictures=given, meta=meta))
        return unique(items, FILE.name)

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """Each question's answer, and their mean."""
        shown = tuple(pictures[-1:])
        asked = [Asked(item.id, f"q{k}", "yes", q, shown, seed=seed) for k, q in enumerate(item.meta["checks"])]
        yes = [float(answer.value) for answer in judge(asked)]
        known = [float(p > 0.5) for p in yes if not math.isnan(p)]
        rows = [Scored(ask.text, p, item.id) for ask, p in zip(asked, yes, strict=True)]
        return [*rows, Scored(WHOLE, float(np.mean(known)) if known else math.nan)]

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """Share of questions by scene, scenes without a fault, and how many scenes were run."""
        whole = [row for row in rows if row.question == WHOLE and not math.isnan(row.score)]
        scores = [row.score for row in whole]
        found = {"questions right": float(np.mean(scores)) if scores else math.nan}
        return found | {"scenes complete": float(sum(s == 1.0 for s in scores)), "scenes run": float(len(scores))}

    def file(self, item: Item, seed: int) -> str:
        """By name."""
        return f"{item.id}.png" if seed == 0 else f"{item.id}-{seed}.png"


BENCHMARK = PaperScenes()

if __name__ == "__main__":
    sys.exit(main(BENCHMARK, about=__doc__))
