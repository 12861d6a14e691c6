"""The rows of a run: JSON lines that are added item by item, and read again after any kind of end."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks._harness.types import WHOLE, Row
from experts.files import write_whole

ROWS = "rows.jsonl"
Done = tuple[str, int]
"""An item and a seed."""


def _plain(row: Row) -> dict[str, Any]:
    data = asdict(row)
    return {**data, "score": None if math.isnan(row.score) else row.score}


def _row(data: dict[str, Any]) -> Row:
    return Row(**{**data, "score": math.nan if data["score"] is None else float(data["score"])})


def add(folder: Path, rows: Sequence[Row]) -> None:
    """Adds the rows of whole items; the last of each item is its `WHOLE` row."""
    with (folder / ROWS).open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(_plain(row)) + "\n" for row in rows))
        file.flush()


def read(folder: Path) -> list[Row]:
    """The rows of all items that were written to their end; what a kill tore off is dropped, and the file mended."""
    path = folder / ROWS
    if not path.is_file():
        return []
    rows, open_rows = list[Row](), list[Row]()
    lines = path.read_text("utf-8", errors="replace").split("\n")
    for line in lines:
        try:
            open_rows.append(_row(json.loads(line)))
        except (ValueError, TypeError, KeyError):
            continue
        if open_rows[-1].question == WHOLE:
            same = [row for row in open_rows if (row.item, row.seed) == (open_rows[-1].item, open_rows[-1].seed)]
            rows, open_rows = rows + same, []
    if len(rows) + 1 != len(lines) or lines[-1]:
        write_whole(path, "".join(json.dumps(_plain(row)) + "\n" for row in rows).encode())
    return rows


def done(rows: Iterable[Row]) -> set[Done]:
    """Which items are there."""
    return {(row.item, row.seed) for row in rows if row.question == WHOLE}
