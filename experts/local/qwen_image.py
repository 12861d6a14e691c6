"""Qwen-Image: multimodal diffusion transformer, flow matching, Qwen2.5-VL for the words (arXiv:2508.02324).

`guidance` is classifier-free guidance; it works only beside a `negative_prompt` (a blank will do).
"""

from typing import Any

from experts.local._family import Family
from experts.published import draws

FAMILY = Family(
    pipelines=("QwenImagePipeline",),
    names={
        "steps": "num_inference_steps",
        "guidance": "true_cfg_scale",
        "negative_prompt": "negative_prompt",
        "max_sequence_length": "max_sequence_length",
    },
    samplers=True,
)

MODELS: dict[str, dict[str, Any]] = {
    "qwen-image": {
        "family": "qwen_image",
        "weights": "Qwen/Qwen-Image",
        "revision": "75e0b4be04f60ec59a75f475837eced720f823b6",
        "card": {
            "mode": "text-to-image",
            "verbs": ["generate", "write"],
            "description": "Text in pictures, also whole paragraphs and Chinese; scenes that follow long prompts.",
            "skills": draws("Qwen-Image"),
            "min_side": 512,
            "max_side": 1792,
            "multiple": 16,
            "vram_gib": 57.0,
            "seconds": 18.0,
            "licence": "Apache-2.0",
            "source": "https://huggingface.co/Qwen/Qwen-Image (seconds: estimated)",
            "params": {
                "steps": 50,
                "guidance": 4.0,
                "sampler": "flow",
                "negative_prompt": " ",
                "max_sequence_length": 512,
            },
        },
        "profiles": {"draft": {"params": {"steps": 16}, "seconds": 6.0}},
    }
}
MODELS["qwen-image-2512"] = {
    **MODELS["qwen-image"],
    "weights": "Qwen/Qwen-Image-2512",
    "revision": "25468b98e3276ca6700de15c6628e51b7de54a26",
    "card": {
        **MODELS["qwen-image"]["card"],
        "description": "Qwen-Image of December 2025: people and nature as in photographs; text, long prompts.",
        "skills": draws("Qwen-Image-2512"),
        "source": "https://huggingface.co/Qwen/Qwen-Image-2512 (seconds: estimated)",
    },
}
