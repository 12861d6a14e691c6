"""`gymnasium.make("poser/Orchestrate-v0")`, once `poser` was imported: before gymnasium or after it, which is not
imported here.

Gymnasium has read no entry points since 1.0: a package registers its environments when it is imported.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

ID = "poser/Orchestrate-v0"


def register() -> None:
    """Tells gymnasium of the environment, once. Imports gymnasium, and nothing else before the first `make`."""
    from gymnasium.envs import registration

    if ID not in registration.registry:
        registration.register(ID, entry_point="poser.learning.env:OrchestrateEnv")


class _Later:
    """An import hook: registers as soon as somebody imports gymnasium."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Gymnasium's own spec, which registers after it has run; None for every other module."""
        spec = PathFinder.find_spec(name) if name == "gymnasium" else None
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            register()

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def arrange() -> None:
    """Registers now where gymnasium is loaded, else as soon as it is."""
    if "gymnasium" in sys.modules:
        register()
    else:
        sys.meta_path.insert(0, _Later)
