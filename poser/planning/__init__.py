"""Extractors: prompts become plans, and plans the next plans after every step. One file each: poster, rules, llm.

A file defines `load(settings, context)` and, where it has settings, their `KEYS`. `_following` goes on by scores for
all of them; `text` is how free text is cut and understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from poser import plugins
from poser.plugins import Context
from poser.protocols import Extractor


def load(name: str, settings: Mapping[str, Any] | None = None, context: Context | None = None) -> Extractor:
    """The extractor of that name, with the context's attempts and threshold. Raises `PoserError` as `plugins`."""
    return cast(Extractor, plugins.load("extractor", name, settings, context))
