"""The embedded experts: six diffusers pipelines of the families that the paper routes between, trained by this project.

Each folder of `weights/` is what `save_pretrained` wrote, less the parts that stand there once for all of them.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from experts.registry import Entry, from_config
from experts.types import Skill

WEIGHTS = Path(__file__).parent / "weights"
_GET = "type: python -m experts.poster.train --all"
_COMMON: dict[str, Any] = {"min_side": 96, "max_side": 96, "multiple": 96, "licence": "Apache-2.0"}
_COMMON |= {"max_batch": 4, "reproducible": True}  # one shape: docs/results/reliability.md
_UNET = {"vae": "vae", "text_encoder": "clip", "tokenizer": "tokenizer"}
_PIXART = {"vae": "vae", "text_encoder": "t5", "tokenizer": "tokenizer"}
_FLUX = {**_UNET, "text_encoder_2": "t5", "tokenizer_2": "tokenizer"}

ROSTER: dict[str, dict[str, Any]] = {
    "poster-sd": {
        "family": "stable_diffusion",
        "components": _UNET,
        "card": {
            "mode": "text-to-image",
            "verbs": ["generate"],
            "description": "U-Net latent diffusion. Posters of one or two items, any attribute; few crowded scenes.",
            "params": {"steps": 12, "guidance": 2.0, "sampler": "dpm++"},
            "seconds": 0.2,
        },
    },
    "poster-pixart": {
        "family": "pixart",
        "components": _PIXART,
        "card": {
            "mode": "text-to-image",
            "verbs": ["generate"],
            "description": "Diffusion transformer. Crowded posters of three to five items, and counts.",
            "params": {"steps": 12, "guidance": 1.0, "max_sequence_length": 72},
            "seconds": 0.1,
        },
    },
    "poster-flux": {
        "family": "flux",
        "components": _FLUX,
        "card": {
            "mode": "text-to-image",
            "verbs": ["generate"],
            "description": "Flow-matching transformer in 4 steps. Fast; mostly posters of one or two items.",
            "params": {"steps": 4, "max_sequence_length": 40},
            "seconds": 0.1,
        },
    },
    "poster-ip2p": {
        "family": "instruct_pix2pix",
        "components": _UNET,
        "card": {
            "mode": "image-to-image",
            "verbs": ["add", "remove", "move"],
            "description": "Instruction editor, U-Net. Adds, removes and moves items.",
            "params": {"steps": 12, "guidance": 1.0, "image_guidance": 1.0},
            "seconds": 0.2,
        },
    },
    "poster-magicbrush": {
        "family": "instruct_pix2pix",
        "components": _UNET,
        "card": {
            "mode": "image-to-image",
            "verbs": ["recolour", "replace", "resize"],
            "description": "Instruction editor, U-Net. Recolours, replaces and resizes items.",
            "params": {"steps": 12, "guidance": 1.0, "image_guidance": 1.0},
            "seconds": 0.2,
        },
    },
    "poster-kontext": {
        "family": "flux_kontext",
        "components": _FLUX,
        "card": {
            "mode": "image-to-image",
            "verbs": ["background"],
            "description": "Flow-matching editor. Changes backgrounds; has seen two commands at once.",
            "params": {"steps": 6, "max_sequence_length": 28},
            "seconds": 0.15,
        },
    },
}

SKILLS: dict[str, dict[str, float]] = {
    "poster-sd": {"generate:0": 0.977, "generate:1": 0.715, "generate:2": 0.596, "generate:3": 0.512},
    "poster-pixart": {"generate:0": 0.856, "generate:1": 0.665, "generate:2": 0.683, "generate:3": 0.707},
    "poster-flux": {"generate:0": 0.976, "generate:1": 0.575, "generate:2": 0.242, "generate:3": 0.615},
    "poster-ip2p": {
        "add": 0.950,
        "remove": 0.952,
        "replace": 0.631,
        "recolour": 0.616,
        "move": 0.780,
        "resize": 0.965,
        "background": 0.702,
    },
    "poster-magicbrush": {
        "add": 0.743,
        "remove": 0.816,
        "replace": 0.886,
        "recolour": 0.944,
        "move": 0.454,
        "resize": 0.981,
        "background": 0.810,
    },
    "poster-kontext": {
        "add": 0.847,
        "remove": 0.704,
        "replace": 0.450,
        "recolour": 0.196,
        "move": 0.233,
        "resize": 0.855,
        "background": 0.958,
    },
}
"""What `poser probe` measured before the shipped policy was trained (its `skill_scores.json`), to three digits."""


@lru_cache
def _version(name: str) -> str:
    """12 hexadecimal digits over the weights that decide an expert's pictures, shared parts included."""
    folders = [name, *sorted(set(ROSTER[name]["components"].values()))]
    files = [file for folder in folders for file in sorted((WEIGHTS / folder).rglob("*")) if file.is_file()]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12] if files else "untrained"


def entries(profile: str = "full") -> list[Entry]:
    """The six entries; their weights need not be there."""
    described = {
        name: {
            **entry,
            "weights": name,
            "wording": "poster",
            "get": _GET,
            "card": {
                **_COMMON,
                **entry["card"],
                "version": _version(name),
                "source": "experts/poster/train",
                "skills": {kind: Skill(score, "probe") for kind, score in SKILLS[name].items()},
            },
        }
        for name, entry in ROSTER.items()
    }
    return list(from_config(described, WEIGHTS, profile).values())
