"""Policies, one file each: `load('greedy', actions)`, `load('fixed:poster-sd', actions)`. Start with `greedy`.

A file defines `load(settings, context)`; `settings['argument']` is what stands behind the name's colon, or ''. With
`KEYS = ()` it says that it has no settings: then an argument is refused.
"""

from __future__ import annotations

from typing import cast

from poser import plugins
from poser.actions import ActionSet
from poser.plugins import Context
from poser.protocols import Policy
from poser.types import PoserError


def names() -> list[str]:
    """Every policy that can be named."""
    return list(plugins.names("policy"))


def load(name: str, actions: ActionSet) -> Policy:
    """The policy `NAME` or `NAME:ARGUMENT`; NAME may be a file of one's own, './mine.py'. Raises `PoserError`."""
    kind, _, argument = name.partition(":")
    if argument and "argument" not in getattr(plugins.find("policy", kind), "KEYS", ("argument",)):
        raise PoserError(f"policy {name!r}: {kind!r} takes nothing behind a colon; type {kind}")
    return cast(Policy, plugins.load("policy", kind, {"argument": argument}, Context(actions=actions)))
