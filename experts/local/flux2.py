"""FLUX.2: flow-matching transformer with Mistral 3 (dev) or Qwen3 (klein) for the words; draws, and edits up to four
pictures (the first one's size is the result's).

`guidance` is the distilled guidance of dev; klein is distilled to few steps and ignores it. Pictures above one
megapixel are scaled down by the pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experts.entries import Source
from experts.local._family import Ask, Family
from experts.memory import Residency
from experts.published import draws, edits


def _open(source: Source, residency: Residency) -> Any:
    """With a plain tokenizer: transformers' PixtralProcessor needs torchvision, and only words pass through it."""
    from experts.local._joined import without
    from experts.local._sight import words
    from experts.local._weights import read

    pipe = read(without(source, "tokenizer"), FAMILY.pipelines, residency, tokenizer=None)
    pipe.register_modules(tokenizer=words(source))
    return pipe


def _pictures(ask: Ask) -> Mapping[str, Any]:
    """A list of pictures belongs to all prompts of a call, of which there is one."""
    return {"image": [ask.images[0], *(ask.more[0] if ask.more else ())]} if ask.images else {}


def _wrap(pipe: Any, prompt: str) -> str:
    if hasattr(pipe, "system_message"):
        from diffusers.pipelines.flux2.pipeline_flux2 import format_input

        (talk,) = format_input([prompt], system_message=pipe.system_message)
        return str(pipe.tokenizer.apply_chat_template(talk, tokenize=False))
    talk = [{"role": "user", "content": prompt}]
    options = {"add_generation_prompt": True, "enable_thinking": False}
    return str(pipe.tokenizer.apply_chat_template(talk, tokenize=False, **options))


FAMILY = Family(
    pipelines=("Flux2Pipeline", "Flux2KleinPipeline"),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "max_sequence_length": "max_sequence_length",
    },
    samplers=True,
    pictures=4,
    batch=False,
    wrap=_wrap,
    more=_pictures,
    open=_open,
)

_SIZES = {"min_side": 256, "max_side": 1536, "multiple": 16}
_DRAWS = {**_SIZES, "mode": "text-to-image", "verbs": ["generate", "write"]}
_EDITS: dict[str, Any] = {
    **_SIZES,
    "mode": "image-to-image",
    "verbs": ["add", "remove", "replace", "recolour", "background", "restyle", "relight", "write"],
}


def _dev(card: dict[str, Any], description: str, seconds: float) -> dict[str, Any]:
    return {
        "family": "flux2",
        "weights": "black-forest-labs/FLUX.2-dev",
        "revision": "26afe3a78bb242c0a8bb181dcc8937bb16e5c66c",
        "card": {
            **card,
            "description": description,
            "vram_gib": 108.0,
            "seconds": seconds,
            "licence": "LicenseRef-FLUX-2-dev-Non-Commercial",
            "source": "https://huggingface.co/black-forest-labs/FLUX.2-dev (seconds: estimated)",
            "params": {"steps": 28, "guidance": 4.0, "sampler": "flow", "max_sequence_length": 512},
        },
        "profiles": {"draft": {"params": {"steps": 12}, "seconds": round(seconds * 12 / 28, 1)}},
    }


_COMMITS = {
    "4B": "e7b7dc27f91deacad38e78976d1f2b499d76a294",
    "9B": "92196c8e11f7b6cf2b7493e037d8c5345c559216",
}


def _klein(size: str, card: dict[str, Any], description: str, seconds: float) -> dict[str, Any]:
    """`size`: '4B', or '9B', whose licence forbids commercial use."""
    return {
        "family": "flux2",
        "weights": f"black-forest-labs/FLUX.2-klein-{size}",
        "revision": _COMMITS[size],
        "card": {
            **card,
            "description": description,
            "vram_gib": {"4B": 17.0, "9B": 34.0}[size],
            "seconds": seconds,
            "licence": {"4B": "Apache-2.0", "9B": "LicenseRef-FLUX-Non-Commercial"}[size],
            "source": f"https://huggingface.co/black-forest-labs/FLUX.2-klein-{size} (seconds: estimated)",
            "params": {"steps": 4, "guidance": 1.0, "sampler": "flow", "max_sequence_length": 512},
        },
        "profiles": {"draft": {"params": {"steps": 2}, "seconds": seconds / 2}},
    }


MODELS: dict[str, dict[str, Any]] = {
    "flux2-dev": _dev(
        _DRAWS | {"skills": draws("FLUX.2 [dev]")},
        "The largest here. Photographs, exact long prompts, text in pictures.",
        20.0,
    ),
    "flux2-dev-edit": _dev(
        _EDITS | {"skills": edits("FLUX.2 [dev]")},
        "The largest editor here. Any edit, also with up to four pictures at once.",
        41.0,
    ),
    "flux2-klein": _klein(
        "4B",
        _DRAWS | {"skills": draws("FLUX.2 [klein] 4B")},
        "A small FLUX.2 in 4 steps: photographs and short text within a second.",
        0.4,
    ),
    "flux2-klein-edit": _klein(
        "4B",
        _EDITS | {"skills": edits("FLUX.2 [klein] 4B")},
        "A small FLUX.2 editor in 4 steps: any simple edit within a second.",
        0.8,
    ),
    "flux2-klein-9b": _klein(
        "9B",
        _DRAWS | {"skills": draws("FLUX.2 [klein] 9B")},
        "The larger small FLUX.2, 4 steps: photographs, long prompts, short text.",
        0.8,
    ),
    "flux2-klein-9b-edit": _klein(
        "9B",
        _EDITS | {"skills": edits("FLUX.2 [klein] 9B")},
        "The larger small FLUX.2 editor, 4 steps: any simple edit, also with up to four pictures.",
        1.6,
    ),
}
