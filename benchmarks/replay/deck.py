"""Recorded outcomes: items, experts, and what each expert's picture of each item was given by its judges.

I2EBench (arXiv:2408.14180): edits of photographs by eight editors, judged by GPT-4V. GenAI-Bench (arXiv:2406.13743):
1,600 prompts, six text-to-image models, three raters. DSG-1k (arXiv:2310.18235): 160 prompts, five text-to-image
models, questions about every picture, answered by several models.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experts.types import Mode, Verb
from poser.types import PoserError

FOLDS = 5
VERBS: dict[str, Verb] = {
    "BGReplacement": "background",
    "ColorAlteration": "recolour",
    "Counting": "add",
    "DirectionPerception": "move",
    "ObjectRemoval": "remove",
    "Replacement": "replace",
}
"""I2EBench's kinds whose outcome is a yes or a no, each with the verb that stands for it."""
RATED: dict[str, Verb] = {"StyleAlteration": "restyle", "Lowlight": "relight", "Deblurring": "upscale"}
"""Verbs of those that have a measure instead; all others are 'other'."""
ADVANCED = ("universal", "differentiation", "comparison", "counting", "negation")
"""GenAI-Bench's advanced skills: a prompt's group is the last of these that it has, or else 'basic'."""
LIMIT = 64 * 2**20
"""Bytes of one file."""


@dataclass(frozen=True)
class Item:
    """One prompt. `seen`: what the critic's eyes would say of each expert's picture, [0, 1]; `judged`: what counts.

    `group`: the kind of command, by which a table may choose; `fold`: 0 .. FOLDS - 1, by a hash of the id.
    """

    id: str
    prompt: str
    group: str
    verb: Verb
    seen: tuple[float, ...]
    judged: tuple[float, ...]

    @property
    def fold(self) -> int:
        """The part of the items that it is tested in."""
        return hashlib.sha256(self.id.encode()).digest()[0] % FOLDS


@dataclass(frozen=True)
class Deck:
    """Items with the outcomes of the same experts.

    Attributes:
        mode: of the experts.
        experts: their ids, in the order of an item's outcomes.
        enough: what the critic has to see for a command to count as done.
        nothing: what a task is worth in which no picture was kept.
    """

    name: str
    mode: Mode
    experts: tuple[str, ...]
    items: tuple[Item, ...]
    enough: float
    nothing: float = 0.0

    def table(self, which: str) -> np.ndarray:
        """[items, experts] of 'seen' or 'judged'."""
        return np.asarray([getattr(item, which) for item in self.items], dtype=float)


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > LIMIT:
            raise ValueError(f"larger than {LIMIT} bytes")
        return json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise PoserError(f"{path}: {' '.join(str(error).split()):.160}; give --data the folder of the data") from None


def _verdict(entry: dict[str, Any]) -> float:
    """1 for a judgement that begins with yes; else 0; a measure as it is, CLIP scores as hundredths."""
    if "final_judgement" in entry:
        return float(str(entry["final_judgement"]).strip().lower().startswith("yes"))
    value = float(next(iter(entry["evaluation"].values())))
    return value / 100 if "clip_score" in entry["evaluation"] else value


def _edits(data: Path, kinds: list[str]) -> Iterator[tuple[tuple[str, ...], Item]]:
    """I2EBench's items that every editor has an outcome for, with the editors' names."""
    for kind in kinds:
        files = sorted((data / kind).glob("*.json"))
        names = tuple(file.stem for file in files)
        tables = [_json(file) for file in files]
        if not tables:
            raise PoserError(
                f"no outcomes in {str(data / kind)!r}; give --data the folder that holds I2EBench's EditEval"
            )
        for key in sorted(set.intersection(*map(set, tables))):
            outcomes = tuple(_verdict(table[key]) for table in tables)
            verb = VERBS.get(kind) or RATED.get(kind, "other")
            yield names, Item(f"{kind}/{key}", str(tables[0][key]["prompt"]), kind, verb, outcomes, outcomes)


