"""Models of image services: today's, and those of the paper, which say when they ended and what replaces them.

Listing them imports no client package and needs no key. Prices: OpenAI's model pages, the Gemini API's price list,
replicate.com, as of 2026-11. `usd` is a picture of 1024x1024 px; what is charged follows the reported usage.
"""

from __future__ import annotations

from typing import Any

from experts.published import draws, edits
from experts.registry import Entry, from_config
from experts.types import Skill

_DRAWS: dict[str, Any] = {"mode": "text-to-image", "verbs": ["generate", "write"]}
_EDITS: dict[str, Any] = {
    "mode": "image-to-image",
    "verbs": ["add", "remove", "replace", "recolour", "move", "background", "restyle", "relight", "write"],
}
_GPT_PRICES = {"text_in": 5.0, "image_in": 8.0, "image_out": 30.0}
_GPT_LIMITS = {"per_minute": 20, "concurrency": 4}  # the second usage tier; the first has 5 a minute

_GPT = {
    "gpt-image-2.6-sunburst": ("detailed scenes and precise edits", 0.053, 40.0),
    "gpt-image-2.6-flare": ("everyday pictures, sooner", 0.053, 20.0),
    "gpt-image-2.5-sunburst": ("detailed scenes and precise edits; one version back", 0.053, 40.0),
    "gpt-image-2.5-flare": ("everyday pictures, sooner; one version back", 0.053, 20.0),
}
"""Model -> what it is for, USD at medium quality (gpt-image-2's list price), s."""

_GEMINI = {
    "gemini-nano-banana-2.1": ("fast, with good likeness", 0.0336, 10.0, (1.5, 7.5, 30.0)),
    "gemini-3-pro-image": ("long, exact instructions and text in pictures", 0.134, 25.0, (2.0, 12.0, 120.0)),
}
_GEMINI_SKILLS: dict[str, tuple[dict[str, Skill], dict[str, Skill]]] = {
    "gemini-nano-banana-2.1": ({}, edits("Nano Banana", for_later=True)),
    "gemini-3-pro-image": (draws("Nano Banana Pro"), edits("Nano Banana Pro")),
}
"""Model -> its skills in drawing and in editing."""
"""Model -> what it is for, USD at 1K, s, USD a million tokens (input, text out, image out)."""


