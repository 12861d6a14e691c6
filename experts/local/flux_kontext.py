"""FLUX.1 Kontext: the FLUX transformer with the input picture's tokens beside the noise (arXiv:2506.15742).

Left alone, the pipeline scales every picture to about one megapixel; here it keeps the size that was asked for.
`auto_resize: true` lets it choose among the resolutions that the full-size model was trained on for what it *sees*.
"""

from collections.abc import Mapping
from typing import Any

from experts.local._family import Ask, Family
from experts.published import edits


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
    samplers=True,
    more=_area,
)

MODELS: dict[str, dict[str, Any]] = {
    "flux-kontext": {
        "family": "flux_kontext",
        "weights": "black-forest-labs/FLUX.1-Kontext-dev",
        "revision": "af58063aa431f4d2bbc11ae46f57451d4416a170",
        "card": {
            "mode": "image-to-image",
            "verbs": ["add", "remove", "replace", "recolour", "background", "restyle", "write"],
            "description": "Edits one thing and keeps the rest: objects, colours, places, text, style; keeps persons.",
            "skills": edits("FLUX.1 Kontext [dev]"),
            "min_side": 256,
            "max_side": 1536,
            "multiple": 16,
            "max_batch": 2,
            "vram_gib": 35.0,
            "seconds": 11.6,
            "licence": "LicenseRef-FLUX-1-dev-Non-Commercial",
            "source": "https://huggingface.co/black-forest-labs/FLUX.1-Kontext-dev (seconds: estimated)",
            "params": {"steps": 28, "guidance": 2.5, "sampler": "flow", "max_sequence_length": 512},
        },
        "profiles": {"draft": {"params": {"steps": 12}, "seconds": 5.0}},
    }
}
