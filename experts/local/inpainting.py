"""Inpainting with Stable Diffusion 1.5 and SDXL: the white of the mask is painted from words, the rest stays as it is.

Outside the mask every pixel is the input's own: what the VAE makes of it is not taken. Without a mask (or with a white
one) the whole picture is repainted, at the lower strength `whole`, so that something of it remains.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from experts.entries import Source
from experts.local._family import Ask, Family
from experts.memory import Residency


def _open(source: Source, residency: Residency) -> Any:
    import numpy as np

    from experts.local._weights import read

    pipe = read(source, FAMILY.pipelines, residency)
    kind = type(pipe)

    @functools.wraps(kind.__call__)
    def kept(self: Any, **arguments: Any) -> Any:
        out = kind.__call__(self, **arguments)
        for number, (image, mask) in enumerate(zip(arguments["image"], arguments["mask_image"], strict=True)):
            share = np.asarray(mask, np.float32)[..., None] / 255
            out.images[number] = share * out.images[number] + (1 - share) * np.asarray(image, np.float32) / 255
        return out

    pipe.__class__ = type(kind.__name__, (kind,), {"__call__": kept})
    return pipe


def _strength(ask: Ask) -> Mapping[str, Any]:
    whole = all(mask.getextrema() == (255, 255) for mask in ask.masks)
    return {"strength": ask.params["whole"]} if whole and "whole" in ask.params else {}


FAMILY = Family(
    pipelines=("StableDiffusionXLInpaintPipeline", "StableDiffusionInpaintPipeline"),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "negative_prompt": "negative_prompt",
        "strength": "strength",
    },
    samplers=True,
    mask="mask_image",
    batch=False,  # requests of a call share their strength, and that depends on the mask
    own=("whole",),
    more=_strength,
    open=_open,
)

_WORDS = "Repaints what the mask shows from a description of it; without a mask it redraws the whole, loosely."


def _entry(weights: str, revision: str, card: dict[str, Any]) -> dict[str, Any]:
    common = {"steps": 30, "strength": 0.99, "whole": 0.6, "sampler": "dpm++", "negative_prompt": ""}
    return {
        "family": "inpainting",
        "weights": weights,
        "revision": revision,
        "profiles": {"draft": {"params": {"steps": 12}, "seconds": 0.4}},
        "card": {
            "mode": "image-to-image",
            "verbs": ["replace", "remove", "add", "background"],
            "inputs": ["mask"],
            "description": _WORDS,
            "source": f"https://huggingface.co/{weights} (seconds: estimated)",
            "min_side": 256,
            "seconds": 1.0,
            **card,
            "params": {**common, "guidance": 7.5},
        },
    }


MODELS: dict[str, dict[str, Any]] = {
    "sd-1.5-inpainting": _entry(
        "stable-diffusion-v1-5/stable-diffusion-inpainting",
        "8a4288a76071f7280aedbdb3253bdb9e9d5d84bb",
        {"max_side": 768, "vram_gib": 3.6, "licence": "CreativeML-OpenRAIL-M"},
    ),
    "sdxl-inpainting": _entry(
        "diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
        "115134f363124c53c7d878647567d04daf26e41e",
        {"max_side": 1536, "vram_gib": 8.5, "licence": "CreativeML-OpenRAIL++-M"},
    ),
}
"""Memory in bfloat16: SD 1.5 with its safety checker 2.8 GB, SDXL 7.0; the rest is for one request."""
