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
