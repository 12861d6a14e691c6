"""Reading benchmark files: JSON, JSON lines, CSV and text, within limits; what is wrong is said with file and item."""

from __future__ import annotations

import csv
import glob
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from benchmarks._harness.types import Item
from poser.types import PoserError

LIMIT = 512 * 2**20
"""Bytes of one file."""
csv.field_size_limit(2**20)


class BadData(PoserError):
    """A data file that cannot be used: file, item, what is wrong."""


def find(data: Path, *names: str) -> Path:
    """The first of `names` (relative paths or patterns) below `data`, or `data` itself where it is that file.

    Raises `BadData` with what is missing.
    """
    for name in names:
        if data.is_file() and data.match(Path(name).name):
            return data
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
    """(number from 1, JSON value) of a file of JSON lines (empty ones are passed over), or of one JSON list."""
    words = text(path)
    if words.lstrip().startswith("["):
        yield from enumerate(_loads(words, str(path)), 1)
        return
    for number, line in enumerate(words.split("\n"), 1):
        if line.strip():
            yield number, _loads(line, f"{path}, line {number}")


def records(path: Path, *ids: str) -> Iterator[tuple[str, str, Any]]:
    """(where, id, row) of a JSON object {id: row}, of a JSON list of rows, or of JSON lines.

    In a list or lines the id is the first of the fields `ids` that a row has, else its number from 0.
    """
    words = text(path)
    lines = words.strip().split("\n")
    if not words.lstrip().startswith("[") and path.suffix != ".jsonl" and not (len(lines) > 1 and _is_row(lines[0])):
        whole = _loads(words, str(path))
        if not isinstance(whole, dict):
            raise BadData(f"{path}: has to be an object of rows by id, or a list of rows")
        yield from ((f"{path}, {key!r}", key, row) for key, row in whole.items())
        return
    for place, (number, row) in enumerate(read_lines(path)):
        known = row if isinstance(row, Mapping) else {}
        yield f"{path}, line {number}", str(next((known[name] for name in ids if name in known), place)), row


def _is_row(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def read_csv(path: Path, needs: Iterable[str], delimiter: str = ",") -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row) of a CSV file that has these columns, in any order and among others."""
    reader = csv.DictReader(io.StringIO(text(path), newline=""), delimiter=delimiter)
    needed = tuple(needs)
    try:
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        lacking = [name for name in needed if name not in reader.fieldnames]
        if lacking:
            raise BadData(f"{path}: no column {lacking[0]!r}")
        for row in reader:
            cut = [name for name in needed if row[name] is None]
            if cut:
                raise BadData(f"{path}, line {reader.line_num}: it ends before the column {cut[0]!r}")
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


def safe(name: str, where: object) -> str:
    """A relative path of a data file. Raises `BadData` for one that leads elsewhere."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise BadData(f"{where}: {name!r:.60} is no path below the data folder")
    return name


def photographs(data: Path, beside: Path, names: Sequence[str]) -> Path:
    """The folder below which pictures of these relative names lie: `beside`, `data`, or any folder in it that has
    one of the first few; `beside` where none has."""
    for root in (beside, data):
        if any((root / name).is_file() for name in names[:8]):
            return root
    for name in names[:8]:
        for hit in sorted(data.rglob(glob.escape(name))):
            return hit.parents[len(PurePosixPath(name).parts) - 1]
    return beside


def unique(items: Iterable[Item], where: object) -> list[Item]:
    """The items in order. Raises `BadData` for an id that is no file's name or stands there twice, and for no item."""
    found: dict[str, Item] = {}
    for item in items:
        if "/" in safe(item.id, where) or item.id == "." or len(item.id.encode()) > 200:
            raise BadData(f"{where}: the id {item.id!r:.60} cannot be a file's name")
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
        return json.loads(words, object_pairs_hook=lambda pairs: _once(pairs, where))
    except (ValueError, RecursionError) as error:
        raise BadData(f"{where}: no JSON ({' '.join(str(error).split()):.100})") from None


def _once(pairs: Sequence[tuple[str, Any]], where: str) -> dict[str, Any]:
    """An object none of whose keys stands there twice: the first of two would be lost without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise BadData(f"{where}: the key {next(n for n in names if names.count(n) > 1)!r} stands there twice")
    return found
