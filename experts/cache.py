"""Pictures that were made once: a store addressed by what made them (card, its defaults, request).

Only pictures of `seeded` cards are kept: with those, the same request gives the same picture. In memory the store is
bounded by bytes, oldest use first; a folder, where one is given, keeps everything as PNG and JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
from dataclasses import replace
from pathlib import Path
from threading import RLock

from cachetools import LRUCache

from experts.failures import boundary
from experts.files import write_whole
from experts.images import open_image, png
from experts.types import Card, Request, Result, copied, image_digest

_LOG = logging.getLogger(__name__)


class Cache:
    """Content-addressed store of results.

    Args:
        limit_mib: memory for decoded pictures, MiB.
        folder: where to keep them across runs; None: in memory only. Damaged files count as absent.

    It never ends a run: what cannot be written is said once in the log, what cannot be read back is dropped.

    Attributes:
        memory: the results in memory; its `currsize` and `maxsize` are bytes of decoded pictures.
    """

    def __init__(self, limit_mib: float = 256.0, folder: str | Path | None = None) -> None:
        self.folder = Path(folder) if folder is not None else None
        self.memory: LRUCache[str, Result] = LRUCache(int(limit_mib * 2**20), _size)
        self._lock = RLock()
        self._complained = False

    def get(self, card: Card, request: Request) -> Result | None:
        """The stored picture, `cached`, at no cost and with its notes; None where there is none."""
        result = self.original(card, request)
        return replace(result, seconds=0.0, usd=0.0, cached=True) if result else None

    def original(self, card: Card, request: Request) -> Result | None:
        """The stored result as it was first computed, with the seconds and USD that it took."""
        if not card.seeded:
            return None
        key = _key(card, request)
        with self._lock:
            result = self.memory.get(key) or self._read(key)
            if result is None or result.image is None:
                return None
            self._keep(key, result)
            return replace(result, image=copied(result.image))

    def put(self, card: Card, request: Request, result: Result) -> None:
        """Stores a picture; failures, pictures of unseeded cards and what came from the store itself are let go."""
        if not card.seeded or result.image is None or result.cached:
            return
        key = _key(card, request)
        with self._lock:
            self._keep(key, replace(result, image=copied(result.image)))
            try:
                self._write(key, result)
            except Exception as error:  # the disk is full, say: the picture is made, and stays in memory
                self._complain(f"pictures are not kept in {self.folder} ({boundary(error).message})")

    def _keep(self, key: str, result: Result) -> None:
        """Into memory as the most recently used; a picture larger than the limit is not kept."""
        with contextlib.suppress(ValueError):
            self.memory[key] = result

    def _read(self, key: str) -> Result | None:
        if self.folder is None:
            return None
        picture, record = _files(self.folder, key)
        try:
            if not record.exists():
                return None
            return _result(record.read_bytes(), picture)
        except Exception as error:
            self._complain(f"a damaged record of {self.folder} is dropped ({boundary(error).message})")
            with contextlib.suppress(OSError):
                record.unlink()
            return None

    def _complain(self, words: str) -> None:
        if not self._complained:
            _LOG.warning("cache: %s", words)
        self._complained = True

    def _write(self, key: str, result: Result) -> None:
        """The record is written last: a picture without one does not count."""
        if self.folder is None or result.image is None:
            return
        picture, record = _files(self.folder, key)
        fields = {"seconds": result.seconds, "usd": result.usd, "notes": list(result.notes)}
        data = json.dumps({"sha256": image_digest(result.image), **fields})
        write_whole(picture, png(result.image), lasting=False)
        write_whole(record, data.encode(), lasting=False)


def _result(record: bytes, picture: Path) -> Result:
    """A result from its files. Raises whatever is wrong with them."""
    data = json.loads(record)
    image = open_image(picture, alpha=True)
    if image_digest(image) != data["sha256"]:
        raise ValueError("the picture is not the one that was stored")
    seconds, usd, notes = float(data["seconds"]), float(data["usd"]), data["notes"]
    if not (math.isfinite(seconds + usd) and min(seconds, usd) >= 0):
        raise ValueError(f"seconds {seconds}, usd {usd}")
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise ValueError("notes are no texts")
    return Result(image, None, seconds, usd, tuple(notes))


def _key(card: Card, request: Request) -> str:
    """sha256 over everything that can change the picture: the card's identity and defaults, the request."""
    parts = [card.id, card.version, dict(card.params), request.digest]
    parts += [f"{card.max_batch} at once"] if card.reproducible else []
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _files(folder: Path, key: str) -> tuple[Path, Path]:
    stem = folder / key[:2] / key
    return stem.with_suffix(".png"), stem.with_suffix(".json")


def _size(result: Result) -> int:
    """Bytes of the decoded picture."""
    return result.image.width * result.image.height * len(result.image.getbands()) if result.image else 0
