"""Items that came to nothing, with the reason: the system gave no picture, or their own input picture is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks._harness.types import Item
from experts.images import ImageError, open_image

FAILED = "failed.jsonl"
SHOWN = 5
"""Reasons that a result tells."""


def unreadable(item: Item) -> str:
    """Why one of an item's input pictures cannot be read; '' where all can."""
    for path in item.pictures:
        try:
            open_image(path)
        except ImageError as error:
            return str(error)
    return ""


def add(folder: Path, item: str, seed: int, why: str) -> None:
    """Writes one down."""
    with (folder / FAILED).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"item": item, "seed": seed, "why": why}) + "\n")


def told(folder: Path) -> dict[str, Any]:
    """How many there are, each item and seed once, and the reasons of the first few; a line torn off is no reason."""
    found: dict[tuple[str, int], str] = {}
    path = folder / FAILED
    for line in path.read_text("utf-8", errors="replace").split("\n") if path.is_file() else ():
        try:
            row = json.loads(line)
            found[str(row["item"]), int(row["seed"])] = str(row["why"])
        except (ValueError, TypeError, KeyError):
            continue
    return {"count": len(found), "first": [f"{item}: {why:.200}" for (item, _), why in list(found.items())[:SHOWN]]}
