"""Extractors: prompts become plans, and plans the next plans after every step. One file each: poster, rules, llm.

A file defines `load(settings, attempts, threshold)` and, where it has settings, their `KEYS`. `_following` goes on
by scores for all of them; `text` is how free text is cut and understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poser.parts import keeping, part
from poser.types import Extractor


def load(
    name: str,
    settings: Mapping[str, Any] | None = None,
    attempts: int = 3,
    threshold: float = 0.5,
    folder: str | Path | None = None,
) -> Extractor:
    """The extractor of that name with its settings; `attempts` and `threshold` are the rules of the episode.

    With a `folder`, one that asks a model keeps the answers there, unless its settings name another file.

    Raises `PoserError`: no such extractor, or a setting that it does not know.
    """
    module = part(__name__, "extractor", name)
    extractor: Extractor = module.load(keeping(module, settings, folder), attempts, threshold)
    return extractor
