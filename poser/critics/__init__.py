"""Critics: one file each; `questions` is what they ask, `vlm` how a model is asked. Start with `vqa`.

A file defines `load(settings, context)`; with `KEYS`, the settings it knows, and `models(settings)`, the hub ids and
folders that it would load, where it has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from poser import plugins
from poser.plugins import Context
from poser.types import Critic, PoserError


def load(name: str, settings: Mapping[str, Any] | None = None, context: Context | None = None) -> Critic:
    """The critic of that name; nothing heavy is imported before its first verdict. Raises `PoserError` as `plugins`."""
    return cast(Critic, plugins.load("critic", name, settings, context))


def models(entry: Mapping[str, Any]) -> list[str]:
    """Hub ids and folders that the critic of a config entry ({name: ..., ...}) would load."""
    name, settings = plugins.named(entry)
    module = plugins.find("critic", name)
    return list(module.models(settings)) if hasattr(module, "models") else []


def member(entry: Any, context: Context, answers: str | None, owner: str) -> Critic:
    """A critic inside another one's settings: a mapping with a 'name'. Raises `PoserError`."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise PoserError(f"critic {owner}: {entry!r} is no critic; give a mapping with a name, as {{name: clip}}")
    name, settings = plugins.named(entry)
    keeps = answers and "answers" in getattr(plugins.find("critic", name), "KEYS", ())
    return load(name, ({"answers": answers} if keeps else {}) | settings, context)
