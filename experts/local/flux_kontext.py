"""FLUX.1 Kontext: the FLUX transformer with the input picture's tokens beside the noise (arXiv:2506.15742).

Left alone, the pipeline scales every picture to about one megapixel; here it keeps the size that was asked for.
`auto_resize: true` lets it choose among the resolutions that the full-size model was trained on for what it *sees*.
"""

from collections.abc import Mapping
from typing import Any

from experts.local._family import Ask, Family


def _area(ask: Ask) -> Mapping[str, Any]:
    return {"max_area": ask.size[0] * ask.size[1]}


FAMILY = Family(
    pipelines=("FluxKontextPipeline",),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "true_guidance": "true_cfg_scale",
        "negative_prompt": "negative_prompt",
        "max_sequence_length": "max_sequence_length",
        "auto_resize": "_auto_resize",
    },
    fixed={"_auto_resize": False},
    more=_area,
)
