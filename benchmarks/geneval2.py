"""GenEval 2: 800 prompts of 3 to 10 atoms; Soft-TIFA over P(the right answer) to 6,012 questions (arXiv:2512.16853).

`python -m benchmarks.geneval2 --data DIR --system poser:PRESET --judge vqa:Qwen/Qwen3-VL-8B-Instruct --out DIR`.
AM: mean of an item's atom probabilities; GM, the headline: their geometric mean; both 100 times the mean over items.
GenEval 2, Copyright (c) 2024 Meta Platforms, Inc. and affiliates, CC BY-NC 4.0.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._harness.data import field, find, read_lines, unique
from benchmarks._harness.run import main
from benchmarks._harness.types import WHOLE, About, Asked, Item, Judge, Kind, Row, Scored

NUMBERS = {
    word: number
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
}
SUFFIX = " Answer in one word."


def spellings(answer: str) -> str:
    """The answer and, for a count, its digit, separated by a bar."""
    word = answer.strip().lower()
    return f"{word}|{NUMBERS[word]}" if word in NUMBERS else word


def soft_tifa(chances: Sequence[float]) -> tuple[float, float]:
    """Arithmetic and geometric mean of atom probabilities; the geometric one is 0 where any of them is."""
    array = np.asarray(chances, dtype=np.float64)
    positive = bool((array > 0).all())
    return float(array.mean()), float(np.exp(np.log(array).mean())) if positive else 0.0


class GenEval2:
    """See the module."""

    name = "geneval2"
    about = About(
        "800 prompts, 6,012 questions",
        "CC BY-NC 4.0 (non-commercial, with attribution)",
        "one picture a prompt; a judge that gives P(word): Qwen3-VL-8B-Instruct in the paper",
        "github.com/facebookresearch/GenEval2, geneval2_data.jsonl",
    )
    kinds: frozenset[Kind] = frozenset(("word",))

    def tasks(self, data: Path) -> list[Item]:
        """The prompts. Raises `BadData`."""
        path = find(data, "geneval2_data.jsonl", "geneval2_data.json")

        def items() -> list[Item]:
            found = []
            for place, (number, row) in enumerate(read_lines(path)):
                where = f"{path}, line {number}"
                prompt, asked = field(row, "prompt", str, where), field(row, "vqa_list", list, where)
                skills = field(row, "skills", list, where)
                if (
                    not asked
                    or len(skills) != len(asked)
                    or not all(isinstance(pair, list) and len(pair) == 2 for pair in asked)
                ):
                    field({}, "vqa_list", list, f"{where}: {len(asked)} questions and {len(skills)} skills")
                group = f"{field(row, 'atom_count', int, where)} atoms"
                meta = {"asked": [tuple(map(str, pair)) for pair in asked], "skills": [str(skill) for skill in skills]}
                found.append(Item(f"{place:04}", prompt, group, meta=meta))
            return found

        return unique(items(), path)

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """P of every answer, and the geometric mean of them all."""
        asked = [
            Asked(item.id, f"q{k}", "word", question + SUFFIX, tuple(pictures[-1:]), spellings(answer), seed)
            for k, (question, answer) in enumerate(item.meta["asked"])
        ]
        chances = [float(answer.value) for answer in judge(asked)]
        rows = [
            Scored(f"{question} {answer}", p, skill)
            for (question, answer), p, skill in zip(item.meta["asked"], chances, item.meta["skills"], strict=True)
        ]
        known = not any(map(math.isnan, chances))
        return [*rows, Scored(WHOLE, soft_tifa(chances)[1] if known else math.nan)]

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """Soft-TIFA GM and AM, 0 to 100; items without a verdict are left out."""
        whole = [row for row in rows if row.question == WHOLE and not math.isnan(row.score)]
        known = {(row.item, row.seed) for row in whole}
        atoms: dict[tuple[str, int], list[float]] = {}
        for row in rows:
            if row.question != WHOLE and (row.item, row.seed) in known:
                atoms.setdefault((row.item, row.seed), []).append(row.score)
        means = [float(np.mean(atoms[key])) if key in atoms else 0.0 for key in sorted(known)]
        gm = [row.score for row in whole]
        return {
            "Soft-TIFA GM": 100 * float(np.mean(gm)) if gm else math.nan,
            "Soft-TIFA AM": 100 * float(np.mean(means)) if means else math.nan,
        }

    def file(self, item: Item, seed: int) -> str:
        """One picture a prompt, by its line."""
        return f"{item.id}.png" if seed == 0 else f"{item.id}-{seed}.png"


BENCHMARK = GenEval2()

if __name__ == "__main__":
    sys.exit(main(BENCHMARK, about=__doc__))
