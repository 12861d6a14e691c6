"""Wordings: what an expert is handed. One file each."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from poser.types import PoserError, Wording

WORDINGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "plain": ("poser.wording.plain", ()),
    "poster": ("poser.wording.poster", ()),
}
"""Name -> module with `load(settings)`, and the settings that it knows."""


def load(name: str, settings: Mapping[str, Any] | None = None) -> Wording:
    """The wording of that name. Raises `PoserError`: no such wording, or a setting that it does not know."""
    if name not in WORDINGS:
        raise PoserError(f"no such wording {name!r}; type one of {', '.join(sorted(WORDINGS))}")
    module, keys = WORDINGS[name]
    unknown = sorted(set(settings or {}) - set(keys))
    if unknown:
        raise PoserError(f"wording {name}: no such key {unknown[0]!r}; keys are {', '.join(keys) or 'none'}")
    wording: Wording = import_module(module).load(dict(settings or {}))
    return wording
