"""Pictures of systems by item and seed, from whatever folder they lie in."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks._harness import rows
from benchmarks._harness.data import read_json, read_lines
from benchmarks._harness.run import PICTURES, PROMPTS, RESULT
from benchmarks._harness.statistics import whole
from benchmarks._harness.systems import ENDS
from benchmarks._harness.types import Asked, Judge
from benchmarks._harness.votes import Vote
from experts.images import ImageError, open_image
from poser.runs import batch, record
from poser.types import PoserError

Key = tuple[str, int]
"""An item and a seed."""


@dataclass(frozen=True)
class Source:
    """A system's pictures. `prompts`, `starts`: what was asked of an item, and its input picture, where known."""

    name: str
    pictures: Mapping[Key, Path]
    prompts: Mapping[str, str] = field(default_factory=dict)
    starts: Mapping[str, Path] = field(default_factory=dict)


def source(place: str | Path) -> Source:
    """The source of a folder: a benchmark's `--out`, that of `poser batch`, a folder of `poser run`s, or pictures named
    ID.png or ID/SEED.png; 'folder:DIR' is DIR. Raises `PoserError`: none of these, or no picture in it."""
    folder = Path(str(place).removeprefix("folder:"))
    if not folder.is_dir():
        raise PoserError(f"no folder {str(folder)!r}; give one with pictures of a system")
    kind = next((read for name, read in KINDS.items() if (folder / name).is_file()), None)
    runs = sorted(file.parent for file in folder.glob(f"*/{record.LOG}"))
    found = kind(folder) if kind else _runs(folder, runs) if runs else _plain(folder)
    if not found.pictures:
        raise PoserError(f"no picture in {str(folder)!r}; give a benchmark's --out, or pictures named ID.png")
    return found


def sources(places: Sequence[str | Path]) -> list[Source]:
    """Several, each with a name of its own. Raises `PoserError`: fewer than two, or two of one name."""
    found = [source(place) for place in places]
    names = [one.name for one in found]
    if len(found) < 2:
        raise PoserError("one system alone cannot be compared; give two or more folders")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise PoserError(f"the system {twice!r} stands there twice; rename one of the folders")
    return found


def _benchmark(folder: Path) -> Source:
    """A benchmark's run."""
    found = dict[Key, Path]()
    for row in whole(rows.read(folder)):
        names = (f"{row.item}.png", f"{row.item}-{row.seed}.png", f"{row.item}/{row.seed}.png")
        file = next((file for name in names if (file := folder / PICTURES / name).is_file()), None)
        if file is not None:
            found[row.item, row.seed] = file
    asked = read_json(folder / PROMPTS) if (folder / PROMPTS).is_file() else {}
    prompts = {str(item): str(words) for item, words in asked.items()} if isinstance(asked, dict) else {}
    return Source(str(read_json(folder / RESULT).get("system", folder.name)), found, prompts)


def _batch(folder: Path) -> Source:
    """The folder of `poser batch`."""
    latest = {str(row["id"]): row for _, row in read_lines(folder / batch.RESULTS)}
    made = {id: row for id, row in latest.items() if row.get("picture") and "/" not in row["picture"]}
    prompts = {id: str(row["task"].get("prompt", "")) for id, row in made.items()}
    return Source(folder.name, {(id, 0): folder / row["picture"] for id, row in made.items()}, prompts)


def _runs(folder: Path, runs: Sequence[Path]) -> Source:
    """A folder of runs: the folder's name is the item's."""
    found, prompts, starts = dict[Key, Path](), dict[str, str](), dict[str, Path]()
    for run in runs:
        if (run / record.FINAL).is_file():
            task = _task(run)
            found[run.name, 0] = run / record.FINAL
            prompts[run.name] = str(task.get("prompt", ""))
            start = run / str((task.get("image") or {}).get("path", ""))
            if start.is_file() and start.resolve().is_relative_to(run.resolve()):
                starts[run.name] = start
    return Source(folder.name, found, prompts, starts)


def _task(run: Path) -> dict[str, Any]:
    """The task in the header of a run. Raises `PoserError`."""
    try:
        with (run / record.LOG).open("rb") as file:
            found = json.loads(file.readline(record.MAX_LINE))["task"]
        return dict(found)
    except (OSError, ValueError, KeyError, TypeError):
        raise PoserError(f"{run / record.LOG} is no record of a run; begin it once more") from None


def _plain(folder: Path) -> Source:
    """Pictures by their names."""
    return Source(folder.name, dict(_named(folder)))


def _named(folder: Path) -> Iterator[tuple[Key, Path]]:
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in ENDS:
            yield (file.stem, 0), file
        elif file.is_dir():
            for inner in sorted(file.iterdir()):
                if inner.suffix.lower() in ENDS and inner.stem.isdecimal() and len(inner.stem) < 10:
                    yield (file.name, int(inner.stem)), inner


KINDS = {RESULT: _benchmark, batch.RESULTS: _batch}


def judged(systems: Sequence[Source], judge: Judge, prompts: Mapping[str, str]) -> list[Vote]:
    """A vote for each pair of systems and each item that both have a picture of."""
    found = []
    for a, b in combinations(systems, 2):
        for key in a.pictures:
            left, right = (_opened(one.pictures.get(key)) for one in (a, b))
            if left is not None and right is not None:
                text = prompts.get(key[0]) or a.prompts.get(key[0]) or b.prompts.get(key[0], key[0])
                found.append(Vote(*key, a.name, b.name, _preferred(judge, key, left, right, text)))
    return [vote for vote in found if not math.isnan(vote.won)]


def _preferred(judge: Judge, key: Key, left: Image.Image, right: Image.Image, text: str) -> float:
    """1, 0.5 or 0: both orders are asked, and a side that is preferred in one of them alone is no win."""
    first, second = judge(
        [
            Asked(key[0], "ab", "choice", text, (left, right), seed=key[1]),
            Asked(key[0], "ba", "choice", text, (right, left), seed=key[1]),
        ]
    )
    p, q = float(first.value), float(second.value)
    if math.isnan(p) or math.isnan(q):
        return math.nan
    return 1.0 if p > 0.5 > q else 0.0 if p < 0.5 < q else 0.5


def _opened(path: Path | None) -> Image.Image | None:
    try:
        return open_image(path) if path else None
    except ImageError:
        return None
