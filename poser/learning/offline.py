"""Recorded episodes without their pictures, and how a policy learns from them offline, without an expert call.

A file of episodes is gzip, one JSON object a line. An observation needs to know only whether there is a picture.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from experts.types import image_digest
from poser.learned.observation import Observer
from poser.mdp import MDP
from poser.runs import record
from poser.runs.codec import pack, unpack
from poser.types import Critique, PoserError, Step, Trajectory

if TYPE_CHECKING:
    from poser.learning.buffer import NStepBuffer

SUFFIX = ".episodes.gz"
MAX_LINE = 8 * 2**20
"""Bytes of a line, unpacked."""
_CHUNK, _MAGIC = 2**16, b"\x1f\x8b\x08"
"""Bytes that are read at once; how a gzip member begins."""
_PICTURE = Image.new("RGB", (1, 1))
"""Stands for every picture of a recorded episode."""


class Recording:
    """Writes the episodes of a run into a file, each when it has ended.

    `state` and `restore` carry it over a stop: steps of open episodes as they will stand in the file, and how far the
    file goes, so that what a killed run wrote after its last checkpoint is cut off.
    """

    def __init__(self, path: Path, actions: str) -> None:
        """`actions`: the digest of the action set. The file is begun anew with the first episode."""
        self.path, self.actions, self.size = path, actions, 0
        self._open: dict[str, list[Any]] = {}
        self._last: dict[str, Any] = {}
        self._ended: list[str] = []

    def step(self, number: int, step: Step) -> None:
        """One step of the episode in seat `number`."""
        key, task = str(number), step.after.task
        head = pack(Trajectory(task, (), "train", self.actions), Trajectory, _digest)
        line, self._last[key] = _packed(step, head["task"], self._last.get(key))
        self._open.setdefault(key, []).append(line)
        if step.after.ended:
            del self._last[key]
            self._ended.append(json.dumps({**head, "steps": self._open.pop(key)}, allow_nan=False) + "\n")

    def flush(self) -> None:
        """Adds the episodes that have ended to the file, on the disk before this returns. Raises OSError."""
        if self.size or self.path.exists():
            with open(self.path, "r+b") as file:
                file.truncate(self.size)
        if self._ended:
            self.size = append(self.path, self._ended)
            self._ended = []

    def state(self) -> dict[str, Any]:
        """What `restore` needs, as JSON data, after `flush`."""
        return {"size": self.size, "open": self._open, "last": self._last}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Goes on where `state` was told. Raises PoserError: the file is shorter than it was then."""
        there = self.path.stat().st_size if self.path.exists() else 0
        if there < data["size"]:
            raise PoserError(f"{self.path} is not as it was left: {there} bytes, not {data['size']}; begin a new run")
        self.size, self._open, self._last = data["size"], dict(data["open"]), dict(data["last"])


def append(path: Path, lines: Sequence[str]) -> int:
    """Adds lines to the end of a file, as a gzip member of their own; gives the file's size, bytes. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:
        file.write(gzip.compress("".join(lines).encode(), 6, mtime=0))
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


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
        rows = known(episode, mdp, observer)
        for number, (step, seen) in enumerate(rows, 1):
            before, after = ({name: part[None] for name, part in row.items()} for row in seen)
            earned = mdp.earned(step.before, step.action, step.result, step.critique, step.accepted, step.after)
            ended = step.after.ended or number == len(rows)
            slot = np.asarray([slots.index(step.action)])
            buffer.add(before, after, slot, np.asarray([earned["total"]]), np.asarray([ended]), [{}])
        stored += len(rows)
    return stored


def known(
    episode: Trajectory, mdp: MDP, observer: Observer
) -> list[tuple[Step, tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]]:
    """The steps of an episode, each with the observations before and after it; cut before the first step whose expert
    the action set lacks, or whose action its mask forbids."""
    found, slots = [], mdp.actions.slots
    for step in episode.steps:
        seen = observer([step.before, step.after])
        if step.action not in slots or not seen["mask"][0, slots.index(step.action)]:
            break
        before, after = ({name: part[k] for name, part in seen.items()} for k in (0, 1))
        found.append((step, (before, after)))
    return found


def _digest(image: Image.Image) -> dict[str, str]:
    return {"sha256": image_digest(image)}


def _wordless(critique: Critique | None) -> Critique | None:
    """A critique whose answers lack the words of their questions: an observation needs none."""
    return replace(critique, answers=tuple(replace(a, question="") for a in critique.answers)) if critique else None


def _packed(step: Step, task: Any, state: Any) -> tuple[dict[str, Any], Any]:
    """A step as JSON data: pictures by their digest, without what `task` and the state before say already; and the
    state after it."""
    full = pack(replace(step, critique=_wordless(step.critique)), Step, _digest)
    after = dict(full["after"])
    return record.lean(full, task, state), after


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
    """The episodes of one file. Where a write was cut off, what came before it counts, and what came after it."""
    for number, line in enumerate(_whole_lines(path), 1):
        try:
            yield _unpacked(line)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
            raise PoserError(f"{path} is damaged at episode {number}: {error!s:.200}") from None


def _whole_lines(path: Path) -> Iterator[bytes]:
    """The whole lines of every gzip member; one that was cut off ends at its last whole line."""
    with open(path, "rb") as file:
        size, begun = file.seek(0, os.SEEK_END), 0
        while begun >= 0:
            end = _end(file, begun)
            following = _next(file, end or begun + 1)
            left = b""
            with contextlib.suppress(zlib.error):
                for piece, _ in _inflated(file, begun, end or (following if following > 0 else size)):
                    *lines, left = (left + piece).split(b"\n")
                    yield from lines
                    if len(left) > MAX_LINE:
                        break
            begun = following


def _end(file: BinaryIO, begun: int) -> int:
    """Where the member that begins there ends; 0 where it was cut off or damaged."""
    try:
        return max((end for _, end in _inflated(file, begun)), default=0)
    except zlib.error:
        return 0


def _inflated(file: BinaryIO, at: int, end: int = sys.maxsize) -> Iterator[tuple[bytes, int]]:
    """What the member at `at` unpacks to, at most `MAX_LINE` bytes at once; and with its last piece, where it ends (0
    with the others). Nothing behind `end` is read. Raises zlib.error for a damaged one."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    while not unpacker.eof and at < end:
        file.seek(at)
        data = file.read(min(_CHUNK, end - at))
        if not data:
            return
        at += len(data)
        while data:
            piece, data = unpacker.decompress(data, MAX_LINE), unpacker.unconsumed_tail
            yield piece, at - len(unpacker.unused_data) if unpacker.eof else 0


def _next(file: BinaryIO, at: int) -> int:
    """Where the next gzip member may begin, at `at` or after it; -1 where none does."""
    file.seek(at)
    kept = b""
    while data := file.read(_CHUNK):
        found = (kept + data).find(_MAGIC)
        if found >= 0:
            return at - len(kept) + found
        kept, at = (kept + data)[-2:], at + len(data)
    return -1
