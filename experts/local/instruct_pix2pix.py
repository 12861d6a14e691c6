"""InstructPix2Pix and its kin (MagicBrush): U-Net guided by the picture and by the words (arXiv:2211.09800).

The result has the size of the input picture. MagicBrush's repository holds pickles and, in a branch of Hugging Face's
converter, the same weights as safetensors: that branch is what its entry asks for.
"""

from __future__ import annotations

from typing import Any

from experts.entries import Source
from experts.local._family import Family
from experts.memory import Residency
from experts.published import edits

_KIND = "StableDiffusionInstructPix2PixPipeline"


def _open(source: Source, residency: Residency) -> Any:
    """MagicBrush was saved as a StableDiffusionPipeline, whose parts are the same."""
    from experts.local._joined import rebuilt
    from experts.local._weights import read

    pipe = read(source, (_KIND, "StableDiffusionPipeline"), residency)
    channels = pipe.unet.config.in_channels
    if channels != 2 * pipe.vae.config.latent_channels:
        raise ValueError(f"{source.weights} takes {channels} channels, no picture: use family stable_diffusion")
    return pipe if type(pipe).__name__ == _KIND else rebuilt(pipe, _KIND)


FAMILY = Family(
    pipelines=(_KIND,),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "image_guidance": "image_guidance_scale",
        "negative_prompt": "negative_prompt",
    },
    samplers=True,
    open=_open,
)

_COMMON = {
    "mode": "image-to-image",
    "min_side": 256,
    "max_side": 768,
    "max_batch": 4,
    "vram_gib": 3.8,
    "seconds": 1.5,
    "licence": "CreativeML-OpenRAIL-M",
}
_PARAMS = {"steps": 50, "guidance": 7.5, "image_guidance": 1.5, "sampler": "euler", "negative_prompt": ""}
_DRAFT = {"draft": {"params": {"steps": 15}, "seconds": 0.5}}

MODELS: dict[str, dict[str, Any]] = {
    "instruct-pix2pix": {
        "family": "instruct_pix2pix",
        "weights": "timbrooks/instruct-pix2pix",
        "revision": "31519b5cb02a7fd89b906d88731cd4d6a7bbf88d",
        "card": {
            **_COMMON,
            "verbs": ["restyle", "relight", "background", "replace"],
            "description": "Small and fast editor at 512 px: styles, seasons, materials; weak at adding and moving.",
            "skills": edits("InstructPix2Pix"),
            "source": "https://huggingface.co/timbrooks/instruct-pix2pix (seconds: estimated)",
            "params": _PARAMS,
        },
        "profiles": _DRAFT,
    },
    "magicbrush": {
        "family": "instruct_pix2pix",
        "weights": "vinesmsuic/magicbrush-jul7",
        "revision": "refs/pr/2",  # the branch's commit is not known here
        "card": {
            **_COMMON,
            "verbs": ["replace", "add", "recolour", "background"],
            "description": "InstructPix2Pix tuned on hand-made edits: local changes of single objects at 512 px.",
            "skills": edits("MagicBrush"),
            "source": "https://huggingface.co/vinesmsuic/magicbrush-jul7 (seconds: estimated)",
            "params": _PARAMS,
        },
        "profiles": _DRAFT,
    },
}
