"""Parts that models share by the place they come from, and who uses them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

Name = tuple[str, str]
"""Where it comes from, dtype."""


class Components:
    """Part -> owners; a part goes with its last owner."""

    def __init__(self) -> None:
        self._parts: dict[Name, Any] = {}
        self._owners: dict[Name, set[str]] = {}
        self._loading: list[str] = []

    @contextlib.contextmanager
    def owner(self, key: str) -> Iterator[None]:
        """What is asked for inside belongs to that model; where the loading fails, to nobody."""
        self._loading.append(key)
        try:
            yield
        except BaseException:
            self.release(key)
            raise
        finally:
            self._loading.pop()

    @property
    def reason(self) -> str:
        """Why a part is loaded now."""
        return f"part of {self._loading[-1]}" if self._loading else "asked for"

    def has(self, path: str, dtype: str) -> bool:
        """Whether it is there."""
        return (path, dtype) in self._parts

    def put(self, path: str, dtype: str, part: Any) -> None:
        """Keeps a part."""
        self._parts[path, dtype] = part

    def get(self, path: str, dtype: str) -> Any:
        """The part, for whoever is loading."""
        owner = self._loading[-1] if self._loading else ""
        self._owners.setdefault((path, dtype), set()).add(owner)
        return self._parts[path, dtype]

    def release(self, owner: str) -> None:
        """Drops what only `owner` used."""
        for name in [name for name, owners in self._owners.items() if owner in owners]:
            self._owners[name].discard(owner)
            if not self._owners[name]:
                del self._owners[name]
                self._parts.pop(name, None)
