"""Answers that a model gave once: in memory, and in a file where one is given, so that a second run asks nothing."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from cachetools import LRUCache
from PIL import Image

from experts.types import image_digest
from poser.types import PoserError

_LOG = logging.getLogger(__name__)
LIMIT = 200_000
"""Answers kept in memory; those that were not used for longest leave first."""
Key = tuple[str, str]
"""Digest of the picture, question."""
V = TypeVar("V")


def digest_of(picture: Image.Image) -> str:
    """The picture's digest; '' for what is no picture, or has no pixel."""
    try:
        return image_digest(picture) if min(picture.size) > 0 else ""
    except Exception:
        return ""


class Answers(Generic[V]):
    """P(yes) by picture and question; or whatever else `kind` makes of what an SQLite column holds.

    Args:
        file: an SQLite file for answers of one model; None: in memory only. A file that is no such thing is refused.
        model: id of the model; another model's answers in the same file are never seen.
        kind: float, or str for answers that are texts.

    Raises `PoserError` where the file cannot be used.
    """

    def __init__(self, file: str | Path | None = None, model: str = "", kind: Callable[[Any], Any] = float) -> None:
        self._kept: LRUCache[Key, V] = LRUCache(LIMIT)
        self._model, self._file, self._kind = model, None, kind
        if file is None:
            return
        try:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(file, check_same_thread=False, timeout=30)
            self._file.execute("create table if not exists kept (key blob primary key, answer) without rowid")
        except (sqlite3.Error, OSError) as error:
            raise PoserError(f"cannot use {str(file)!r} for answers ({error}); delete it") from None

    def _name(self, key: Key) -> bytes:
        return hashlib.sha256("\0".join((self._model, *key)).encode()).digest()

    def get(self, keys: Iterable[Key]) -> dict[Key, V]:
        """Those of `keys` that were answered before."""
        keys = list(keys)
        found = {key: self._kept[key] for key in keys if key in self._kept}
        if self._file is not None:
            for key in (key for key in keys if key not in found):
                row = self._file.execute("select answer from kept where key = ?", (self._name(key),)).fetchone()
                if row is not None:
                    found[key] = self._kept[key] = self._kind(row[0])
        return found

    def put(self, answers: Mapping[Key, V]) -> None:
        """Keeps these."""
        self._kept.update(answers)
        if self._file is not None and answers:
            rows = [(self._name(key), yes) for key, yes in answers.items()]
            try:
                with self._file:
                    self._file.executemany("insert or replace into kept values (?, ?)", rows)
            except sqlite3.Error as error:  # they are paid for: they stay in memory
                _LOG.warning("answers are not kept in their file (%s)", error)
