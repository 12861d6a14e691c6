"""Qwen-Image-Edit: Qwen-Image that sees the picture twice, through Qwen2.5-VL and through the VAE (arXiv:2508.02324).

The pipeline shows the network the picture at one megapixel, whatever its size; the result has the size asked for.
`guidance` works only beside a `negative_prompt` (a blank will do). Prompts are not cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experts.entries import Source
from experts.local._family import Ask, Family
from experts.memory import Residency
from experts.published import edits

PIPELINES = ("QwenImageEditPipeline", "QwenImageEditPlusPipeline")


def open_sighted(source: Source, residency: Residency) -> Any:
    """The pipeline with a processor for pictures and words alone."""
    from experts.local._joined import without
    from experts.local._sight import sight
    from experts.local._weights import read

    pipe = read(without(source, "processor"), PIPELINES, residency, processor=None)
    pipe.register_modules(processor=sight(source))
    return pipe


def _picture(ask: Ask) -> Mapping[str, Any]:
    """A list would not be scaled to what the network was trained on."""
    return {"image": ask.images[0]}


FAMILY = Family(
    pipelines=PIPELINES[:1],
    names={"steps": "num_inference_steps", "guidance": "true_cfg_scale", "negative_prompt": "negative_prompt"},
    samplers=True,
    batch=False,
    cuts=False,
    more=_picture,
    open=open_sighted,
)

MODELS: dict[str, dict[str, Any]] = {
    "qwen-image-edit": {
        "family": "qwen_image_edit",
        "weights": "Qwen/Qwen-Image-Edit",
        "revision": "ac7f9318f633fc4b5778c59367c8128225f1e3de",
        "card": {
            "mode": "image-to-image",
            "verbs": ["add", "remove", "replace", "recolour", "background", "restyle", "write"],
            "description": "Edits objects, styles and the text in a picture, keeping the look of the rest.",
            "skills": edits("Qwen-Image-Edit"),
            "min_side": 256,
            "max_side": 1536,
            "multiple": 16,
            "vram_gib": 58.0,
            "seconds": 34.0,
            "licence": "Apache-2.0",
            "source": "https://huggingface.co/Qwen/Qwen-Image-Edit (seconds: estimated)",
            "params": {"steps": 40, "guidance": 4.0, "sampler": "flow", "negative_prompt": " "},
        },
        "profiles": {"draft": {"params": {"steps": 12}, "seconds": 10.0}},
    }
}
