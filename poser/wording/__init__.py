"""Wordings: what an expert is handed. One file each.

A file defines `load(settings)` and, where it has settings, their `KEYS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poser.parts import keeping, part, refuse
from poser.types import Wording


def load(name: str, settings: Mapping[str, Any] | None = None, folder: str | Path | None = None) -> Wording:
    """The wording of that name. With a `folder`, one that asks a model keeps the answers there.

    Raises `PoserError`: no such wording, or a setting that it does not know.
    """
    module = part(__name__, "wording", name)
    refuse(f"wording {name}", settings or {}, getattr(module, "KEYS", ()))
    wording: Wording = module.load(keeping(module, settings, folder))
    return wording
