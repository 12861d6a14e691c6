"""Wordings: what an expert is handed. One file each."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from poser.answers import keeping
from poser.types import PoserError, Wording

WORDINGS = {"llm": "poser.wording.llm", "plain": "poser.wording.plain", "poster": "poser.wording.poster"}
"""Name -> module with `load(settings)` and, where it has settings, their `KEYS`."""


def load(name: str, settings: Mapping[str, Any] | None = None, folder: str | Path | None = None) -> Wording:
    """The wording of that name. With a `folder`, one that asks a model keeps the answers there.

    Raises `PoserError`: no such wording, or a setting that it does not know.
    """
    if name not in WORDINGS:
        raise PoserError(f"no such wording {name!r}; type one of {', '.join(sorted(WORDINGS))}")
    module = import_module(WORDINGS[name])
    keys = getattr(module, "KEYS", ())
    unknown = sorted(set(settings or {}) - set(keys))
    if unknown:
        raise PoserError(f"wording {name}: no such key {unknown[0]!r}; keys are {', '.join(keys) or 'none'}")
    wording: Wording = module.load(keeping(module, settings, folder))
    return wording
