"""T2I-CoReBench: 1,080 prompts in twelve dimensions of composition and reasoning, 13,536 questions (arXiv:2509.03516).

`python -m benchmarks.t2i_corebench --data DIR --system ... --judge chat:MODEL --out DIR`. Every right answer is yes; a
picture is the share of its questions that were answered with yes (those without a verdict are left out), a dimension
the mean of its pictures, the headline the mean of the dimensions. The official judge is Gemini 2.5 Flash with rules of
its own; ours are below. Small judges agree little with people here: 62.5 % balanced accuracy of Qwen3-VL-8B-Instruct
against 81.1 % of Gemini 2.5 Flash (its README).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks._harness.data import BadData, field, find, records, unique
from benchmarks._harness.run import main
from benchmarks._harness.types import WHOLE, About, Asked, Item, Judge, Kind, Row, Scored

COMPOSITION = ("C-MI", "C-MA", "C-MR", "C-TR")
REASONING = ("R-LR", "R-BR", "R-HR", "R-PR", "R-GR", "R-AR", "R-CR", "R-RR")
DIMENSIONS = (*COMPOSITION, *REASONING)
QUESTION = (
    'The picture was made for this prompt: "{prompt}" The prompt only explains the question: judge by what is plainly '
    "to be seen in the picture, and answer no where that is missing, hidden or unclear. Question: {question} Answer "
    "yes or no."
)


def _tag(tags: Any) -> str:
    """The first of a question's tags; '' where it has none."""
    return str(tags[0] if isinstance(tags, list) and tags else tags or "")


class CoReBench:
    """See the module."""

    name = "t2i_corebench"
    about = About(
        "1,080 prompts, 13,536 questions, 12 dimensions",
        "Apache-2.0",
        "one picture a prompt or more; a judge that answers yes or no: Gemini 2.5 Flash in the paper",
        "github.com/KlingAIResearch/T2I-CoReBench, data/*.json",
        hub="lioooox/T2I-CoReBench",
    )
    kinds: frozenset[Kind] = frozenset(("yes",))

    def tasks(self, data: Path) -> list[Item]:
        """The prompts of the dimensions that are there. Raises `BadData`."""
        items = []
        for name in DIMENSIONS:
            try:
                path = find(data, f"data/{name}.json", f"{name}.json", f"{name}.jsonl")
            except BadData:
                continue
            for where, key, row in records(path, "id", "ID"):
                prompt, asked = field(row, "Prompt", str, where), field(row, "Checklist", list, where)
                questions = [field(one, "question", str, where) for one in asked]
                if not questions:
                    raise BadData(f"{where}: 'Checklist' is empty")
                tags = [_tag(one.get("tags")) for one in asked]
                items.append(Item(key, prompt, name, meta={"questions": questions, "tags": tags}))
        if not items:
            raise BadData(f"no {DIMENSIONS[0]}.json or another dimension under {str(data)!r}; give its folder data")
        return unique(items, data)

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """1 or 0 of each question, and their mean."""
        words = [QUESTION.format(prompt=item.prompt, question=question) for question in item.meta["questions"]]
        shown = tuple(pictures[-1:])
        said = judge([Asked(item.id, f"q{k}", "yes", text, shown, seed=seed) for k, text in enumerate(words)])
        yes = [p if math.isnan(p) else float(p > 0.5) for p in (float(answer.value) for answer in said)]
        known = [value for value in yes if not math.isnan(value)]
        rows = [Scored(q, v, tag) for q, v, tag in zip(item.meta["questions"], yes, item.meta["tags"], strict=True)]
        return [*rows, Scored(WHOLE, float(np.mean(known)) if known else math.nan)]

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """Percent: the mean of the dimensions, of the composing and of the reasoning ones, and each."""
        parts: dict[str, list[float]] = {}
        for row in rows:
            if row.question == WHOLE and not math.isnan(row.score):
                parts.setdefault(row.group, []).append(row.score)
        means = {name: 100 * float(np.mean(parts[name])) for name in DIMENSIONS if name in parts}
        wholes = {"overall": DIMENSIONS, "composition": COMPOSITION, "reasoning": REASONING}
        known = {title: [means[name] for name in names if name in means] for title, names in wholes.items()}
        return {title: float(np.mean(found)) if found else math.nan for title, found in known.items()} | means

    def file(self, item: Item, seed: int) -> str:
        """As the official script lays them: a folder a dimension, the id and a number."""
        return f"{item.group}/{item.id}-{seed}.png"


BENCHMARK = CoReBench()

if __name__ == "__main__":
    sys.exit(main(BENCHMARK, about=__doc__))
