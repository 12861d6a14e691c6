"""Critics: one file each; `questions` is what they ask, `vlm` how a model is asked. Start with `vqa`.

A file defines `load(settings, context)`, and where it has settings, their `KEYS`; what it loads may say what it needs
(`plugins.Requiring`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from poser import plugins
from poser.plugins import Context
from poser.protocols import Critic
from poser.types import PoserError


def load(name: str, settings: Mapping[str, Any] | None = None, context: Context | None = None) -> Critic:
    """The critic of that name; nothing heavy is imported before its first verdict. Raises `PoserError` as `plugins`."""
    return cast(Critic, plugins.load("critic", name, settings, context))


def member(entry: Any, context: Context, answers: str | None, owner: str) -> Critic:
    """A critic inside another one's settings: a mapping with a 'name'. Raises `PoserError`."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise PoserError(f"critic {owner}: {entry!r} is no critic; give a mapping with a name, as {{name: clip}}")
    name, settings = plugins.named(entry)
    keeps = answers and "answers" in getattr(plugins.find("critic", name), "KEYS", ())
    return load(name, ({"answers": answers} if keeps else {}) | settings, context)
