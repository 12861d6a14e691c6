"""Complex-Edit: one edit made of 1 to 8 atomic ones; does taking it apart help? (arXiv:2504.13143).

`python -m benchmarks.complex_edit --data DIR --level 3 --way compound|sequence --system poser:PRESET --judge
chat:MODEL --out DIR`. Instruction following (IF), identity preservation (IP) and perceptual quality (PQ) are rated
from 0 to 10 and averaged. 'compound' hands over the whole instruction as one, 'sequence' the atomic ones one after
the other: their paired difference (`benchmarks.compare`) answers the question. The official judge is GPT-4o with 20
samples a rating; its rules are not public text, ours are below.
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

from benchmarks._harness import parquet
from benchmarks._harness.data import BadData, field, find, read_lines, safe, unique
from benchmarks._harness.run import main
from benchmarks._harness.systems import start_of
from benchmarks._harness.types import WHOLE, About, Asked, Item, Judge, Kind, Row, Scored

LEVELS = range(1, 9)
WAYS = ("compound", "sequence")
ALIGNED = (
    "The first picture was edited by an instruction into the second. Rate two things from 0 to 10. First, instruction "
    "following: 10 where everything that the instruction asks for is done in the second picture, 0 where nothing is. "
    "Second, identity preservation: 10 where everything that the instruction does not speak of is as in the first "
    "picture, 0 where nothing is. Instruction: {}"
)
QUALITY = (
    "Rate from 0 to 10 how clean and natural the picture is: 10 without any visible defect, 0 where it is unusable. "
    "Whether an instruction was followed does not matter."
)
PARTS = ("IF", "IP", "PQ")


def _rows(data: Path) -> Iterator[tuple[str, Any]]:
    """(where, row): 'edits.jsonl' with pictures as paths, or the Hub's parquet files, unpacked once."""
    path = find(data, "edits.jsonl", "edits.json", "*.parquet")
    if path.suffix == ".parquet":
        files = sorted(data.rglob("test*.parquet")) or sorted(data.rglob("*.parquet"))
        yield from parquet.rows(files)
        return
    for number, row in read_lines(path):
        where = f"{path}, line {number}"
        picture = path.parent / safe(field(row, "image", str, where), where)
        yield where, {**row, "image": picture}


def _parsed(edit: Any, where: str) -> Any:
    """The edit; the Hub keeps it as JSON in a string."""
    try:
        return json.loads(edit) if isinstance(edit, str) else edit
    except ValueError:
        raise BadData(f"{where}: 'edit' is no JSON") from None


class ComplexEdit:
    """See the module. `level`: how many atomic edits; `way`: as one instruction, or one after the other."""

    name = "complex_edit"
    about = About(
        "1,062 photographs and synthetic pictures, 8 levels each",
        "none stated",
        "the pictures; a judge that rates",
        "huggingface.co/datasets/UCSC-VLAA/Complex-Edit",
        hub="UCSC-VLAA/Complex-Edit",
    )
    kinds: frozenset[Kind] = frozenset(("rating",))

    def __init__(self, level: int = 8, way: str = "compound") -> None:
        self.level, self.way = level, way

    def tasks(self, data: Path) -> list[Item]:
        """The edits of that level. Raises `BadData`."""
        return unique((self._item(k, where, row) for k, (where, row) in enumerate(_rows(data))), data)

    def _item(self, number: int, where: str, row: Any) -> Item:
        edit = row.get("edit") if isinstance(row, dict) else None
        edit = field({"edit": _parsed(edit, where)}, "edit", dict, where)
        whole = field(edit, "compound", list, where)
        if len(whole) < self.level:
            raise BadData(f"{where}: it has {len(whole)} levels; --level is {self.level}")
        compound = field(whole[self.level - 1], "compound_instruction", str, where)
        turns: tuple[str, ...] = (compound,)
        if self.way == "sequence":
            steps = field(edit, "sequence", list, where)[: self.level]
            turns = tuple(step if isinstance(step, str) else field(step, "instruction", str, where) for step in steps)
        prompt, picture = "\n".join(turns), field(row, "image", Path, where)
        meta = {"asked": compound}
        return Item(
            f"{number:04}-{self.level}",
            prompt,
            f"level {self.level}",
            f"{number:04}",
            (picture,),
            turns,
            meta,
        )

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """IF, IP, PQ and their mean; judged on the compound instruction, whichever way it was handed over."""
        start, shown = start_of(item), tuple(pictures[-1:])
        both = (start, *shown) if start is not None and shown else ()
        asked = [
            Asked(item.id, "alignment", "rating", ALIGNED.format(item.meta["asked"]), both, "2", seed),
            Asked(item.id, "quality", "rating", QUALITY, shown, "1", seed),
        ]
        aligned, quality = (answer.value for answer in judge(asked))
        if len(aligned) != 2 or len(quality) != 1:
            return [Scored(WHOLE, math.nan)]
        ratings = [float(value) for value in (*aligned, *quality)]
        rows = [Scored(name, value, name) for name, value in zip(PARTS, ratings, strict=True)]
        return [*rows, Scored(WHOLE, float(np.mean(ratings)))]

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """Overall, IF, IP, PQ."""
        found = {}
        for name, question in (("overall", WHOLE), *((part, part) for part in PARTS)):
            scores = [row.score for row in rows if row.question == question and not math.isnan(row.score)]
            found[name] = float(np.mean(scores)) if scores else math.nan
        return found

    def file(self, item: Item, seed: int) -> str:
        """By number and level."""
        return f"{item.id}.png"


BENCHMARK = ComplexEdit()


def command(argv: Sequence[str] | None = None) -> int:
    """The command line with its two options more."""
    import argparse

    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--level", type=int, default=8, choices=LEVELS)
    parser.add_argument("--way", default="compound", choices=WAYS)
    own, others = parser.parse_known_args(argv)
    return main(ComplexEdit(own.level, own.way), others, f"{__doc__}\n--level 1 to 8, --way compound or sequence")


if __name__ == "__main__":
    sys.exit(command())
