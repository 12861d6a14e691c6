"""Policies, one file each: `load('greedy', actions)`, `load('fixed:poster-sd+poster-ip2p', actions)`."""

from __future__ import annotations

import difflib
import importlib
import pkgutil

from poser.actions import ActionSet
from poser.types import Policy, PoserError


def names() -> list[str]:
    """Every policy there is a file for; 'paper-dqn' is in `paper_dqn`."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def load(name: str, actions: ActionSet) -> Policy:
    """The policy `NAME` or `NAME:ARGUMENT`. Raises `PoserError` for an unknown name or a bad argument."""
    kind, _, argument = name.partition(":")
    if kind not in names():
        close = difflib.get_close_matches(kind, names(), 1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise PoserError(f"no such policy: {kind!r}; {hint}policies are {', '.join(names())}")
    return importlib.import_module(f"poser.policies.{kind.replace('-', '_')}").load(argument, actions)
