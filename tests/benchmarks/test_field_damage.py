"""Whatever is wrong in a data file, a benchmark gives its items, or one line that names the file."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks._harness.types import WHOLE, Asked
from benchmarks.list import all_benchmarks
from poser.types import PoserError
from tests.benchmarks.field_world import Says
from tests.benchmarks.test_field_sessions import prepared

VALUES: tuple[Any, ...] = (None, 3, -1, "", "x", [], {}, [None], ["a"], {"a": None}, True, "../x", "a\0b")
EACH = 40
"""Damages a file."""


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every part of a JSON value, the whole first."""
    yield at
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*at, key))


def damaged(value: Any, at: tuple[Any, ...], part: Any) -> Any:
    """The value with another part there."""
    if not at:
        return part
    whole = inner = copy.deepcopy(value)
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = part
    return whole


def damages(path: Path, chance: random.Random) -> list[bytes]:
    """A file with one part exchanged, cut, doubled, with other line ends and marks."""
    raw = path.read_bytes()
    found = [b"", b"\xff\xfe\0", raw[: len(raw) // 2], raw.replace(b"\n", b"\r\n"), raw + raw, b"[[[", b"null", b"{}"]
    found += [b"\xef\xbb\xbf" + raw, b"\n\n" + raw, raw.replace(b",", b";")]
    if path.suffix not in (".json", ".jsonl"):
        return found
    words = raw.decode("utf-8-sig")
    lines = path.suffix == ".jsonl"
    value = [json.loads(line) for line in words.split("\n") if line.strip()] if lines else json.loads(words)
    ways = list(places(value))
    for _ in range(EACH):
        other = damaged(value, chance.choice(ways), chance.choice(VALUES))
        rows = other if lines and isinstance(other, list) else [other]
        found.append("\n".join(map(json.dumps, rows)).encode())
    return found


def said(ask: Asked) -> Any:
    """An answer of the right kind."""
    boxes = [{"label": name, "box": [0, 0, 9, 9], "score": 0.95} for name in ask.text.split("|")[:4]]
    rated = [1.0] * int(ask.wanted) if ask.kind == "rating" else []
    return {"rating": rated, "boxes": boxes, "depth": [0.1, 0.2]}.get(ask.kind, 0.7)


@pytest.mark.parametrize("name", sorted(set(all_benchmarks()) - {"paper_scenes"}))
def test_damaged_data_gives_items_or_one_line(name: str, tmp_path: Path) -> None:
    bench, chance = all_benchmarks()[name], random.Random(name)
    data, drawn = prepared(name, tmp_path / "data"), Image.new("RGB", (32, 32))
    ends, told = (".json", ".jsonl", ".csv", ".txt"), 0
    for path in sorted(file for file in data.rglob("*") if file.suffix in ends)[:4]:
        whole = path.read_bytes()
        for bytes_of in damages(path, chance):
            path.write_bytes(bytes_of)
            try:
                for item in bench.tasks(data)[:2]:
                    assert bench.score(item, (drawn,), Says(said), 0)[-1].question == WHOLE
            except PoserError as error:
                told += 1
                assert "\n" not in str(error) and (path.name in str(error) or str(data) in str(error)), error
        path.write_bytes(whole)
    assert told, "some of it has to be noticed"
