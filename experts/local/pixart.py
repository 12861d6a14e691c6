"""PixArt-alpha and PixArt-Sigma: diffusion transformer, T5 (arXiv:2310.00426, arXiv:2403.04692).

The caption reaches T5 as it is and the picture has exactly the wanted size (no binning to preset resolutions).
"""

from typing import Any

from experts.local._family import Family
from experts.published import draws

FAMILY = Family(
    pipelines=("PixArtAlphaPipeline", "PixArtSigmaPipeline"),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "negative_prompt": "negative_prompt",
        "max_sequence_length": "max_sequence_length",
    },
    fixed={"use_resolution_binning": False, "clean_caption": False},
    samplers=True,
)

_COMMON = {
    "mode": "text-to-image",
    "verbs": ["generate"],
    "min_side": 512,
    "max_side": 1536,
    "multiple": 16,
    "max_batch": 8,
    "vram_gib": 12.0,
    "seconds": 0.7,
    "licence": "CreativeML-OpenRAIL++-M",
}
_PARAMS = {"steps": 20, "guidance": 4.5, "sampler": "dpm++", "negative_prompt": ""}

MODELS: dict[str, dict[str, Any]] = {
    "pixart-alpha": {
        "family": "pixart",
        "weights": "PixArt-alpha/PixArt-XL-2-1024-MS",
        "revision": "b89adadeccd9ead2adcb9fa2825d3fabec48d404",
        "card": {
            **_COMMON,
            "description": "Small transformer. Artistic scenes that follow the words, 1024 px; weak at faces and text.",
            "skills": draws("PixArt-alpha"),
            "source": "https://huggingface.co/PixArt-alpha/PixArt-XL-2-1024-MS (seconds: estimated)",
            "params": {**_PARAMS, "max_sequence_length": 120},
        },
        "profiles": {"draft": {"params": {"steps": 10}, "seconds": 0.4}},
    },
    "pixart-sigma": {
        "family": "pixart",
        "weights": "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS",
        "revision": "e102b3591cc82e97071b8b4cb90d834d0c487207",
        "card": {
            **_COMMON,
            "description": "Small transformer. Long, detailed descriptions (300 tokens) at 1024 px; weak at text.",
            "skills": draws("PixArt-Sigma"),
            "source": "https://huggingface.co/PixArt-alpha/PixArt-Sigma-XL-2-1024-MS (seconds: estimated)",
            "params": {**_PARAMS, "max_sequence_length": 300},
        },
        "profiles": {"draft": {"params": {"steps": 10}, "seconds": 0.4}},
    },
}
