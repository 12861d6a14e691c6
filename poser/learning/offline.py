"""Recorded episodes without their pictures, and how a policy learns from them offline, without an expert call.

A file of episodes is gzip, one JSON object a line. An observation needs to know only whether there is a picture.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from experts.types import image_digest
from poser.learned.observation import Observer
from poser.mdp import MDP
from poser.runs import record
from poser.runs.codec import pack, unpack
from poser.types import PoserError, Step, Trajectory

if TYPE_CHECKING:
    from poser.learning.buffer import NStepBuffer

SUFFIX = ".episodes.gz"
MAX_LINE = 8 * 2**20
"""Bytes of a line, unpacked."""
_PICTURE = Image.new("RGB", (1, 1))
"""Stands for every picture of a recorded episode."""


def append(path: Path, episodes: list[Trajectory]) -> None:
    """Adds episodes to the end of a file; what stands there already is not touched."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(_packed(episode), allow_nan=False) + "\n" for episode in episodes)
    with open(path, "ab") as file:
        file.write(gzip.compress(lines.encode(), 6))


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


def fill(buffer: NStepBuffer, mdp: MDP, observer: Observer, episodes: Iterable[Trajectory]) -> int:
    """Stores the steps of episodes in a replay buffer, as practising would have, the newest over the oldest where it is
    full; gives their number.

    Rewards are those of the transition as it is now. An episode is cut before the first step whose expert its action
    set lacks, or whose action its mask forbids: the step before that one ends it.
    """
    stored, slots = 0, mdp.actions.slots
    for episode in episodes:
        rows = []
        for step in episode.steps:
            seen = observer([step.before, step.after])
            if step.action not in slots or not seen["mask"][0, slots.index(step.action)]:
                break
            rows.append((step, seen))
        for number, (step, seen) in enumerate(rows, 1):
            before, after = ({name: part[k : k + 1] for name, part in seen.items()} for k in (0, 1))
            earned = mdp.earned(step.before, step.action, step.result, step.critique, step.accepted, step.after)
            ended = step.after.ended or number == len(rows)
            slot = np.asarray([slots.index(step.action)])
            buffer.add(before, after, slot, np.asarray([earned["total"]]), np.asarray([ended]), [{}])
        stored += len(rows)
    return stored


def _digest(image: Image.Image) -> dict[str, str]:
    return {"sha256": image_digest(image)}


def _packed(episode: Trajectory) -> dict[str, Any]:
    """JSON data: pictures by their digest, every state without what the one before it says already."""
    data = pack(replace(episode, steps=()), Trajectory, _digest)
    state, steps = None, []
    for step in episode.steps:
        critique = replace(step.critique, answers=()) if step.critique else None
        full = pack(replace(step, critique=critique), Step, _digest)
        after = dict(full["after"])
        steps.append(record.lean(full, data["task"], state))
        state = after
    return {**data, "steps": steps}


def _unpacked(line: bytes) -> Trajectory:
    data = json.loads(line)
    state, steps = None, []
    for step in data["steps"]:
        full = record.full(step, data["task"], state)
        steps.append(full)
        state = full["after"]
    episode: Trajectory = unpack({**data, "steps": steps}, Trajectory, lambda _: _PICTURE)
    return episode


def _file(path: Path) -> Iterator[Trajectory]:
    """The episodes of one file. It may have been cut off in the middle of a write: what came before that counts."""
    with gzip.open(path, "rb") as file:
        try:
            for number in range(1, 10_000_000):
                line = file.readline(MAX_LINE)
                if not line.endswith(b"\n"):
                    return  # the end of the file, or a line that was cut off
                try:
                    yield _unpacked(line)
                except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                    raise PoserError(f"{path} is damaged at episode {number}: {error!s:.200}") from None
        except (EOFError, OSError, zlib.error):
            return
