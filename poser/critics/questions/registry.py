"""Ways to turn a look into questions, by name."""

from __future__ import annotations

from collections.abc import Callable

from poser.critics.questions.asking import Generic, Questions
from poser.types import PoserError


def _graph() -> Questions:
    from poser.critics.questions.graph import Graph

    return Graph()


def _poster() -> Questions:
    from poser.critics.questions.poster import Poster

    return Poster()


WRITERS: dict[str, Callable[[], Questions]] = {"poster": _poster, "generic": Generic, "graph": _graph}
"""poster: the embedded world's · generic: one question a command · graph: a dependency graph of free text."""


def writer(name: str) -> Questions:
    """The writer of that name. Raises `PoserError` for any other."""
    if name not in WRITERS:
        raise PoserError(f"critic: no such questions {name!r}; type one of {', '.join(WRITERS)}")
    return WRITERS[name]()
