"""GenAI-Bench: 1,600 prompts by skill, judged by VQAScore, P(yes) to one question (arXiv:2406.13743).

`python -m benchmarks.genai_bench --data DIR --system ... --judge vqa:MODEL --out DIR`. The official judge is
CLIP-FlanT5-XXL, whose score is the geometric mean of the answer's token probabilities; another model's P(yes) is not
on the same scale.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._harness.data import BadData, field, find, read_json, records, unique
from benchmarks._harness.run import main
from benchmarks._harness.types import WHOLE, About, Asked, Item, Judge, Kind, Row, Scored

QUESTION = 'Does this figure show "{}"? Please answer yes or no.'
PARTS = ("basic", "advanced")


def _tags(data: Path) -> dict[int, list[str]]:
    """Skills by number of a prompt; none where the file of skills is missing: then there is one figure for all."""
    try:
        path = find(data, "genai_skills.json")
    except BadData:
        return {}
    found: dict[int, list[str]] = {}
    skills = read_json(path)
    for skill in skills if isinstance(skills, dict) else ():
        for number in field(skills, skill, list, str(path)):
            known = field({"number": number}, "number", (int, str), f"{path}, {skill!r}")
            if not str(known).isdecimal():
                raise BadData(f"{path}, {skill!r}: {known!r:.40} is no number of a prompt")
            found.setdefault(int(known), []).append(skill)
    return found


class GenAIBench:
    """See the module."""

    name = "genai_bench"
    about = About(
        "1,600 prompts, 10 skills",
        "Apache-2.0 (card)",
        "one picture a prompt; a judge that answers yes or no",
        "huggingface.co/datasets/BaiqiL/GenAI-Bench; genai_image.json, genai_skills.json",
        hub="BaiqiL/GenAI-Bench",
    )
    kinds: frozenset[Kind] = frozenset(("yes",))

    def tasks(self, data: Path) -> list[Item]:
        """The prompts. Raises `BadData`."""
        path = find(data, "genai_image.json", "genai_image.jsonl", "prompts.json")
        tags, items = _tags(data), []
        for where, key, row in records(path, "id", "Index"):
            mine = tags.get(int(key), []) if key.isdigit() else []
            group = next((part for part in PARTS if part in mine), "")
            meta = {"skills": [skill for skill in mine if skill not in PARTS]}
            prompt = field(row, "Prompt" if isinstance(row, dict) and "Prompt" in row else "prompt", str, where)
            items.append(Item(key, prompt, group, meta=meta))
        return unique(items, path)

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """P(yes), once for every skill, and of the whole."""
        asked = Asked(item.id, "vqascore", "yes", QUESTION.format(item.prompt), tuple(pictures[-1:]), seed=seed)
        yes = float(judge([asked])[0].value)
        return [*(Scored(f"VQAScore, {skill}", yes, skill) for skill in item.meta["skills"]), Scored(WHOLE, yes)]

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """The mean over all prompts, over basic and over advanced ones."""
        whole = [row for row in rows if row.question == WHOLE and not math.isnan(row.score)]
        parts = {"all": whole, **{part: [row for row in whole if row.group == part] for part in PARTS}}
        return {name: float(np.mean([row.score for row in part])) if part else math.nan for name, part in parts.items()}

    def file(self, item: Item, seed: int) -> str:
        """By id."""
        return f"{item.id}.png" if seed == 0 else f"{item.id}-{seed}.png"


BENCHMARK = GenAIBench()

if __name__ == "__main__":
    sys.exit(main(BENCHMARK, about=__doc__))
