"""ControlNet on Stable Diffusion 1.5 and SDXL: a picture drawn anew from words, in the structure of the one given
(arXiv:2302.05543).

The structure is its edges (Canny: params `low` and `high`), or its depth where the entry has a component
`depth_estimator`. `strength` 1 keeps the structure alone; below, colours and textures remain in part.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from experts.entries import Source
from experts.local import sdxl, stable_diffusion
from experts.local._family import Ask, Family
from experts.memory import Residency

_KINDS = {
    "StableDiffusionPipeline": "StableDiffusionControlNetImg2ImgPipeline",
    "StableDiffusionXLPipeline": "StableDiffusionXLControlNetImg2ImgPipeline",
}
"""The class that weights were saved as -> the class that runs them with a ControlNet."""


def _open(source: Source, residency: Residency) -> Any:
    from diffusers import ControlNetModel

    from experts.local import _joined
    from experts.local._weights import read

    controlnet = _joined.part(source, "controlnet", ControlNetModel, residency)
    base = read(_joined.without(source, "controlnet", "depth_estimator"), tuple(_KINDS), residency)
    pipe = _joined.rebuilt(base, _KINDS[type(base).__name__], controlnet=controlnet)
    if "depth_estimator" not in source.components:
        return pipe
    from transformers import AutoModelForDepthEstimation

    estimator = _joined.part(source, "depth_estimator", AutoModelForDepthEstimation, residency)
    return _joined.extended(
        pipe, depth_estimator=estimator, depth_processor=_joined.processor(source, "depth_estimator")
    )


def _prepare(ask: Ask, pipe: Any) -> Ask:
    """The control pictures stand in `more`."""
    from experts.local._control import canny, depth

    if getattr(pipe, "depth_estimator", None) is not None:
        controls = [depth(image, pipe.depth_estimator, pipe.depth_processor) for image in ask.images]
    else:
        limits = {name: ask.params[name] for name in ("low", "high") if name in ask.params}
        controls = [canny(image, **limits) for image in ask.images]
    return dataclasses.replace(ask, more=[(control,) for control in controls])


def _control(ask: Ask) -> Mapping[str, Any]:
    return {"control_image": [control for (control,) in ask.more]}


FAMILY = Family(
    pipelines=tuple(_KINDS.values()),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "negative_prompt": "negative_prompt",
        "strength": "strength",
        "control": "controlnet_conditioning_scale",
        "control_end": "control_guidance_end",
    },
    samplers=True,
    own=("low", "high"),
    prepare=_prepare,
    more=_control,
    open=_open,
)

_BASES = {"sd-1.5": stable_diffusion.MODELS["sd-1.5"], "sdxl": sdxl.MODELS["sdxl"]}
_DEPTH = "depth-anything/Depth-Anything-V2-Small-hf@5426e4f0f36572d16453bbda7a8389317b1bef99"
"""The small one: 25 M parameters, Apache-2.0; the larger ones may not be used commercially."""


def _entry(base: str, control: str, deep: bool, card: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    keeps = "depth" if deep else "edges"
    words = f"Redraws a picture from a description of the whole, keeping its {keeps}: another style, light or material."
    common = {"steps": 30, "strength": 0.9, "control": 0.8, "sampler": "dpm++", "negative_prompt": ""}
    return {
        "family": "controlnet",
        "weights": _BASES[base]["weights"],
        "revision": _BASES[base]["revision"],
        "components": {"controlnet": control, **({"depth_estimator": _DEPTH} if deep else {})},
        "profiles": {"draft": {"params": {"steps": 12}, "seconds": 0.7}},
        "card": {
            "mode": "image-to-image",
            "verbs": ["restyle", "relight", "background"] if deep else ["restyle", "relight", "recolour"],
            "inputs": ["description"],
            "description": words,
            "licence": _BASES[base]["card"]["licence"],
            "source": f"https://huggingface.co/{control.partition('@')[0]} (seconds: estimated)",
            "min_side": 256,
            "seconds": 1.6,
            **card,
            "params": {**common, **({} if deep else {"low": 100.0, "high": 200.0}), **params},
        },
    }


def _sd(control: str, deep: bool = False) -> dict[str, Any]:
    return _entry("sd-1.5", control, deep, {"max_side": 768, "max_batch": 4, "vram_gib": 4.3}, {"guidance": 7.5})


def _xl(control: str, deep: bool = False) -> dict[str, Any]:
    params = {"guidance": 5.0, "control": 0.5}  # the scale that the pages of these ControlNets use
    return _entry("sdxl", control, deep, {"max_side": 1536, "max_batch": 2, "vram_gib": 11.0}, params)


MODELS: dict[str, dict[str, Any]] = {
    "sd-1.5-canny": _sd("lllyasviel/control_v11p_sd15_canny@115a470d547982438f70198e353a921996e2e819"),
    "sd-1.5-depth": _sd("lllyasviel/control_v11f1p_sd15_depth@539f99181d33db39cf1af2e517cd8056785f0a87", deep=True),
    "sdxl-canny": _xl("diffusers/controlnet-canny-sdxl-1.0@eb115a19a10d14909256db740ed109532ab1483c"),
    "sdxl-depth": _xl("diffusers/controlnet-depth-sdxl-1.0@17bb97973f29801224cd66f192c5ffacf82648b4", deep=True),
}
"""Memory in bfloat16: SD 1.5 with its safety checker 2.8 GB, its ControlNet 0.7; SDXL 7.0, its ControlNet 2.5; the
rest is for one request. Two networks a step."""
