"""Boxes (x1, y1, x2, y2) in px: overlap, and who lies where."""

from __future__ import annotations

import math
from collections.abc import Sequence

Box = Sequence[float]
LAYERED = 0.5
"""Overlap (IoU) from which one thing plainly lies before another."""


def middle(box: Box) -> tuple[float, float]:
    """The centre."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def iou(a: Box, b: Box, edge: float = 0.0) -> float:
    """Intersection over union, [0, 1]. `edge`: 1 where the last pixel belongs to a box (GenEval)."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]) + edge)
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]) + edge)
    both = width * height
    areas = [(box[2] - box[0] + edge) * (box[3] - box[1] + edge) for box in (a, b)]
    union = sum(areas) - both
    return both / union if union > 0 else 0.0


def relations(a: Box, b: Box, threshold: float = 0.1) -> set[str]:
    """How `a` lies to `b`: of 'left of', 'right of', 'above', 'below', those that are clear (GenEval).

    The distance of the centres along an axis, less `threshold` times the two sides along it, has to be more than half
    of the distance of the centres.
    """
    (ax, ay), (bx, by) = middle(a), middle(b)
    gaps = ax - bx, ay - by
    sides = abs(a[2] - a[0]) + abs(b[2] - b[0]), abs(a[3] - a[1]) + abs(b[3] - b[1])
    clear = [math.copysign(max(abs(gap) - threshold * side, 0.0), gap) for gap, side in zip(gaps, sides, strict=True)]
    length = math.hypot(*gaps)
    if max(map(abs, clear)) < 1e-3 or length == 0:
        return set()
    x, y = (part / length for part in clear)
    named = {"left of": x < -0.5, "right of": x > 0.5, "above": y < -0.5, "below": y > 0.5}
    return {name for name, holds in named.items() if holds}


def locality(words: str, a: Box, b: Box, near: float = 150.0, overlap: float = 0.1) -> float:
    """How well `a` lies to `b` as `words` say, [0, 1] (T2I-CompBench, 2D spatial).

    'next to', 'near', 'on side of': 1 within `near` px along an axis, else `near` over the larger distance. Sides: 1
    where the distance along that axis is the larger one, times `overlap` over the boxes' overlap where that is larger.
    Any other words, 'on top of' without 'the' among them, have no rule in the original and score 0.
    """
    (ax, ay), (bx, by) = middle(a), middle(b)
    dx, dy = bx - ax, by - ay
    if words in ("next to", "near", "on side of"):
        far = max(abs(dx), abs(dy))
        return 1.0 if abs(dx) < near or abs(dy) < near else near / far
    across, along = abs(dx) > abs(dy), abs(dy) > abs(dx)
    holds = {
        "on the left of": dx > 0 and across,
        "on the right of": dx < 0 and across,
        "on the top of": dy > 0 and along,
        "on the bottom of": dy < 0 and along,
    }
    if not holds.get(words, False):
        return 0.0
    shared = iou(a, b)
    return 1.0 if shared < overlap else overlap / shared


def layered(words: str, a: Box, b: Box, nearer: float) -> float:
    """How well `a` lies 'in front of', 'behind' or 'hidden by' `b`, [0, 1] (T2I-CompBench++, 3D spatial).

    `nearer`: nearness of `a` less that of `b`. 0 where its sign is wrong or the boxes do not meet, else their overlap
    over `LAYERED`, at most 1.
    """
    holds = nearer > 0 if words == "in front of" else nearer < 0
    return min(1.0, iou(a, b) / LAYERED) if holds else 0.0
