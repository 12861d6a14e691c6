"""LongCat-Image-Edit: LongCat-Image with the picture's tokens beside the noise; its text encoder sees the picture too.

The pipeline scales every picture to about one megapixel; the result is scaled back to the size that was asked for.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from experts.entries import Source
from experts.local import longcat_image
from experts.local._family import Ask
from experts.memory import Residency
from experts.published import edits


def _open(source: Source, residency: Residency) -> Any:
    pipe = longcat_image.open_sighted(source, residency)
    kind = type(pipe)

    @functools.wraps(kind.__call__)
    def scaled(self: Any, **arguments: Any) -> Any:
        import torch

        out, (width, height) = kind.__call__(self, **arguments), arguments["image"].size
        if out.images.shape[1:3] != (height, width):
            pixels = torch.as_tensor(out.images).permute(0, 3, 1, 2)
            sized = torch.nn.functional.interpolate(pixels, (height, width), mode="bicubic", antialias=True)
            out.images = sized.permute(0, 2, 3, 1).clamp(0, 1).numpy()
        return out

    pipe.__class__ = type(kind.__name__, (kind,), {"__call__": scaled})
    return pipe


def _picture(ask: Ask) -> Mapping[str, Any]:
    """One picture, not a list."""
    return {"image": ask.images[0]}


FAMILY = dataclasses.replace(
    longcat_image.FAMILY, pipelines=longcat_image.PIPELINES[1:], fixed={}, batch=False, more=_picture, open=_open
)

_DRAWS = longcat_image.MODELS["longcat-image"]

MODELS: dict[str, dict[str, Any]] = {
    "longcat-image-edit": {
        **_DRAWS,
        "family": "longcat_image_edit",
        "weights": "meituan-longcat/LongCat-Image-Edit",
        "revision": "7b54ef423aa7854be7861600024be5c56ab7875a",
        "card": {
            **_DRAWS["card"],
            "mode": "image-to-image",
            "verbs": ["add", "remove", "replace", "recolour", "background", "restyle", "write"],
            "description": "Edits objects, backgrounds, styles and text at about one megapixel, keeping the rest.",
            "skills": edits("LongCat-Image-Edit"),
            "max_batch": 1,
            "seconds": 22.0,
            "source": "https://huggingface.co/meituan-longcat/LongCat-Image-Edit (seconds: estimated)",
        },
        "profiles": {"draft": {"params": {"steps": 16}, "seconds": 7.0}},
    }
}
