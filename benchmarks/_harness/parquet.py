"""Data sets of the Hub in parquet files: rows as they are read, their pictures unpacked once beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks._harness.data import BadData
from experts.files import write_whole
from experts.images import ImageError, decode, png
from poser.types import PoserError

BATCH = 16
"""Rows in memory at once."""


def rows(files: Sequence[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where, row) of several files; a picture ({'bytes', 'path'}) is the path of a PNG file in 'unpacked' beside them.

    A picture that cannot be read is a path at which there is none. Raises `PoserError` without pyarrow, `BadData` for a
    file that is no parquet.
    """
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise PoserError("reading parquet needs pyarrow; type: pip install pyarrow") from None
    for path in files:
        number = 0
        try:
            for batch in parquet.ParquetFile(path).iter_batches(BATCH):
                for row in batch.to_pylist():
                    names = {name: f"{path.stem}-{number:05}-{name}.png" for name in row}
                    yield f"{path}, row {number}", {key: _told(path, names[key], row[key]) for key in row}
                    number += 1
        except (arrow.ArrowException, OSError) as error:
            raise BadData(f"{path}: {' '.join(str(error).split()):.160}") from None


def _told(path: Path, name: str, value: Any) -> Any:
    """A picture's path; any other value as it is."""
    if not isinstance(value, dict) or not isinstance(value.get("bytes"), bytes):
        return value
    file = path.parent / "unpacked" / name
    if not file.is_file():
        try:
            made = png(decode(value["bytes"], f"{path}, {name}"))
        except ImageError:
            return file
        file.parent.mkdir(exist_ok=True)
        write_whole(file, made)
    return file
