"""Reading benchmark files: JSON, JSON lines, CSV and text, within limits; what is wrong is said with file and item."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks._harness.types import Item
from poser.types import PoserError

LIMIT = 512 * 2**20
"""Bytes of one file."""
csv.field_size_limit(2**20)


class BadData(PoserError):
    """A data file that cannot be used: file, item, what is wrong."""


def find(data: Path, *names: str) -> Path:
    """The first of `names` (relative paths or patterns) below `data`. Raises `BadData` with what is missing."""
    for name in names:
        for path in [data / name] if "*" not in name and (data / name).exists() else sorted(data.rglob(name)):
            return path
    raise BadData(f"no {names[0]!r} under {str(data)!r}; give --data its folder (python -m benchmarks.list says where)")


def text(path: Path) -> str:
    """A file as text; a byte-order mark is dropped and every line end is '\\n'."""
    try:
        if path.stat().st_size > LIMIT:
            raise BadData(f"{path}: larger than {LIMIT:,} bytes")
        return path.read_text("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except (OSError, UnicodeError) as error:
        raise BadData(f"{path}: {' '.join(str(error).split()):.160}") from None


def read_json(path: Path) -> Any:
    """A JSON file."""
    return _loads(text(path), str(path))


def read_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """(line number from 1, JSON value) of a file of JSON lines; empty lines are passed over."""
    for number, line in enumerate(text(path).split("\n"), 1):
        if line.strip():
            yield number, _loads(line, f"{path}, line {number}")


def read_csv(path: Path, needs: Iterable[str], delimiter: str = ",") -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row) of a CSV file that has these columns."""
    reader = csv.DictReader(text(path).splitlines(keepends=True), delimiter=delimiter)
    lacking = [name for name in needs if name not in (reader.fieldnames or ())]
    if lacking:
        raise BadData(f"{path}: no column {lacking[0]!r}")
    try:
        for row in reader:
            yield reader.line_num, {key: value or "" for key, value in row.items() if isinstance(key, str)}
    except csv.Error as error:
        raise BadData(f"{path}, line {reader.line_num}: {error}") from None


def field(row: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """A field of a row, of the right type. Raises `BadData` naming where."""
    value = row.get(key) if isinstance(row, Mapping) else None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise BadData(f"{where}: {key!r} is {value!r:.60}; it has to be a {names}")
    return value


def unique(items: Iterable[Item], where: object) -> list[Item]:
    """The items in order. Raises `BadData` for an id that stands there twice, and where there is none at all."""
    found: dict[str, Item] = {}
    for item in items:
        if item.id in found:
            raise BadData(f"{where}: the id {item.id!r} stands there twice")
        found[item.id] = item
    if not found:
        raise BadData(f"{where}: no item in it")
    return list(found.values())


def digest(path: Path) -> str:
    """sha256 of a data folder's files (names and sizes, and bytes of those below 8 MiB), the first 16 digits."""
    whole = hashlib.sha256()
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    for file in files[:20_000]:
        size = file.stat().st_size
        whole.update(f"{file.relative_to(path)}|{size}|".encode())
        if size < 8 * 2**20:
            whole.update(file.read_bytes())
    return whole.hexdigest()[:16]


def _loads(words: str, where: str) -> Any:
    try:
        return json.loads(words)
    except (ValueError, RecursionError) as error:
        raise BadData(f"{where}: no JSON ({' '.join(str(error).split()):.100})") from None
