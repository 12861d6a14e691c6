"""Critics: one file each, `load(name, config)` makes one."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from poser.types import Critic, PoserError

if TYPE_CHECKING:
    from experts.residency import Residency

CRITICS = {"vqa": "poser.critics.vqa"}
"""Name -> module with `load(config, residency)`."""


def load(name: str, config: Mapping[str, Any] | None = None, residency: Residency | None = None) -> Critic:
    """The critic of that name with its settings; nothing heavy is imported before its first verdict.

    Raises `PoserError`: no such critic, or a setting that it does not know.
    """
    if name not in CRITICS:
        raise PoserError(f"no such critic {name!r}; type one of {', '.join(sorted(CRITICS))}")
    critic: Critic = import_module(CRITICS[name]).load(dict(config or {}), residency)
    return critic
