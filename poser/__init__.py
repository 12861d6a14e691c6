"""Image-POSER: an agent that carries out long image instructions with many models. `from poser import Poser`."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["Poser", "register_env"]


def __getattr__(name: str) -> Any:
    """`Poser`, imported when it is asked for, so that `import poser` stays instant."""
    if name == "Poser":
        from poser.agent import Poser

        return Poser
    raise AttributeError(f"module 'poser' has no attribute {name!r}")


def register_env() -> None:
    """Tells gymnasium of `poser/Orchestrate-v0`, whose code is imported by the first `gymnasium.make`.

    Called by `poser.learning.env` (so that gymnasium's 'poser.learning.env:poser/Orchestrate-v0' is always found), and
    here where gymnasium is imported already.
    """
    import gymnasium

    if "poser/Orchestrate-v0" not in gymnasium.registry:
        gymnasium.register("poser/Orchestrate-v0", entry_point="poser.learning.env:OrchestrateEnv")


if "gymnasium" in sys.modules:
    register_env()
