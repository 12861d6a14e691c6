"""Extractors: prompts become plans, and plans the next plans after every step. One file each."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from poser.types import Extractor, PoserError

EXTRACTORS = {"rules": "poser.extract.rules"}
"""Name -> module with `load(settings, attempts, threshold)`."""


def load(name: str, settings: Mapping[str, Any] | None = None, attempts: int = 3, threshold: float = 0.5) -> Extractor:
    """The extractor of that name with its settings; `attempts` and `threshold` are the rules of the episode.

    Raises `PoserError`: no such extractor, or a setting that it does not know.
    """
    if name not in EXTRACTORS:
        raise PoserError(f"no such extractor {name!r}; type one of {', '.join(sorted(EXTRACTORS))}")
    extractor: Extractor = import_module(EXTRACTORS[name]).load(dict(settings or {}), attempts, threshold)
    return extractor
