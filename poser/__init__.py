"""Image-POSER: an agent that carries out long image instructions with many models. `from poser import Poser`."""

from __future__ import annotations

from typing import Any

from poser.registration import arrange

__all__ = ["Poser"]

arrange()


def __getattr__(name: str) -> Any:
    """`Poser`, imported when it is asked for, so that `import poser` stays instant."""
    if name == "Poser":
        from poser.agent import Poser

        return Poser
    raise AttributeError(f"module 'poser' has no attribute {name!r}")