def _i2ebench(data: Path, name: str, kinds: Callable[[list[str]], list[str]], enough: float) -> Deck:
    folder = next((path for path in (data / "i2ebench" / "EditEval", data / "EditEval") if path.is_dir()), data)
    there = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    found = list(_edits(folder, kinds(there) or ["EditEval"]))
    names = {editors for editors, _ in found}
    if len(names) != 1:
        raise PoserError(f"{str(folder)!r}: kinds have outcomes of different editors; each needs the same files")
    return Deck(name, "image-to-image", names.pop(), tuple(item for _, item in found), enough)


def i2ebench(data: Path) -> Deck:
    """The six kinds whose outcome is a yes or a no."""
    return _i2ebench(data, "i2ebench", lambda _: list(VERBS), 0.5)


def i2ebench_all(data: Path) -> Deck:
    """All sixteen kinds: yes or no, SSIM, region accuracy, CLIP score / 100. Nothing below 1 ends the tries."""
    return _i2ebench(data, "i2ebench-all", lambda there: there, 1.0)


def genai_bench(data: Path) -> Deck:
    """GenAI-Bench: the first rater is the critic, the mean of the other two judges; ratings of 1 to 5 as [0, 1].

    A rating of 5 ends the tries.
    """
    folder = next(iter(sorted(data.rglob("genai_image.json"))), None)
    if folder is None:
        raise PoserError(f"no 'genai_image.json' under {str(data)!r}; give --data the folder that holds GenAI-Bench")
    pictures = _json(folder)
    skills = _json(folder.with_name("genai_skills.json"))
    names = tuple(next(iter(pictures.values()))["models"])
    tags = {int(key): tag for tag in ADVANCED for key in skills.get(tag, ())}
    items = []
    for key, entry in pictures.items():
        ratings = [[(float(r) - 1) / 4 for r in entry["models"][name]] for name in names]
        seen, judged = tuple(r[0] for r in ratings), tuple((r[1] + r[2]) / 2 for r in ratings)
        if all(math.isfinite(value) for value in (*seen, *judged)):
            items.append(Item(key, entry["prompt"], tags.get(int(key), "basic"), "generate", seen, judged))
    return Deck("genai-bench", "text-to-image", names, tuple(items), 1.0)


def dsg(data: Path) -> Deck:
    """DSG-1k's prompts with pictures of five models: the share of questions answered with yes by mPLUG (the critic) and
    by PaLI (the judge).

    A picture of which all is so ends the tries.
    """
    folder = next(iter(sorted(data.rglob("pali17b_dsg.csv"))), None)
    if folder is None:
        raise PoserError(
            f"no 'pali17b_dsg.csv' under {str(data)!r}; give --data the folder that holds DSG-1k's answers"
        )
    seen, judged = _answers(folder.with_name("mplug_dsg.csv")), _answers(folder)
    names = tuple(sorted({model for _, model in judged}))
    prompts = _prompts(next(iter(sorted(data.rglob("dsg-1k-anns.csv"))), folder.with_name("dsg-1k-anns.csv")))
    items = [
        Item(
            key,
            prompts[key],
            "all",
            "generate",
            *(tuple(table[key, name] for name in names) for table in (seen, judged)),
        )
        for key in prompts
        if all((key, name) in table for name in names for table in (seen, judged))
    ]
    return Deck("dsg", "text-to-image", names, tuple(items), 1.0)


def _answers(path: Path) -> dict[tuple[str, str], float]:
    """(item, model) -> share of its questions that were answered with yes."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in _csv(path):
        found.setdefault((row["item_id"], row["t2i_model"]), []).append(float(row["answer"] == "yes"))
    return {key: sum(values) / len(values) for key, values in found.items()}


def _prompts(path: Path) -> dict[str, str]:
    return {row["item_id"]: row["text"] for row in _csv(path)}


def _csv(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return list(csv.DictReader(lines))
    except (OSError, ValueError, csv.Error) as error:
        raise PoserError(f"{path}: {' '.join(str(error).split()):.160}; give --data the folder of the data") from None


DECKS: dict[str, Callable[[Path], Deck]] = {
    "i2ebench": i2ebench,
    "i2ebench-all": i2ebench_all,
    "genai-bench": genai_bench,
    "dsg": dsg,
}
