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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from benchmarks._harness import parquet
from benchmarks._harness.data import BadData, field, find, read_json, records, safe, unique
from benchmarks._harness.run import main
from benchmarks._harness.types import WHOLE, About, Asked, Item, Judge, Kind, Row, Scored
from experts.images import ImageError, open_image

SETTINGS = ("single", "final")
CAPTIONS = ("local_captions.json", "local_descriptions.json", "global_descriptions.json")
MEASURES = ("L1", "L2", "CLIP-I", "DINO", "CLIP-T")


def distances(made: Image.Image, true: Image.Image) -> tuple[float, float]:
    """L1 and L2 of two pictures, the first resized to the second; of values in [0, 1]."""
    a, b = (np.asarray(p.convert("RGB"), np.float64) / 255 for p in (made.resize(true.size), true))
    return float(np.abs(a - b).mean()), float(((a - b) ** 2).mean())


class Turn(NamedTuple):
    """An instruction, the picture before it, the one that a person made of it, and the caption of that one."""

    words: str
    given: Path
    true: Path
    caption: str = ""


def _captions(data: Path) -> Mapping[str, Any]:
    """Captions of the true pictures by session and file; the dev set of the Hub has none."""
    try:
        found = read_json(find(data, *CAPTIONS))
    except BadData:
        return {}
    return found if isinstance(found, dict) else {}


def _release(path: Path, captions: Mapping[str, Any]) -> Iterator[tuple[str, list[Turn]]]:
    """Sessions of edit_sessions.json."""
    for where, key, turns in records(path):
        if not isinstance(turns, list) or not turns:
            raise BadData(f"{where}: has to be a list of turns")
        folder, mine, found = path.parent / "images" / safe(key, where), captions.get(key), []
        for turn in turns:
            given, true = (safe(field(turn, name, str, where), where) for name in ("input", "output"))
            caption = mine.get(true, "") if isinstance(mine, dict) else ""
            found.append(Turn(field(turn, "instruction", str, where), folder / given, folder / true, str(caption)))
        yield key, found


def _hub(data: Path) -> dict[str, list[Turn]]:
    """Sessions of the Hub's files, whose rows are turns: of the dev set where it is there."""
    files = sorted(data.rglob("dev*.parquet")) or sorted(data.rglob("*.parquet"))
    found: dict[str, dict[int, Turn]] = {}
    for where, row in parquet.rows(files):
        key, turn = str(field(row, "img_id", (str, int), where)), field(row, "turn_index", int, where)
        pictures = (field(row, name, Path, where) for name in ("source_img", "target_img"))
        if turn in found.setdefault(key, {}):
            raise BadData(f"{where}: turn {turn} of {key!r} stands there twice")
        found[key][turn] = Turn(field(row, "instruction", str, where), *pictures)
    return {key: [turns[n] for n in sorted(turns)] for key, turns in found.items()}


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
        path, single, final = find(data, "edit_sessions.json", "*.parquet"), list[Item](), list[Item]()
        hub = path.suffix == ".parquet"
        for key, turns in _hub(data).items() if hub else _release(path, _captions(data)):
            for n, turn in enumerate(turns, 1):
                meta = {"true": turn.true, "caption": turn.caption}
                single.append(Item(f"{key}-{n}", turn.words, "single", key, (turn.given,), (turn.words,), meta))
            words = tuple(turn.words for turn in turns)
            meta = {"true": turns[-1].true, "caption": turns[-1].caption}
            final.append(Item(f"{key}-final", "\n".join(words), "final", key, (turns[0].given,), words, meta))
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
        captioned = pair[:1] if item.meta["caption"] else ()
        asked = [
            Asked(item.id, "CLIP-I", "similarity", "", pair, seed=seed),
            Asked(item.id, "DINO", "appearance", "", pair, seed=seed),
            Asked(item.id, "CLIP-T", "similarity", item.meta["caption"], captioned, seed=seed),
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
        """As the release's evaluation lays them: ID_1, ID_inde_2, ID_iter_3; one turn's session is that turn."""
        turn = len(item.turns) if item.group == "final" else int(item.id.rsplit("-", 1)[1])
        between = "" if turn == 1 else "iter_" if item.group == "final" else "inde_"
        return f"{item.source}/{item.source}_{between}{turn}.png"


BENCHMARK = MagicBrush()

if __name__ == "__main__":
    sys.exit(main(BENCHMARK, about=__doc__))
