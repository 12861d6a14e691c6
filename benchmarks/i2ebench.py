"""I2EBench: edits of photographs in sixteen dimensions, and turns two to five (arXiv:2408.14180).

`python -m benchmarks.i2ebench --data DIR --system poser:PRESET --judge chat:MODEL+clip:MODEL --out DIR`. A question
about the edited picture has to get its right answer (six dimensions; GPT-4V in the original), style is the cosine
with a text, low-level dimensions are SSIM with the ground truth, region accuracy is 1 minus the mean change outside
the mask. Released answers: `--system none --judge recorded:EditEval#MODEL` (by their pictures: the numbers
of its edits are not those of the data; of style a hundredth of what stands there, the cosine).
`--data` is EditData with the photographs beside each dimension's JSON (input/, gt/, mask/). Later turns
overwrite the same thing again.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks._harness.data import BadData, field, records, safe, unique
from benchmarks._harness.run import main
from benchmarks._harness.systems import start_of
from benchmarks._harness.types import WHOLE, About, Asked, Item, Judge, Kind, Row, Scored
from experts.images import ImageError, open_image

ASKED = ("BGReplacement", "ColorAlteration", "Counting", "DirectionPerception", "ObjectRemoval", "Replacement")
CLEANED = (
    *("Deblurring", "HazeRemoval", "Lowlight", "NoiseRemoval", "RainRemoval", "ShadowRemoval"),
    *("SnowRemoval", "WatermarkRemoval"),
)
ALL = (*ASKED, *CLEANED, "RegionAccuracy", "StyleAlteration")
TURNS = {"2": "_2nd", "3": "_3nd", "4": "_4nd", "5": "_5nd"}


def ssim(a: Image.Image, b: Image.Image) -> float:
    """Structural similarity of two pictures of one size, [-1, 1] (torchmetrics)."""
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure as measure

    first, second = (torch.from_numpy(np.asarray(p.convert("RGB"), np.float32) / 255) for p in (a, b))
    found = measure(first.permute(2, 0, 1)[None], second.permute(2, 0, 1)[None], data_range=1.0)
    return float(found[0] if isinstance(found, tuple) else found)


def untouched(before: Image.Image, after: Image.Image, mask: Image.Image) -> float:
    """1 less the mean absolute difference outside the mask (white: may change), [0, 1]."""
    left, right = (np.asarray(p.convert("RGB"), np.float32) / 255 for p in (before, after))
    outside = np.asarray(mask.convert("L").resize(before.size)) < 128
    return 1.0 - float(np.abs(left - right)[outside].mean()) if outside.any() else 1.0


class I2EBench:
    """See the module."""

    name = "i2ebench"
    about = About(
        "2,218 edits in 16 dimensions; later turns 963 / 70 / 70 / 70",
        "Apache-2.0",
        "the photographs; a judge that answers yes or no, and CLIP for style",
        "github.com/cocoshe/I2EBench, EditData; photographs from the link in its README",
    )
    kinds: frozenset[Kind] = frozenset(("yes",))

    def tasks(self, data: Path) -> list[Item]:
        """Every dimension's edits and later turns; a turn is a cluster with the first. Raises `BadData`."""
        root = next((p for p in (data / "i2ebench" / "EditData", data / "EditData") if p.is_dir()), data)
        if not any((root / kind / f"{kind}.json").is_file() for kind in ALL):
            raise BadData(f"no {ALL[0]}/{ALL[0]}.json under {str(root)!r}; give --data the folder EditData")
        items = [item for kind in ALL for item in self._kind(root, kind, "", "1")]
        items += [item for kind in ALL for turn, end in TURNS.items() for item in self._kind(root, kind, end, turn)]
        return unique(items, root)

    def _kind(self, root: Path, kind: str, end: str, turn: str) -> list[Item]:
        path = root / kind / f"{kind}{end}.json"
        rows = records(path) if path.is_file() else ()
        return [self._item(path, kind, turn, where, row) for where, _, row in rows]

    def _item(self, path: Path, kind: str, turn: str, where: str, row: Any) -> Item:
        picture, prompt = safe(field(row, "image", str, where), where), field(row, "ori_exp", str, where)
        if "mask" in row:
            safe(field(row, "mask", str, where), where)
        meta = {name: row[name] for name in ("Evaluation", "Answer", "style", "mask") if name in row}
        if kind in ASKED:
            field(row, "Evaluation", str, where), field(row, "Answer", (str, int), where)
        given = path.parent / "input" / picture
        meta |= {"gt": path.parent / "gt" / picture, "kind": kind}
        name = f"{kind}-{Path(picture).stem}" + ("" if turn == "1" else f"-turn{turn}")
        group = kind if turn == "1" else f"turn {turn}"
        return Item(name, prompt, group, f"{kind}-{picture}", (given,), meta=meta)

    def score(self, item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int) -> list[Scored]:
        """The dimension's measure; NaN where a file or the judge's kind of answer is missing."""
        after, kind = pictures[-1] if pictures else None, item.meta["kind"]
        shown = (after,) if after is not None else ()
        if kind in ASKED:
            words = f"{item.meta['Evaluation']} Is the right answer '{item.meta['Answer']}'? Answer yes or no."
            yes = float(judge([Asked(item.id, "answer", "yes", words, shown, seed=seed)])[0].value)
            return [Scored(WHOLE, yes if math.isnan(yes) else float(yes > 0.5))]
        if kind == "StyleAlteration":
            if "similarity" not in judge.kinds:
                return [Scored(WHOLE, math.nan)]
            words = str(item.meta.get("style", item.prompt))
            asked = Asked(item.id, "clip_score", "similarity", words, shown, seed=seed)
            return [Scored(WHOLE, float(judge([asked])[0].value))]
        key = "RegionAccuracy" if kind == "RegionAccuracy" else "SSIM"
        if after is None and {"similarity", "appearance"} <= judge.kinds:
            return [Scored(WHOLE, float(judge([Asked(item.id, key, "similarity", "", seed=seed)])[0].value))]
        return [Scored(WHOLE, self._measured(item, after))]

    def _measured(self, item: Item, after: Image.Image | None) -> float:
        before = start_of(item)
        if after is None or before is None:
            return math.nan
        try:
            if item.meta["kind"] == "RegionAccuracy":
                mask = open_image(item.pictures[0].parents[1] / "mask" / str(item.meta["mask"]))
                return untouched(before, after.resize(before.size), mask)
            truth = open_image(item.meta["gt"])
            return ssim(after.resize(truth.size), truth)
        except (ImageError, KeyError):
            return math.nan

    def totals(self, rows: Sequence[Row]) -> dict[str, float]:
        """The mean of each dimension, and of each later turn; first the mean over the sixteen."""
        found: dict[str, list[float]] = {}
        for row in rows:
            if row.question == WHOLE and not math.isnan(row.score):
                found.setdefault(row.group, []).append(row.score)
        means = {name: float(np.mean(scores)) for name, scores in found.items()}
        first = [means[name] for name in ALL if name in means]
        title = "mean of dimensions" if len(first) == len(ALL) else f"mean of {len(first)} of {len(ALL)} dimensions"
        return {title: float(np.mean(first)) if first else math.nan, **means}

    def file(self, item: Item, seed: int) -> str:
        """A folder a dimension."""
        return f"{item.group.replace(' ', '')}/{item.id}.png"


BENCHMARK = I2EBench()

if __name__ == "__main__":
    sys.exit(main(BENCHMARK, about=__doc__))
