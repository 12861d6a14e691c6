"""Recorded episodes without their pictures: one gzip file, a line an episode. What a policy can learn from offline."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from experts.types import image_digest
from poser import record
from poser.codec import pack, unpack
from poser.types import PoserError, Step, Trajectory

SUFFIX = ".episodes.gz"
LINE = 8 * 2**20
"""Bytes of a line, unpacked."""
_GONE = Image.new("RGB", (1, 1))
"""Stands for every picture of a recorded episode: an observation needs to know only that there is one."""


def _name(image: Image.Image) -> dict[str, str]:
    return {"sha256": image_digest(image)}


def _line(whole: Trajectory) -> dict[str, Any]:
    data = pack(replace(whole, steps=()), Trajectory, _name)
    state, steps = None, []
    for step in whole.steps:
        critique = replace(step.critique, answers=()) if step.critique else None
        full = pack(replace(step, critique=critique), Step, _name)
        after = dict(full["after"])
        steps.append(record.lean(full, data["task"], state))
        state = after
    return {**data, "steps": steps}


def append(path: Path, episodes: list[Trajectory]) -> None:
    """Adds episodes to the end of a file; what stands there already is not touched."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(_line(whole), allow_nan=False) + "\n" for whole in episodes)
    with open(path, "ab") as file:
        file.write(gzip.compress(lines.encode(), 6))


def _whole(line: bytes) -> Trajectory:
    data = json.loads(line)
    state, steps = None, []
    for step in data["steps"]:
        full = record.full(step, data["task"], state)
        steps.append(full)
        state = full["after"]
    whole: Trajectory = unpack({**data, "steps": steps}, Trajectory, lambda _: _GONE)
    return whole


def _file(path: Path) -> Iterator[Trajectory]:
    with gzip.open(path, "rb") as file:
        try:
            for number in range(1, 10_000_000):
                line = file.readline(LINE)
                if not line.endswith(b"\n"):
                    return  # the end, or a line that was cut off
                try:
                    yield _whole(line)
                except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                    raise PoserError(f"{path} is damaged at episode {number}: {error!s:.200}") from None
        except (EOFError, OSError, zlib.error):
            return  # cut off in the middle of a write: what came before it counts


def read(path: Path) -> Iterator[Trajectory]:
    """The episodes of a file, or of everything recorded under a folder: such files, and runs of `poser run`.

    Raises `PoserError`: nothing recorded there, or a damaged line.
    """
    files = [path] if path.is_file() else sorted(path.rglob(f"*{SUFFIX}"))
    runs = sorted(file.parent for file in path.rglob(record.LOG)) if path.is_dir() else []
    if not files and not runs:
        raise PoserError(f"nothing is recorded in {str(path)!r}; give a folder of `poser run` or `poser train`")
    for file in files:
        yield from _file(file)
    for run in runs:
        yield record.load(run)
