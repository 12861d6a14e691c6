"""Answers that a critic gave once: in memory, and in a file where one is given, so that a second run asks nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path

from poser.types import PoserError

LIMIT = 200_000
"""Answers kept in memory; the oldest leave first."""
Key = tuple[str, str]
"""Digest of the picture, question."""


class Answers:
    """P(yes) by picture and question.

    Args:
        file: an SQLite file for answers of one model; None: in memory only. A file that is no such thing is refused.
        model: id of the model; another model's answers in the same file are never seen.

    Raises `PoserError` where the file cannot be used.
    """

    def __init__(self, file: str | Path | None = None, model: str = "") -> None:
        self._kept: OrderedDict[Key, float] = OrderedDict()
        self._model, self._file = model, None
        if file is None:
            return
        try:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(file, check_same_thread=False, timeout=30)
            self._file.execute("create table if not exists answers (key blob primary key, yes real) without rowid")
        except (sqlite3.Error, OSError) as error:
            raise PoserError(f"critic: cannot use {str(file)!r} for answers ({error}); delete it") from None

    def _name(self, key: Key) -> bytes:
        return hashlib.sha256("\0".join((self._model, *key)).encode()).digest()

    def get(self, keys: Iterable[Key]) -> dict[Key, float]:
        """Those of `keys` that were answered before."""
        found, missing = dict[Key, float](), list[Key]()
        for key in keys:
            if key in self._kept:
                found[key] = self._kept[key]
            else:
                missing.append(key)
        if self._file is not None:
            for key in missing:
                row = self._file.execute("select yes from answers where key = ?", (self._name(key),)).fetchone()
                if row is not None:
                    found[key] = self._kept[key] = float(row[0])
        return found

    def put(self, answers: Mapping[Key, float]) -> None:
        """Keeps these."""
        self._kept.update(answers)
        while len(self._kept) > LIMIT:
            self._kept.popitem(last=False)
        if self._file is not None and answers:
            rows = [(self._name(key), yes) for key, yes in answers.items()]
            with self._file:
                self._file.executemany("insert or replace into answers values (?, ?)", rows)