def _pair(id: str, draws: dict[str, Any], edits: dict[str, Any], rest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The two entries of a model that draws and edits."""
    return {id: {**rest, "card": draws}, f"{id}-edit": {**rest, "card": edits}}


def _gpt(id: str) -> dict[str, dict[str, Any]]:
    good, usd, seconds = _GPT[id]
    same = {"usd": usd, "seconds": seconds, "max_batch": 4, "version": id, "params": {"quality": "medium"}}
    same["source"] = f"developers.openai.com/api/docs/models/{id}"
    return _pair(
        id,
        {**_DRAWS, **same, "description": f"OpenAI, draws: {good}.", "skills": draws("GPT Image 1", for_later=True)},
        {**_EDITS, **same, "description": f"OpenAI, edits: {good}.", "skills": edits("GPT Image 2", for_later=True)},
        {"family": "openai_images", "model": id, "prices": _GPT_PRICES, "limits": _GPT_LIMITS},
    )


def _gemini(id: str) -> dict[str, dict[str, Any]]:
    good, usd, seconds, (text_in, text_out, image_out) = _GEMINI[id]
    same = {"usd": usd, "seconds": seconds, "max_batch": 4, "version": id, "params": {"resolution": "1K"}}
    same["source"] = f"ai.google.dev/gemini-api/docs/models/{id}"
    prices = {"text_in": text_in, "image_in": text_in, "text_out": text_out, "image_out": image_out}
    return _pair(
        id,
        {**_DRAWS, **same, "description": f"Google, draws: {good}.", "skills": _GEMINI_SKILLS[id][0]},
        {**_EDITS, **same, "description": f"Google, edits: {good}.", "skills": _GEMINI_SKILLS[id][1]},
        {"family": "gemini", "model": id, "prices": prices, "limits": {"per_minute": 60, "concurrency": 4}},
    )


def _retired(model: str, mode: dict[str, Any], usd: float) -> dict[str, Any]:
    card = {**mode, "usd": usd, "seconds": 30.0, "version": model, "source": "arXiv:2511.11780, its registry"}
    return {"family": "openai_images", "model": model, "card": {**card, "description": "OpenAI; of the paper."}}


_SEEDREAM: dict[str, Any] = {
    "usd": 0.03,
    "seconds": 20.0,
    "max_batch": 8,
    "seeded": False,
    "source": "replicate.com/bytedance/seedream-4",
    "params": {"size": "1K"},
}
_FLUX2: dict[str, Any] = {
    "seconds": 10.0,
    "max_batch": 8,
    "source": "replicate.com/black-forest-labs/flux-2-pro",
    "params": {"resolution": "1 MP", "output_format": "png", "safety_tolerance": 2},
}


ROSTER: dict[str, dict[str, Any]] = {
    **{name: entry for model in _GPT for name, entry in _gpt(model).items()},
    **{name: entry for model in _GEMINI for name, entry in _gemini(model).items()},
    "replicate-flux-schnell": {
        "family": "replicate",
        "model": "black-forest-labs/flux-schnell",
        "limits": {"per_minute": 300, "concurrency": 8},
        "card": {
            **_DRAWS,
            "description": "FLUX.1 [schnell] on Replicate, draws in 4 steps: quick and cheap.",
            "skills": draws("FLUX.1 [schnell]"),
            "usd": 0.003,
            "seconds": 2.0,
            "max_batch": 8,
            "source": "replicate.com/black-forest-labs/flux-schnell",
            "params": {"output_format": "png", "go_fast": True},
        },
    },
    "replicate-flux-kontext-pro": {
        "family": "replicate",
        "model": "black-forest-labs/flux-kontext-pro",
        "limits": {"per_minute": 300, "concurrency": 8},
        "card": {
            **_EDITS,
            "description": "FLUX.1 Kontext [pro] on Replicate, edits: one change at a time, the rest kept.",
            "skills": edits("FLUX.1 Kontext [pro]"),
            "usd": 0.04,
            "seconds": 8.0,
            "max_batch": 8,
            "source": "replicate.com/black-forest-labs/flux-kontext-pro",
            "params": {"output_format": "png", "safety_tolerance": 2},
        },
    },
    **_pair(
        "replicate-seedream-4",
        {
            **_SEEDREAM,
            **_DRAWS,
            "description": "Seedream 4 on Replicate, draws: long prompts, text in pictures.",
            "skills": draws("Seedream 4.0"),
        },
        {
            **_SEEDREAM,
            **_EDITS,
            "description": "Seedream 4 on Replicate, edits: any simple edit.",
            "skills": edits("Seedream 4.0"),
        },
        {
            "family": "replicate",
            "model": "bytedance/seedream-4",
            "fields": {"image": "image_input[]", "seed": ""},
            "limits": {"per_minute": 300, "concurrency": 8},
        },
    ),
    **_pair(
        "replicate-flux-2-pro",
        {**_FLUX2, **_DRAWS, "description": "FLUX.2 [pro] on Replicate, draws: exact long prompts.", "usd": 0.03},
        {**_FLUX2, **_EDITS, "description": "FLUX.2 [pro] on Replicate, edits: any edit.", "usd": 0.045},
        {
            "family": "replicate",
            "model": "black-forest-labs/flux-2-pro",
            "fields": {"image": "input_images[]"},
            "limits": {"per_minute": 300, "concurrency": 8},
        },
    ),
    "gpt-image-1": _retired("gpt-image-1", _DRAWS | {"skills": draws("GPT Image 1")}, 0.042),
    "gpt-image-1-edit": _retired("gpt-image-1", _EDITS | {"skills": edits("GPT Image 1")}, 0.042),
    "dall-e-3": _retired("dall-e-3", _DRAWS | {"skills": draws("DALL-E 3")}, 0.04),
}


def entries(profile: str = "full") -> list[Entry]:
    """The entries; their keys need not be set."""
    return list(from_config(ROSTER, profile=profile).values())
