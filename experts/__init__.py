"""Image experts behind one calling convention: list of requests in, list of results out.

The names below load on first use, so that `import experts` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experts.cache import Cache
    from experts.images import ImageError
    from experts.memory import Residency
    from experts.pool import Pool
    from experts.registry import Entry, Registry, UnknownExpert, builtin, from_config, from_plugins
    from experts.types import Card, Expert, Failure, Job, Request, Result

_HOMES = {
    "types": ("Card", "Expert", "Failure", "Job", "Request", "Result"),
    "registry": ("Entry", "Registry", "UnknownExpert", "builtin", "from_config", "from_plugins"),
    "pool": ("Pool",),
    "memory": ("Residency",),
    "cache": ("Cache",),
    "images": ("ImageError",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Cache",
    "Card",
    "Entry",
    "Expert",
    "Failure",
    "ImageError",
    "Job",
    "Pool",
    "Registry",
    "Request",
    "Residency",
    "Result",
    "UnknownExpert",
    "builtin",
    "from_config",
    "from_plugins",
]


def __getattr__(name: str) -> Any:
    """Imports the module that holds a public name."""
    if name not in _HOME:
        raise AttributeError(f"module 'experts' has no attribute {name!r}")
    return getattr(importlib.import_module(f"experts.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
