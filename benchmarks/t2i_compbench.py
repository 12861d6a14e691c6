"""T2I-CompBench++: 2,400 prompts in eight categories, each with a metric of its own (arXiv:2307.06350).

`python -m benchmarks.t2i_compbench --data DIR --system ... --judge vqa:MODEL+clip:MODEL+boxes:MODEL+depth:MODEL --seeds
10 --out DIR`. colour, shape, texture: product of P(yes) to '<chunk>?' over the prompt's noun chunks (BLIP-VQA in the
original; chunks by spaCy there, at 'and', commas and full stops here) · spatial: two detections and how they lie · 3d
spatial: the same with how they overlap and which is nearer in a depth map (the original swaps the map's axes when it
cuts out a box; here they are right) · numeracy: how many of each · non-spatial: cosine of CLIP · complex: the mean of
those that the prompt's list calls for (3-in-1; the original leaves adjectives out of what CLIP is told). A known defect
of the original is kept: 'on top of' (without 'the') never scores. Its 150 px rule depends on the resolution: 512 px is
what it was made for.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks._harness.boxes import layered, locality
from benchmarks._harness.data import BadData, find, text
from benchmarks._harness.run import main
from benchmarks._harness.types import WHOLE, About, Asked, Item, Judge, Kind, Row, Scored

BINDING = ("color", "shape", "texture")
CATEGORIES = (*BINDING, "spatial", "3d_spatial", "numeracy", "non_spatial", "complex")
PLACES = (
    *("on the left of", "on the right of", "on the top of", "on the bottom of", "on top of", "on side of"),
    *("next to", "near"),
)
LAYERS = ("in front of", "behind", "hidden by")
NUMBERS = dict(zip(("one", "two", "three", "four", "five", "six", "seven", "eight"), range(1, 9), strict=True))
NO_CHUNK = ("top", "the side", "the left", "the right")
MOST_CHUNKS = 8
LONGEST = 240
"""Bytes of a prompt in a file's name."""
_ARTICLE = re.compile(r"^(?:a|an|the)\s+", re.I)
_BETWEEN = "(?:is |was |are |were )?(?:" + "|".join(PLACES) + ")"
_PLACE, _LAYER = (
    re.compile(r"\s+(?:is |was |are |were )?(" + "|".join(words) + r")\s+", re.I) for words in (PLACES, LAYERS)
)


def chunks(prompt: str) -> list[str]:
    """The things of a prompt, at most eight: 'a red car and a blue bowl' -> ['a red car', 'a blue bowl']."""
    parts = re.split(rf"\s+and\s+|[,.;]\s*|\s+(?:{_BETWEEN})\s+", prompt.strip(" ."))
    found = [part.strip() for part in parts if part and part.strip() and part.strip().lower() not in NO_CHUNK]
    return found[:MOST_CHUNKS]


def pair(prompt: str, places: re.Pattern[str] = _PLACE) -> tuple[str, str, str] | None:
    """(first thing, place, second thing) of a prompt that says how two things lie; None for any other."""
    hit = places.search(prompt)
    if hit is None:
        return None
    first, second = (_ARTICLE.sub("", side.strip(" .")) for side in (prompt[: hit.start()], prompt[hit.end() :]))
    return first, hit[1].lower(), second


def counts(prompt: str) -> dict[str, int]:
    """How many of each thing: 'two boys and six airplanes' -> {'boys': 2, 'airplanes': 6}."""
    found = {}
    for part in re.split(r"\s+and\s+|,\s*", prompt.strip(" .")):
        word, _, thing = part.strip().partition(" ")
        number = NUMBERS.get(word.lower(), 1 if word.lower() in ("a", "an") else 0)
        if number and thing:
            found[thing] = number
    return found


