"""A run on disk, written as it goes: trajectory.jsonl, steps/NN-*.png, config.yaml, final.png; and back again.

trajectory.jsonl: a header, one line a step, and a last line once the run is over. Every picture is a file that a line
names by relative path and digest, written before the line. So a run that is cut off keeps every finished step, and
`load(folder)` gives back exactly what was recorded.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from experts.files import write_whole
from experts.images import open_image, png
from experts.types import image_digest
from poser.runs.codec import pack, unpack
from poser.types import PoserError, Step, Trajectory

FORMAT = 1
LOG = "trajectory.jsonl"
FINAL, REPORT, CONFIG = "final.png", "report.html", "config.yaml"


class Pictures:
    """The pictures of one run: PNG files under `steps/`, each stored once and named by digest in the log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._named: dict[tuple[str, str], str] = {}
        self._opened: dict[tuple[str, str], Image.Image] = {}

    def keep(self, image: Image.Image, name: str = "picture") -> dict[str, str]:
        """Writes a picture unless it is there already; gives what stands for it in the log."""
        mode = "L" if image.mode == "L" else "RGB"
        digest = image_digest(image)
        if (digest, mode) not in self._named:
            path = f"steps/{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}.png"
            if path in self._named.values():
                path = f"{path.removesuffix('.png')}-{digest[:8]}.png"
            write_whole(self.folder / path, png(image))
            self._named[digest, mode] = path
        return {"path": self._named[digest, mode], "sha256": digest, "mode": mode}

    def fetch(self, reference: Any) -> Image.Image:
        """The picture that `keep` stored. Raises ValueError: outside the run's folder, missing, changed, no picture."""
        path, digest, mode = (reference[key] for key in ("path", "sha256", "mode"))
        if (digest, mode) not in self._opened:
            file = (self.folder / path).resolve()
            if mode not in ("L", "RGB") or not file.is_relative_to(self.folder.resolve()):
                raise ValueError(f"picture {path!r} lies outside the run's folder")
            image = open_image(file).convert(mode)
            if image_digest(image) != digest:
                raise ValueError(f"picture {path!r} is not the one that was recorded")
            self._opened[digest, mode], self._named[digest, mode] = image, path
        return self._opened[digest, mode]


