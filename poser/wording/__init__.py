"""Wordings: what an expert is handed. One file each.

A file defines `load(settings)` and, where it has settings, their `KEYS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poser.parts import keeping, part
from poser.types import PoserError, Wording


def load(name: str, settings: Mapping[str, Any] | None = None, folder: str | Path | None = None) -> Wording:
    """The wording of that name. With a `folder`, one that asks a model keeps the answers there.

    Raises `PoserError`: no such wording, or a setting that it does not know.
    """
    module = part(__name__, "wording", name)
    keys = getattr(module, "KEYS", ())
    unknown = sorted(set(settings or {}) - set(keys))
    if unknown:
        raise PoserError(f"wording {name}: no such key {unknown[0]!r}; keys are {', '.join(keys) or 'none'}")
    wording: Wording = module.load(keeping(module, settings, folder))
    return wording
