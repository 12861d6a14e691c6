"""Stable Diffusion XL: a larger U-Net, CLIP-L and OpenCLIP-G (arXiv:2307.01952)."""

from typing import Any

from experts.local._family import Family
from experts.published import draws

FAMILY = Family(
    pipelines=("StableDiffusionXLPipeline",),
    names={"steps": "num_inference_steps", "guidance": "guidance_scale", "negative_prompt": "negative_prompt"},
    samplers=True,
)

MODELS: dict[str, dict[str, Any]] = {
    "sdxl": {
        "family": "sdxl",
        "weights": "stabilityai/stable-diffusion-xl-base-1.0",
        "revision": "462165984030d82259a11f4367a4eed129e94a7b",
        "card": {
            "mode": "text-to-image",
            "verbs": ["generate", "restyle"],
            "description": "Photographs and art styles at 1024 px; reads 77 tokens; weak at counts and text.",
            "skills": draws("SDXL"),
            "min_side": 512,
            "max_side": 1536,
            "max_batch": 4,
            "vram_gib": 8.5,
            "seconds": 1.0,
            "licence": "CreativeML-OpenRAIL++-M",
            "source": "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0 (seconds: estimated)",
            "params": {"steps": 30, "guidance": 5.0, "sampler": "euler", "negative_prompt": ""},
        },
        "profiles": {"draft": {"params": {"steps": 12, "sampler": "dpm++"}, "seconds": 0.4}},
    }
}

_USUAL = MODELS["sdxl"]["card"]
MODELS["sdxl-lightning"] = {
    "family": "sdxl",
    "weights": MODELS["sdxl"]["weights"],
    "revision": MODELS["sdxl"]["revision"],
    "components": {"few_steps": "ByteDance/SDXL-Lightning/sdxl_lightning_4step_lora.safetensors"},
    "load": {"adapters": {"few_steps": 1.0}},
    "card": {
        **{name: _USUAL[name] for name in ("mode", "verbs", "min_side", "max_side", "max_batch", "licence")},
        "description": "SDXL in 4 steps: photographs and art styles at 1024 px, soon; less variety than in 30.",
        "vram_gib": 8.9,
        "seconds": 0.12,
        "source": "https://huggingface.co/ByteDance/SDXL-Lightning: 4 evaluations of the network where SDXL takes 60, "
        "compared with it in arXiv:2402.13929 (seconds: estimated)",
        "params": {"steps": 4, "guidance": 0.0, "sampler": "euler-trailing"},
    },
    "profiles": {"draft": {"params": {"steps": 2}, "seconds": 0.06}},
}
"""The adapter lies beside SDXL's own weights, which both share in RAM and on the device."""
