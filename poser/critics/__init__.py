"""Critics: one file each, `load(name, config)` makes one; `questions` is what they ask, `vlm` how a model is asked.

A file defines `load(config, residency)`; with `KEYS`, the settings it knows, and `models(config)`, the hub ids and
folders that it would load, where it has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poser.parts import keeping, named, part
from poser.types import Critic, PoserError

if TYPE_CHECKING:
    from experts.memory import Residency


def load(
    name: str,
    config: Mapping[str, Any] | None = None,
    residency: Residency | None = None,
    folder: str | Path | None = None,
) -> Critic:
    """The critic of that name with its settings; nothing heavy is imported before its first verdict.

    With a `folder`, a critic that can keep its answers keeps them there, unless its settings name another file.
    Raises `PoserError`: no such critic, or a setting that it does not know.
    """
    module = _module(name)
    critic: Critic = module.load(keeping(module, config, folder), residency)
    return critic


def models(config: Mapping[str, Any]) -> list[str]:
    """Hub ids and folders that the critic of a config entry ({name: ..., ...}) would load."""
    name, settings = named(config)
    module = _module(name)
    return list(module.models(settings)) if hasattr(module, "models") else []


def member(entry: Any, residency: Residency | None, answers: str | None, owner: str) -> Critic:
    """A critic inside another one's settings: a mapping with a 'name'. Raises `PoserError`."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise PoserError(f"critic {owner}: {entry!r} is no critic; give a mapping with a name, as {{name: clip}}")
    name, settings = named(entry)
    return load(name, keeping(_module(name), settings, file=answers), residency)


def _module(name: str) -> Any:
    return part(__name__, "critic", name)
