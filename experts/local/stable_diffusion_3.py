"""Stable Diffusion 3 and 3.5: multimodal diffusion transformer, flow matching, two CLIPs and T5 (arXiv:2403.03206).

The prompt reaches both CLIPs (77 tokens) and T5 (`max_sequence_length`); a note says where T5 cuts it.
"""

from typing import Any

from experts.local._family import Family
from experts.published import draws

FAMILY = Family(
    pipelines=("StableDiffusion3Pipeline",),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "negative_prompt": "negative_prompt",
        "max_sequence_length": "max_sequence_length",
    },
    samplers=True,
)

_COMMON = {
    "mode": "text-to-image",
    "verbs": ["generate", "write"],
    "min_side": 512,
    "max_side": 1536,
    "multiple": 16,
    "max_batch": 2,
    "vram_gib": 28.0,
    "licence": "LicenseRef-Stability-AI-Community",
}

MODELS: dict[str, dict[str, Any]] = {
    "sd-3.5-large": {
        "family": "stable_diffusion_3",
        "weights": "stabilityai/stable-diffusion-3.5-large",
        "revision": "ceddf0a7fdf2064ea28e2213e3b84e4afa170a0f",
        "card": {
            **_COMMON,
            "description": "Varied styles and long prompts at 1024 px; short text in pictures.",
            "skills": draws("SD 3.5 Large"),
            "seconds": 4.4,
            "source": "https://huggingface.co/stabilityai/stable-diffusion-3.5-large (seconds: estimated)",
            "params": {
                "steps": 28,
                "guidance": 3.5,
                "sampler": "flow",
                "negative_prompt": "",
                "max_sequence_length": 256,
            },
        },
        "profiles": {"draft": {"params": {"steps": 12}, "seconds": 1.9}},
    },
    "sd-3.5-large-turbo": {
        "family": "stable_diffusion_3",
        "weights": "stabilityai/stable-diffusion-3.5-large-turbo",
        "revision": "ec07796fc06b096cc56de9762974a28f4c632eda",
        "card": {
            **_COMMON,
            "description": "Stable Diffusion 3.5 Large in 4 steps: the same strengths, less variety, much sooner.",
            "skills": draws("SD 3.5 Large Turbo"),
            "seconds": 0.4,
            "source": "https://huggingface.co/stabilityai/stable-diffusion-3.5-large-turbo (seconds: estimated)",
            "params": {"steps": 4, "guidance": 0.0, "sampler": "flow", "max_sequence_length": 256},
        },
        "profiles": {"draft": {"params": {"steps": 3}, "seconds": 0.3}},
    },
}
