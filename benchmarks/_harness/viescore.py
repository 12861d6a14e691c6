"""VIEScore (arXiv:2312.14867): SC and PQ by a vision-language model, 0 to 10, O = sqrt(SC * PQ) an item.

The rules that the judge is told are the official prompts, read from the data folder (`viescore_prompts`, MIT).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from benchmarks._harness.data import find, text
from benchmarks._harness.types import WHOLE, Asked, Item, Judge, Scored


def rules(data: Path) -> tuple[str, str]:
    """The rules for SC (with '<instruction>' in them) and for PQ."""
    parts = [text(find(data, f"prompts_0shot/{name}", f"**/prompts_0shot/{name}")) for name in FILES]
    return "\n".join(parts[:2]), parts[2]


FILES = ("two_image_edit_rule.txt", "tie_rule_SC.txt", "rule_PQ.txt")


def overall(sc: Sequence[float], pq: Sequence[float]) -> tuple[float, float, float]:
    """SC and PQ, the least of their parts, and O; NaN without ratings."""
    if not sc or not pq:
        return math.nan, math.nan, math.nan
    low, clean = float(min(sc)), float(min(pq))
    return low, clean, math.sqrt(max(0.0, low) * max(0.0, clean))


def scored(
    item: Item, start: Image.Image | None, edited: Sequence[Image.Image], judge: Judge, seed: int
) -> list[Scored]:
    """SC, PQ and O of one edit. `item.meta` holds the 'rules'. An edit of another size is brought to the source's."""
    sc_rules, pq_rules = item.meta["rules"]
    after = edited[-1] if edited else None
    if after is not None and start is not None and after.size != start.size:
        after = after.resize(start.size, Image.Resampling.BICUBIC)
    both = (start, after) if start is not None and after is not None else ()
    asked = [
        Asked(item.id, "SC", "rating", sc_rules.replace("<instruction>", item.prompt), both, "2", seed),
        Asked(item.id, "PQ", "rating", pq_rules, (after,) if after is not None else (), "2", seed),
    ]
    sc, pq, o = overall(*(answer.value for answer in judge(asked)))
    return [Scored("SC", sc), Scored("PQ", pq), Scored(WHOLE, o)]
