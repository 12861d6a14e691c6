"""Z-Image: single-stream diffusion transformer, flow matching, Qwen3-4B for the words.

Turbo is distilled to 8 evaluations of the network (`steps` 9: the last one is of length 0) and takes no guidance.
"""

from __future__ import annotations

from typing import Any

from experts.local._family import Family
from experts.published import draws


def _wrap(pipe: Any, prompt: str) -> str:
    talk = [{"role": "user", "content": prompt}]
    options = {"add_generation_prompt": True, "enable_thinking": True}
    return str(pipe.tokenizer.apply_chat_template(talk, tokenize=False, **options))


FAMILY = Family(
    pipelines=("ZImagePipeline",),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "negative_prompt": "negative_prompt",
        "max_sequence_length": "max_sequence_length",
    },
    samplers=True,
    side=1024,
    wrap=_wrap,
)

MODELS: dict[str, dict[str, Any]] = {
    "z-image-turbo": {
        "family": "z_image",
        "weights": "Tongyi-MAI/Z-Image-Turbo",
        "revision": "f332072aa78be7aecdf3ee76d5c247082da564a6",
        "card": {
            "mode": "text-to-image",
            "verbs": ["generate", "write"],
            "description": "Photographs and text in pictures (English and Chinese) in few steps.",
            "skills": draws("Z-Image-Turbo"),
            "min_side": 512,
            "max_side": 1536,
            "multiple": 16,
            "max_batch": 2,
            "vram_gib": 21.0,
            "seconds": 1.3,
            "licence": "Apache-2.0",
            "source": "https://huggingface.co/Tongyi-MAI/Z-Image-Turbo (seconds: estimated)",
            "params": {"steps": 9, "guidance": 0.0, "sampler": "flow", "max_sequence_length": 512},
        },
        "profiles": {"draft": {"params": {"steps": 5}, "seconds": 0.7}},
    }
}