class Recorder:
    """Writes one run into `folder`; with `overwrite` it removes an earlier one first. `start` is the first to write.

    `count`: steps on disk.
    """

    def __init__(self, folder: str | os.PathLike[str], overwrite: bool = False) -> None:
        self.folder = Path(folder)
        self._overwrite = overwrite
        self._pictures = Pictures(self.folder)
        self._header: dict[str, Any] = {}
        self._state: Any = None
        self.count = 0

    @property
    def started(self) -> bool:
        """Whether anything was written."""
        return bool(self._header)

    def start(self, begun: Trajectory) -> None:
        """Writes the header; or takes up an unfinished record of the same run, cutting off a torn last line.

        Raises PoserError: the folder cannot be written, or holds a finished run or another one.
        """
        if not self._header and not self._overwrite and (self.folder / LOG).exists():
            self._take_up()
        try:
            header = self._head(begun)
            if not self._header:
                write_whole(self.folder / CONFIG, yaml.safe_dump(dict(begun.config), sort_keys=False).encode())
                self._append(header)
        except OSError as error:
            raise PoserError(f"cannot write {str(self.folder)!r}: {error.strerror}; choose another --out") from None
        for part in ("task", "policy", "actions"):
            if self._header and self._header[part] != header[part]:
                raise PoserError(f"the run in {str(self.folder)!r} began with another {part}; choose another --out")
        self._header = header

    def step(self, step: Step) -> None:
        """Appends one step: first its pictures, then its line."""
        self.count += 1
        number, request, result = f"{self.count:02d}", step.request, step.result
        if step.before.image is not None:
            self._pictures.keep(step.before.image, f"{number}-before")
        if request is not None:
            for image in request.images:
                self._pictures.keep(image, f"{number}-given")
            if request.mask is not None:
                self._pictures.keep(request.mask, f"{number}-mask")
        if result is not None and result.image is not None:
            verb = step.before.plan.current.verb if step.before.plan.current else "other"
            self._pictures.keep(result.image, f"{number}-{step.action.expert}-{verb}-{step.action.scope}")
        if step.after.image is not None:
            self._pictures.keep(step.after.image, f"{number}-after")
        line = pack(step, Step, self._pictures.keep)
        after = dict(line["after"])
        self._append({"step": self.count, **lean(line, self._header["task"], self._state)})
        self._state = after

    def end(self, whole: Trajectory) -> None:
        """Writes final.png and the last line. After this the run is finished."""
        final = None
        for image in whole.images:
            write_whole(self.folder / FINAL, png(image))
            final = self._pictures.keep(image, "final")
        self._append({"end": {"steps": self.count, "final": final}})

    def _head(self, begun: Trajectory) -> dict[str, Any]:
        """The first line; writes the input picture. An earlier run goes first, where it is to be overwritten."""
        if self._overwrite and not self._header:
            clear(self.folder)
        if begun.task.image is not None:
            self._pictures.keep(begun.task.image, "00-input")
        data = pack(begun, Trajectory, self._pictures.keep)
        return {"record": FORMAT, **{name: value for name, value in data.items() if name != "steps"}}

    def _take_up(self) -> None:
        lines, size = _lines(self.folder)
        if "end" in lines[-1]:
            raise PoserError(f"the run in {str(self.folder)!r} is finished; choose another --out, or add --overwrite")
        recorded = load(self.folder, self._pictures)
        os.truncate(self.folder / LOG, size)
        self._header, self.count = lines[0], len(recorded.steps)
        if recorded.steps:
            self._state = pack(recorded.steps[-1], Step, self._pictures.keep)["after"]

    def _append(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"
        with open(self.folder / LOG, "ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())


def load(folder: str | os.PathLike[str], pictures: Pictures | None = None) -> Trajectory:
    """The trajectory recorded in `folder`, with as many steps as were finished.

    Raises PoserError: no run there, a damaged line, a picture that is missing or was changed.
    """
    folder = Path(folder)
    lines, _ = _lines(folder)
    store = pictures or Pictures(folder)
    state, steps = None, []
    header = {key: value for key, value in lines[0].items() if key != "record"}
    try:
        whole = unpack({**header, "steps": []}, Trajectory, store.fetch)
        for line in lines[1:]:
            if "end" not in line:
                whole_line = full({key: value for key, value in line.items() if key != "step"}, header["task"], state)
                steps.append(unpack(whole_line, Step, store.fetch))
                state = whole_line["after"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError) as error:
        place = f"step {len(steps) + 1}" if len(lines) > 1 else "the header"
        raise PoserError(f"{folder / LOG} is damaged at {place}: {error!s:.200}; begin a new run") from None
    return replace(whole, steps=tuple(steps))


def finished(folder: str | os.PathLike[str]) -> bool:
    """Whether the run recorded in `folder` came to its end. Raises PoserError: no run there."""
    return "end" in _lines(Path(folder))[0][-1]


def candidates(folder: Path) -> list[str | None]:
    """The file of every step's candidate, relative to `folder`; None where a step made none."""
    results = [line["result"] or {} for line in _lines(folder)[0] if "step" in line]
    return [(result.get("image") or {}).get("path") for result in results]


def clear(folder: Path) -> None:
    """Removes the record of an earlier run, and nothing else that lies in `folder`."""
    for file in [folder / name for name in (LOG, FINAL, REPORT, CONFIG)] + sorted(
        (folder / "steps").glob("[0-9][0-9]-*.png")
    ):
        file.unlink(missing_ok=True)


def _lines(folder: Path) -> tuple[list[dict[str, Any]], int]:
    """Every whole line of the log and the bytes they take; a last line that was cut off is left out."""
    try:
        data = (folder / LOG).read_bytes()
    except OSError:
        raise PoserError(f"no run in {str(folder)!r}: there is no {LOG}; give the folder of a `poser run`") from None
    whole = data[: data.rfind(b"\n") + 1]
    lines = []
    for number, text in enumerate(whole.splitlines(), 1):
        try:
            lines.append(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise PoserError(f"{folder / LOG} is damaged at line {number}: {error}; begin a new run") from None
    if not lines or not all(isinstance(line, dict) for line in lines) or lines[0].get("record") != FORMAT:
        raise PoserError(f"{folder / LOG} holds no run in a form that this version reads (record {FORMAT})")
    return lines, len(whole)


def lean(step: dict[str, Any], task: Any, state: Any) -> dict[str, Any]:
    """A step's line without what stands above it: the task, and a state before that is the last state after."""
    if step["before"] == state:
        del step["before"]
    for side in ("before", "after"):
        if side in step and step[side]["task"] == task:
            del step[side]["task"]
    return step


def full(step: dict[str, Any], task: Any, state: Any) -> dict[str, Any]:
    """The inverse of `lean`."""
    step = {"before": state, **step}
    return {**step, **{side: {"task": task, **step[side]} for side in ("before", "after")}}
