"""A depth model as a judge: how near what is in a box lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks._harness.types import Answered, Asked, Kind
from poser.types import PoserError


class Depth:
    """Mean nearness of boxes by a monocular depth model (DPT-Hybrid in T2I-CompBench++).

    Settings: model, a depth model of transformers that gives inverse depth (DPT, Depth Anything); 'metric: true' for
    one that gives metres.
    """

    kinds: frozenset[Kind] = frozenset(("depth",))

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.name = str(settings.get("model", "Intel/dpt-hybrid-midas"))
        self.turned = bool(settings.get("metric", False))
        self.id = f"depth:{self.name}"
        self._pipe: Any = None

    def __call__(self, asked: Sequence[Asked]) -> list[Answered]:
        """Same length and order; a float a box, nothing for a question without a picture."""
        return [Answered(self._one(ask) if ask.pictures and ask.text else []) for ask in asked]

    def _one(self, ask: Asked) -> list[float]:
        from transformers import pipeline

        if self._pipe is None:
            try:
                self._pipe = pipeline("depth-estimation", model=self.name)
            except (OSError, ValueError, ImportError) as error:
                raise PoserError(
                    f"judge depth: {self.name!r} cannot be loaded ({' '.join(str(error).split()):.120})"
                ) from None
        found = np.asarray(self._pipe(ask.pictures[0])["predicted_depth"], np.float64)
        return [nearness(found, _sides(box), self.turned) for box in ask.text.split("|")]


def _sides(box: str) -> list[float]:
    return [float(side) for side in box.split(",")]


def nearness(depth: np.ndarray, box: Sequence[float], turned: bool = False) -> float:
    """The mean of a depth map [height, width] in a box (x1, y1, x2, y2), where its least is 0 and its most is 1.

    `turned`: more is farther. NaN for a box that holds no pixel; 0 all over a flat map.
    """
    low, high = float(depth.min()), float(depth.max())
    x1, y1, x2, y2 = (max(0, int(side)) for side in box)
    part = depth[y1:y2, x1:x2]
    if not part.size or high == low:
        return 0.0 if part.size else float("nan")
    share = (float(part.mean()) - low) / (high - low)
    return 1.0 - share if turned else share
