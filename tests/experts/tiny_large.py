"""Real pipelines of the larger families with random weights, built offline, saved as published: up to 650 kB each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers as d
import torch

from tests.experts.tiny import TOKENS
from tests.experts.tiny_talking import flux2, klein, longcat, lumina2, qwen_edit, qwen_parts, z_image
from tests.experts.tiny_wide import aura_flow, magicbrush, pixart_sigma, refiner, sd3, sd3_img2img, sdxl


@dataclass(frozen=True)
class Tiny:
    """A pipeline to save and the entry that describes it.

    `wears`: part -> the transformers class that the published index names for it, where it cannot be built here.
    """

    make: Callable[[], Any]
    family: str
    params: dict[str, Any] = field(default_factory=dict)
    edits: bool = False
    wears: dict[str, str] = field(default_factory=dict)
    sampler: str = "flow"
    components: dict[str, str] = field(default_factory=dict)


_WORDS = {"max_sequence_length": TOKENS}
_GUIDED = {"guidance": 3.0, "negative_prompt": "a circle"}

RECIPES = {
    "sdxl": Tiny(sdxl, "sdxl", _GUIDED, sampler="euler"),
    "sdxl_refined": Tiny(
        sdxl,
        "sdxl_refined",
        {**_GUIDED, "steps": 4, "refiner_share": 0.5},
        sampler="euler",
        components={"refiner": "./refiner"},
    ),
    "stable_diffusion_3": Tiny(sd3, "stable_diffusion_3", {**_GUIDED, **_WORDS}),
    "pixart_sigma": Tiny(pixart_sigma, "pixart", {**_GUIDED, **_WORDS}, sampler="ddim"),
    "flux2": Tiny(
        flux2, "flux2", {"guidance": 3.0, "max_sequence_length": 80}, wears={"tokenizer": "PixtralProcessor"}
    ),
    "flux2_edit": Tiny(
        flux2, "flux2", {"max_sequence_length": 80}, edits=True, wears={"tokenizer": "PixtralProcessor"}
    ),
    "flux2_klein": Tiny(klein, "flux2", _WORDS),
    "qwen_image": Tiny(lambda: d.QwenImagePipeline(**qwen_parts()), "qwen_image", {**_GUIDED, **_WORDS}),
    "qwen_image_edit": Tiny(
        lambda: qwen_edit(d.QwenImageEditPipeline),
        "qwen_image_edit",
        _GUIDED,
        edits=True,
        wears={"processor": "Qwen2VLProcessor"},
    ),
    "qwen_image_edit_plus": Tiny(
        lambda: qwen_edit(d.QwenImageEditPlusPipeline),
        "qwen_image_edit_plus",
        _GUIDED,
        edits=True,
        wears={"processor": "Qwen2VLProcessor"},
    ),
    "longcat_image": Tiny(
        lambda: longcat(d.LongCatImagePipeline),
        "longcat_image",
        _GUIDED,
        wears={"text_processor": "Qwen2VLProcessor"},
    ),
    "longcat_image_edit": Tiny(
        lambda: longcat(d.LongCatImageEditPipeline),
        "longcat_image_edit",
        _GUIDED,
        edits=True,
        wears={"text_processor": "Qwen2VLProcessor"},
    ),
    "z_image": Tiny(z_image, "z_image", {**_GUIDED, **_WORDS}),
    "magicbrush": Tiny(magicbrush, "instruct_pix2pix", {**_GUIDED, "image_guidance": 1.5}, edits=True, sampler="ddim"),
    "aura_flow": Tiny(aura_flow, "generic", {**_GUIDED, **_WORDS}),
    "lumina2": Tiny(lumina2, "generic", {**_GUIDED, "max_sequence_length": 64}),
    "sd3_img2img": Tiny(sd3_img2img, "generic", {**_GUIDED, **_WORDS, "steps": 4, "strength": 0.5}, edits=True),
}


def save(pipe: Any, folder: Path, wears: dict[str, str]) -> None:
    """In half precision, with the index as published."""
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.half()
    pipe.save_pretrained(folder)
    for name in {"processor", "text_processor"} & set(wears):
        pipe.sight.image_processor.save_pretrained(folder / name)
        pipe.sight.tokenizer.save_pretrained(folder / name)
    index = json.loads((folder / "model_index.json").read_text("utf-8"))
    index |= {name: ["transformers", kind] for name, kind in wears.items()}
    (folder / "model_index.json").write_text(json.dumps(index), "utf-8")


def build(folder: Path, names: tuple[str, ...] = tuple(RECIPES)) -> dict[str, dict[str, Any]]:
    """Writes the pipelines of those names below `folder`; returns the config entries that describe them."""
    torch.manual_seed(0)
    if "sdxl_refined" in names:
        save(refiner(), folder / "refiner", {})
    entries = {}
    for name in names:
        recipe = RECIPES[name]
        save(recipe.make(), folder / name, recipe.wears)
        card = {
            "mode": "image-to-image" if recipe.edits else "text-to-image",
            "description": f"Random weights, {name}.",
            "min_side": 64,
            "max_side": 96,
            "multiple": 32,
            "max_batch": 3,
            "vram_gib": 1.0,
            "params": {"steps": 2, "sampler": recipe.sampler, **recipe.params},
        }
        entries[f"tiny-{name}"] = {"family": recipe.family, "weights": f"./{name}", "card": card}
        entries[f"tiny-{name}"] |= {"components": recipe.components} if recipe.components else {}
    return entries
