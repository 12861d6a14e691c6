"""FLUX.1: flow-matching transformer, CLIP and T5. Sides are rounded down to twice the VAE's factor (`Card.multiple`).

`guidance` is the distilled guidance (an input of the network); `true_guidance` above 1 with a `negative_prompt` is
classifier-free guidance, at twice the time.
"""

from typing import Any

from experts.local._family import Family
from experts.published import draws

FAMILY = Family(
    pipelines=("FluxPipeline",),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "true_guidance": "true_cfg_scale",
        "negative_prompt": "negative_prompt",
        "max_sequence_length": "max_sequence_length",
    },
    samplers=True,
)

_COMMON = {
    "mode": "text-to-image",
    "verbs": ["generate", "write"],
    "min_side": 256,
    "max_side": 1536,
    "multiple": 16,
    "max_batch": 2,
    "vram_gib": 34.0,
}

MODELS: dict[str, dict[str, Any]] = {
    "flux-dev": {
        "family": "flux",
        "weights": "black-forest-labs/FLUX.1-dev",
        "revision": "3de623fc3c33e44ffbe2bad470d0f45bccf2eb21",
        "card": {
            **_COMMON,
            "description": "Photographs, people and hands, scenes that follow long prompts, text in pictures.",
            "skills": draws("FLUX.1 [dev]"),
            "seconds": 5.2,
            "licence": "LicenseRef-FLUX-1-dev-Non-Commercial",
            "source": "https://huggingface.co/black-forest-labs/FLUX.1-dev (seconds: estimated)",
            "params": {"steps": 28, "guidance": 3.5, "sampler": "flow", "max_sequence_length": 512},
        },
        "profiles": {"draft": {"params": {"steps": 12}, "seconds": 2.3}},
    },
    "flux-schnell": {
        "family": "flux",
        "weights": "black-forest-labs/FLUX.1-schnell",
        "revision": "741f7c3ce8b383c54771c7003378a50191e9efe9",
        "card": {
            **_COMMON,
            "description": "FLUX in 4 steps: photographs and short text, soon; less detail than the full model.",
            "skills": draws("FLUX.1 [schnell]"),
            "seconds": 0.8,
            "licence": "Apache-2.0",
            "source": "https://huggingface.co/black-forest-labs/FLUX.1-schnell (seconds: estimated)",
            "params": {"steps": 4, "guidance": 0.0, "sampler": "flow", "max_sequence_length": 256},
        },
        "profiles": {"draft": {"params": {"steps": 2}, "seconds": 0.4}},
    },
}

MODELS["flux-dev-hyper"] = {
    "family": "flux",
    "weights": MODELS["flux-dev"]["weights"],
    "revision": MODELS["flux-dev"]["revision"],
    "components": {"few_steps": "ByteDance/Hyper-SD/Hyper-FLUX.1-dev-8steps-lora.safetensors"},
    "load": {"adapters": {"few_steps": 0.125}},  # the scale that its page gives
    "card": {
        **_COMMON,
        "description": "FLUX.1 dev in 8 steps: photographs, long prompts, text in pictures, three times as soon.",
        "vram_gib": 35.5,
        "seconds": 1.5,
        "licence": "LicenseRef-FLUX-1-dev-Non-Commercial",
        "source": "https://huggingface.co/ByteDance/Hyper-SD: 8 evaluations of the network where the model takes 28, "
        "method and comparison in arXiv:2404.13686 (seconds: estimated)",
        "params": {"steps": 8, "guidance": 3.5, "sampler": "flow", "max_sequence_length": 512},
    },
    "profiles": {"draft": {"params": {"steps": 4}, "seconds": 0.8}},
}
"""The adapter lies beside the model's own weights, which both share in RAM and on the device."""
