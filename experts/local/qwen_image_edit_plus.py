"""Qwen-Image-Edit of September 2025 and later: as Qwen-Image-Edit, with up to three pictures.

The prompt may speak of 'Picture 1', 'Picture 2' and 'Picture 3'; the first one's size is the result's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from experts.local import qwen_image_edit
from experts.local._family import Ask
from experts.published import edits


def _pictures(ask: Ask) -> Mapping[str, Any]:
    return {"image": [ask.images[0], *(ask.more[0] if ask.more else ())]}


FAMILY = dataclasses.replace(
    qwen_image_edit.FAMILY, pipelines=qwen_image_edit.PIPELINES[1:], pictures=3, more=_pictures
)

_OLD = qwen_image_edit.MODELS["qwen-image-edit"]

MODELS: dict[str, dict[str, Any]] = {
    "qwen-image-edit-2511": {
        **_OLD,
        "family": "qwen_image_edit_plus",
        "weights": "Qwen/Qwen-Image-Edit-2511",
        "revision": "6f3ccc0b56e431dc6a0c2b2039706d7d26f22cb9",
        "card": {
            **_OLD["card"],
            "description": "Edits objects, people, styles and text, from one to three pictures; keeps faces well.",
            "skills": edits("Qwen-Image-Edit-2511"),
            "source": "https://huggingface.co/Qwen/Qwen-Image-Edit-2511 (seconds: estimated)",
        },
    }
}
