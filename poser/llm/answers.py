"""Answers that a model gave once: in memory, and in a file where one is given, so that a second run asks nothing."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from cachetools import LRUCache
from PIL import Image

from experts.types import image_digest

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

    It never ends a run: a file that cannot be used is said once in the log, and answers stay in memory.

    Args:
        file: an SQLite file for answers of one model; None: in memory only.
        model: id of the model; another model's answers in the same file are never seen.
        kind: `as_chance` or `as_text`: what a column holds -> an answer, None where it is none.
    """

    def __init__(
        self, file: str | Path | None = None, model: str = "", kind: Callable[[Any], Any] | None = None
    ) -> None:
        self._kept: LRUCache[Key, V] = LRUCache(LIMIT)
        self._model, self._path = model, file
        self._kind: Callable[[Any], Any] = kind or as_chance
        self._file: sqlite3.Connection | None = None
        self._complained = False
        if file is None:
            return
        try:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(file, check_same_thread=False, timeout=30)
            self._file.execute("create table if not exists kept (key blob primary key, answer) without rowid")
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def _name(self, key: Key) -> bytes:
        return hashlib.sha256("\0".join((self._model, *key)).encode()).digest()

    def get(self, keys: Iterable[Key]) -> dict[Key, V]:
        """Those of `keys` that were answered before; a row that is no answer is dropped from the file."""
        keys = list(keys)
        found = {key: self._kept[key] for key in keys if key in self._kept}
        for key in (key for key in keys if key not in found):
            value = self._read(key)
            if value is not None:
                found[key] = self._kept[key] = value
        return found

    def put(self, answers: Mapping[Key, V]) -> None:
        """Keeps these; what the file does not take stays in memory: it is paid for."""
        self._kept.update(answers)
        rows = [(self._name(key), answer) for key, answer in answers.items()]
        if rows:
            self._do("insert or replace into kept values (?, ?)", rows)

    def _read(self, key: Key) -> V | None:
        """The answer of a row; None where there is none, or none that can be."""
        row = self._do("select answer from kept where key = ?", [(self._name(key),)])
        if row is None:
            return None
        value: V | None = self._kind(row[0])
        if value is None:
            self._complain("an answer in it cannot be read and is dropped")
            self._do("delete from kept where key = ?", [(self._name(key),)])
        return value

    def _do(self, command: str, rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...] | None:
        """One command for these rows; the row that it finds. A file that fails is said once and used no more."""
        if self._file is None:
            return None
        try:
            if command.startswith("select"):
                found: tuple[Any, ...] | None = self._file.execute(command, *rows).fetchone()
                return found
            with self._file:
                self._file.executemany(command, rows)
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)
        except (ValueError, OverflowError) as error:
            self._complain(f"an answer cannot be written ({error})")
        return None

    def _give_up(self, error: Exception) -> None:
        """The file is used no more: answers are kept in memory."""
        self._complain(f"cannot be used, answers are kept in memory only ({error}); delete it")
        if self._file is not None:
            with contextlib.suppress(sqlite3.Error):
                self._file.close()
        self._file = None

    def _complain(self, words: str) -> None:
        if not self._complained:
            _LOG.warning("answers in %s: %s", self._path, words)
        self._complained = True


def as_chance(value: Any) -> float | None:
    """A probability as an SQLite column holds it; None for what is none."""
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None


def as_text(value: Any) -> str | None:
    """A text as an SQLite column holds it; None for what is none."""
    return value if isinstance(value, str) else None
