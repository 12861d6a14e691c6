"""LongCat-Image: a 6B transformer with double and single streams, flow matching, Qwen2.5-VL for the words
(arXiv:2512.07584). Words in quotation marks are read letter by letter, and written so.

The prompt is used as it is: the pipeline's own rewriting by its text encoder is off.
"""

from __future__ import annotations

from typing import Any

from experts.entries import Source
from experts.local._family import Family
from experts.memory import Residency
from experts.published import draws

PIPELINES = ("LongCatImagePipeline", "LongCatImageEditPipeline")


def open_sighted(source: Source, residency: Residency) -> Any:
    """The pipeline with a processor for pictures and words alone."""
    from experts.local._joined import without
    from experts.local._sight import sight
    from experts.local._weights import read

    return read(without(source, "text_processor"), PIPELINES, residency, text_processor=sight(source, "text_processor"))


FAMILY = Family(
    pipelines=PIPELINES[:1],
    names={"steps": "num_inference_steps", "guidance": "guidance_scale", "negative_prompt": "negative_prompt"},
    fixed={"enable_prompt_rewrite": False},
    samplers=True,
    cuts=False,
    open=open_sighted,
)

MODELS: dict[str, dict[str, Any]] = {
    "longcat-image": {
        "family": "longcat_image",
        "weights": "meituan-longcat/LongCat-Image",
        "revision": "f0e4c43c5ef74b011ff71570fbfc2bdffbc9ab06",
        "card": {
            "mode": "text-to-image",
            "verbs": ["generate", "write"],
            "description": "Photographs and text in pictures (English and Chinese); write the text in quotation marks.",
            "skills": draws("LongCat-Image"),
            "min_side": 512,
            "max_side": 1536,
            "multiple": 16,
            "max_batch": 2,
            "vram_gib": 29.0,
            "seconds": 10.0,
            "licence": "Apache-2.0",
            "source": "https://huggingface.co/meituan-longcat/LongCat-Image (seconds: estimated)",
            "params": {"steps": 50, "guidance": 4.5, "sampler": "flow", "negative_prompt": ""},
        },
        "profiles": {"draft": {"params": {"steps": 16}, "seconds": 3.2}},
    }
}
