"""Extractors: prompts become plans, and plans the next plans after every step. One file each."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from poser.answers import keeping
from poser.types import Extractor, PoserError

EXTRACTORS = {"llm": "poser.extract.llm", "rules": "poser.extract.rules"}
"""Name -> module with `load(settings, attempts, threshold)` and, where it has settings, their `KEYS`."""


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
    if name not in EXTRACTORS:
        raise PoserError(f"no such extractor {name!r}; type one of {', '.join(sorted(EXTRACTORS))}")
    module = import_module(EXTRACTORS[name])
    extractor: Extractor = module.load(keeping(module, settings, folder), attempts, threshold)
    return extractor
