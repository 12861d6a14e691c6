"""Wordings: what an expert is handed. One file each; start with `plain`.

A file defines `load(settings, context)` and, where it has settings, their `KEYS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from poser import plugins
from poser.plugins import Context
from poser.protocols import Wording


def load(name: str, settings: Mapping[str, Any] | None = None, context: Context | None = None) -> Wording:
    """The wording of that name. Raises `PoserError` as `plugins`."""
    return cast(Wording, plugins.load("wording", name, settings, context))