def surest(boxes: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The box of each label with the best confidence."""
    best: dict[str, Mapping[str, Any]] = {}
    for box in boxes:
        label = str(box["label"])
        if label not in best or box.get("score", 1.0) > best[label].get("score", 1.0):
            best[label] = box
    return best


def lying(boxes: Sequence[Mapping[str, Any]], first: str, place: str, second: str) -> float:
    """A quarter of each thing's best confidence and half of how they lie; 0 where that is below a half or one lacks."""
    best = surest(boxes)
    if first not in best or second not in best:
        return 0.0
    a, b = best[first], best[second]
    whole = 0.25 * float(a.get("score", 1.0)) + 0.25 * float(b.get("score", 1.0))
    whole += 0.5 * locality(place, a["box"], b["box"])
    return whole if whole >= 0.5 else 0.0


def numbered(boxes: Sequence[Mapping[str, Any]], wanted: Mapping[str, int]) -> float:
    """For each of n things, 0.5 / n where any is found and 0.5 / n more where there are as many as asked for."""
    have = {thing: sum(str(box["label"]) == thing for box in boxes) for thing in wanted}
    parts = [0.5 * (have[thing] > 0) + 0.5 * (have[thing] == number) for thing, number in wanted.items()]
    return float(np.mean(parts)) if parts else math.nan


def _prompts(data: Path, name: str, end: str = "_val") -> list[str] | None:
    """The prompts of a file, one a line; None where there is none. Raises `BadData` for an empty one."""
    try:
        path = find(data, f"examples/dataset/{name}{end}.txt", f"{name}{end}.txt")
    except BadData:
        return None
    found = [line.strip() for line in text(path).split("\n") if line.strip()]
    if not found:
        raise BadData(f"{path}: no prompt in it")
    return found


def _told(prompt: str) -> str:
    """A prompt as the 3-in-1 metric compares it: its first sentence in small letters."""
    return prompt.split(".")[0].lower().strip()


def _sorted(item: Item, of: Mapping[str, set[str]]) -> Item:
    """A complex prompt with what it is scored by beside its attributes: 'spatial', 'action', or both where it is in
    neither list. Without lists, places count where the prompt names one."""
    mine = [part for part, prompts in of.items() if _told(item.prompt) in prompts][:1]
    usual = ["spatial", "action"] if of or pair(item.prompt) else ["action"]
    return replace(item, meta={"parts": tuple(mine or usual)})


class CompBench:
    """See the module."""

    name = "t2i_compbench"
    about = About(
        "2,400 prompts in 8 categories, 10 pictures each",
        "MIT",
        "a judge that answers yes or no; for places and numbers one that detects (in 3D with depth), for the rest CLIP",
        "github.com/Karine-Huang/T2I-CompBench, examples/dataset/*_val.txt",
    )
    kinds: frozenset[Kind] = frozenset(("yes",))

    def tasks(self, data: Path) -> list[Item]:
        """The validation prompts. Raises `BadData`."""
        items = []
        for category in CATEGORIES:
            prompts = _prompts(data, category)
            items += [Item(f"{category}-{k:03}", prompt, category) for k, prompt in enumerate(prompts or ())]
        if not items:
            raise BadData(
                f"no '{CATEGORIES[0]}_val.txt' or other category under {str(data)!r}; give its examples/dataset"
            )
        of = {
            part: {_told(p) for p in _prompts(data, f"complex_val_{part}", "") or ()} for part in ("spatial", "action")
        }
        parts = {part: prompts for part, prompts in of.items() if prompts}
        return [_sorted(item, parts) if item.group == "complex" else item for item in items]

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """The category's metric; NaN where the judge cannot answer its kind of question."""
        asking = _Asking(item, tuple(pictures[-1:]), judge, seed)
        if item.group in BINDING:
            return asking.bound()
        if item.group == "spatial":
            return [Scored(WHOLE, asking.place())]
        if item.group == "3d_spatial":
            return [Scored(WHOLE, asking.layer())]
        if item.group == "numeracy":
            return [Scored(WHOLE, asking.number())]
        if item.group == "non_spatial":
            return [Scored(WHOLE, asking.similar())]
        rows, parts = asking.bound(), item.meta["parts"]
        found = [rows[-1].score]
        found += [asking.place()] if "spatial" in parts else []
        found += [asking.similar()] if "action" in parts else []
        return [*rows[:-1], Scored(WHOLE, float(np.mean(found)))]

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """The mean of each category that has a verdict."""
        found = {}
        for category in CATEGORIES:
            part = [r.score for r in rows if r.question == WHOLE and r.group == category and not math.isnan(r.score)]
            found[category] = float(np.mean(part)) if part else math.nan
        return found

    def file(self, item: Item, seed: int) -> str:
        """'<prompt>_<6 digits>.png' in the category's folder, as the official scripts want it."""
        number = int(item.id.rsplit("-", 1)[1])
        words = item.prompt.replace("/", " ").encode()[:LONGEST].decode(errors="ignore")
        return f"{item.group}/samples/{words}_{number * 10 + seed:06}.png"


class _Asking:
    """Questions about one picture."""

    def __init__(self, item: Item, shown: tuple[Image.Image, ...], judge: Judge, seed: int) -> None:
        self.item, self.shown, self.judge, self.seed = item, shown, judge, seed

    def _one(self, key: str, kind: Kind, words: str) -> Any:
        if kind not in self.judge.kinds:
            return math.nan
        return self.judge([Asked(self.item.id, key, kind, words, self.shown, seed=self.seed)])[0].value

    def bound(self) -> list[Scored]:
        """P(yes) of each chunk, and their product."""
        found = [(chunk, float(self._one(chunk, "yes", f"{chunk}?"))) for chunk in chunks(self.item.prompt)]
        return [*(Scored(c, p) for c, p in found), Scored(WHOLE, math.prod(p for _, p in found) if found else math.nan)]

    def place(self) -> float:
        """How the two things lie."""
        told = pair(self.item.prompt)
        if told is None:
            return 0.0 if "boxes" in self.judge.kinds else math.nan
        boxes = self._one("boxes", "boxes", f"{told[0]}|{told[2]}")
        return lying(boxes, *told) if isinstance(boxes, list) else math.nan

    def layer(self) -> float:
        """Which lies before the other: a quarter of each thing's confidence, and half of how they lie. No least sum."""
        told = pair(self.item.prompt, _LAYER)
        boxes = self._one("boxes", "boxes", f"{told[0]}|{told[2]}") if told else math.nan
        if told is None or not isinstance(boxes, list) or "depth" not in self.judge.kinds:
            return math.nan
        best = surest(boxes)
        there = [best[name] for name in (told[0], told[2]) if name in best]
        whole = sum(0.25 * float(box.get("score", 1.0)) for box in there)
        if len(there) < 2 or there[0] is there[1]:
            return whole if len(there) < 2 else 0.25 * float(there[0].get("score", 1.0))
        corners = "|".join(",".join(f"{side:.1f}" for side in box["box"]) for box in there)
        near = self._one("depth", "depth", corners)
        if len(near) != 2 or any(map(math.isnan, near)):
            return math.nan
        return whole + 0.5 * layered(told[1], there[0]["box"], there[1]["box"], near[0] - near[1])

    def number(self) -> float:
        """How many of each."""
        wanted = counts(self.item.prompt)
        boxes = self._one("boxes", "boxes", "|".join(wanted))
        return numbered(boxes, wanted) if isinstance(boxes, list) else math.nan

    def similar(self) -> float:
        """The cosine."""
        return float(self._one("clip", "similarity", self.item.prompt))


BENCHMARK = CompBench()

if __name__ == "__main__":
    sys.exit(main(BENCHMARK, about=__doc__))
