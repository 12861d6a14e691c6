"""MagicBrush: edits of photographs with the photograph that a person made of them (arXiv:2306.10012).

`python -m benchmarks.magicbrush --data DIR --system poser:PRESET --judge clip:MODEL+dino:MODEL --out DIR`. Two
settings: every turn by itself on the true picture before it ('single'), and whole sessions, of which the last picture
is compared ('final'). L1 and L2 (mean squared error) in [0, 1] after resizing to the true picture; CLIP-I, CLIP-T and
DINO are cosines. The score of an item is 1 minus L1. `--data`: edit_sessions.json, local_captions.json and
images/ID/, as in the release; never put its test pictures where others find them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._harness.data import BadData, field, find, read_json, unique
from benchmarks._harness.run import main
from benchmarks._harness.types import WHOLE, About, Asked, Item, Judge, Kind, Row, Scored
from experts.images import ImageError, open_image

SETTINGS = ("single", "final")
MEASURES = ("L1", "L2", "CLIP-I", "DINO", "CLIP-T")


def distances(made: Image.Image, true: Image.Image) -> tuple[float, float]:
    """L1 and L2 of two pictures, the first resized to the second; of values in [0, 1]."""
    a, b = (np.asarray(p.convert("RGB"), np.float64) / 255 for p in (made.resize(true.size), true))
    return float(np.abs(a - b).mean()), float(((a - b) ** 2).mean())


class MagicBrush:
    """See the module."""

    name = "magicbrush"
    about = About(
        "dev: 266 sessions, 528 turns; test: 535 sessions, 1,053 turns",
        "CC BY 4.0; the test set must not be passed on",
        "the pictures; CLIP and DINO as judges",
        "osu-nlp-group.github.io/MagicBrush",
        hub="osunlp/MagicBrush",
    )
    kinds: frozenset[Kind] = frozenset(("similarity",))

    def tasks(self, data: Path) -> list[Item]:
        """Every turn by itself, then every session. Raises `BadData`."""
        path = find(data, "edit_sessions.json")
        sessions, captions = read_json(path), read_json(find(data, "local_captions.json"))
        if not isinstance(sessions, dict) or not isinstance(captions, dict):
            raise BadData(f"{path}: has to be an object of sessions by image id")
        single, final = [], []
        for key, turns in sessions.items():
            where = f"{path}, {key!r}"
            if not isinstance(turns, list) or not turns:
                raise BadData(f"{where}: has to be a list of turns")
            folder, mine = path.parent / "images" / key, captions.get(key, {})
            words = [field(turn, "instruction", str, where) for turn in turns]
            files = [(field(turn, "input", str, where), field(turn, "output", str, where)) for turn in turns]
            for n, (text, (given, true)) in enumerate(zip(words, files, strict=True), 1):
                meta = {"true": folder / true, "caption": str(mine.get(true, ""))}
                single.append(Item(f"{key}-{n}", text, "single", key, (folder / given,), (text,), meta))
            meta = {"true": folder / files[-1][1], "caption": str(mine.get(files[-1][1], ""))}
            final.append(
                Item(f"{key}-final", "\n".join(words), "final", key, (folder / files[0][0],), tuple(words), meta)
            )
        return unique([*single, *final], path)

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """The five measures; NaN for a missing true picture, or what the judge cannot answer."""
        made = pictures[-1] if pictures else None
        try:
            true = open_image(item.meta["true"])
        except ImageError:
            true = None
        l1, l2 = distances(made, true) if made is not None and true is not None else (math.nan, math.nan)
        pair = (made.resize(true.size), true) if made is not None and true is not None else ()
        asked = [
            Asked(item.id, "CLIP-I", "similarity", "", pair, seed=seed),
            Asked(item.id, "DINO", "appearance", "", pair, seed=seed),
            Asked(item.id, "CLIP-T", "similarity", item.meta["caption"], pair[:1], seed=seed),
        ]
        known = [ask for ask in asked if ask.kind in judge.kinds]
        said = {ask.key: float(a.value) for ask, a in zip(known, judge(known), strict=True)}
        found = {"L1": l1, "L2": l2} | {ask.key: said.get(ask.key, math.nan) for ask in asked}
        return [*(Scored(name, found[name], f"{name}, {item.group}") for name in MEASURES), Scored(WHOLE, 1 - l1)]

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """Each measure in both settings."""
        found = {}
        for setting in SETTINGS:
            for name in MEASURES:
                part = [r.score for r in rows if r.group == setting and r.question == name and not math.isnan(r.score)]
                found[f"{setting} {name}"] = float(np.mean(part)) if part else math.nan
        return found

    def file(self, item: Item, seed: int) -> str:
        """As the release's evaluation lays them: ID_1, ID_inde_2, ID_iter_3."""
        turn = len(item.turns) if item.group == "final" else int(item.id.rsplit("-", 1)[1])
        between = "" if turn == 1 else "iter_" if item.group == "final" else "inde_"
        name = f"{item.source}/{item.source}_{between}{turn}"
        return f"{name}.png" if item.group == "single" or turn > 1 else f"{name}_final.png"


BENCHMARK = MagicBrush()

if __name__ == "__main__":
    sys.exit(main(BENCHMARK, about=__doc__))
