"""Episodes that were played once are kept, so that a ladder that was cut off goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.ladder_world import Row, World
from experts.files import write_whole
from poser.versions import versions


def kept(world: World, about: list[Any], play: Callable[[], list[Row]]) -> list[Row]:
    """The rows of `play`, or those that it gave when it was asked for the same before, in `World.folder`.

    `about`: what they depend on beside the world: rung, seed, price, train config, width of a search.
    """
    parts = [*about, world.identity, sorted(versions().items())]
    name = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]
    file = world.folder / "rows" / f"{name}.jsonl"
    if file.exists():
        return _read(file)
    rows = play()
    write_whole(file, "".join(json.dumps(row.to_json()) + "\n" for row in rows).encode())
    return rows


def _read(file: Path) -> list[Row]:
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return [Row(**{**row, "curve": tuple(tuple(point) for point in row["curve"])}) for row in rows]
