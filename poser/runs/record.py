"""A run on disk, written as it goes: trajectory.jsonl, steps/NN-*.png, config.yaml, final.png; and back again.

trajectory.jsonl: a header, one line a step, and a last line once everything else is there. Every picture is a file that
a line names by relative path and digest, written before the line. So a run that is cut off keeps every finished step,
and `load(folder)` gives back exactly what was recorded. Pictures never take the place of another file; what is replaced
or deleted is what a log of ours names, and nothing is written through a link.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from experts.files import sweep, write_whole
from experts.images import png
from poser.runs.codec import pack, unpack
from poser.runs.pictures import STEPS, Pictures
from poser.types import PoserError, Step, Task, Trajectory

FORMAT = 1
LOG = "trajectory.jsonl"
FINAL, REPORT, CONFIG = "final.png", "report.html", "config.yaml"
MAX_LINE, MAX_LINES = 8 * 2**20, 10_000
"""Bytes of a line of the log, and lines."""
_PATH = re.compile(rf"{STEPS}/[A-Za-z0-9._-]+\.png")


def about(whole: Trajectory) -> dict[str, str]:
    """What the delivered picture's file says of how it was made; nothing where the config's `metadata` is off."""
    if not whole.config.get("metadata", True):
        return {}
    models = dict.fromkeys(step.action.expert for step in whole.steps if step.accepted and step.action.expert)
    return {"prompt": whole.task.prompt, "seed": str(whole.task.seed), "models": ", ".join(models), "software": "poser"}


def given(task: Task) -> list[tuple[str, Image.Image]]:
    """The pictures that a task came with, and the names of their files under `steps/`, without '.png'."""
    found = [("00-input", task.image), *((f"00-reference-{n}", p) for n, p in enumerate(task.references, start=1))]
    return [(name, image) for name, image in (*found, ("00-mask", task.mask)) if image is not None]


class Recorder:
    """Writes one run into `folder`; with `overwrite` it removes an earlier one first. `start` is the first to write.

    Whoever uses it holds the folder (`experts.files.held`). `count`: steps on disk.
    """

    def __init__(self, folder: str | os.PathLike[str], overwrite: bool = False) -> None:
        self.folder = Path(folder)
        self._overwrite = overwrite
        self._pictures = Pictures(self.folder)
        self._header: dict[str, Any] = {}
        self._state: Any = None
        self.count = 0

    def start(self, begun: Trajectory) -> None:
        """Writes the header; or takes up an unfinished record of the same run, cutting off a torn last line.

        Raises PoserError: the folder cannot be written, holds a finished run, another one, or files of somebody else.
        """
        with self._writing():
            if not self._header:
                self._own()
                if self._overwrite:
                    clear(self.folder)
                elif begun_in(self.folder):
                    self._take_up()
            for name, image in given(begun.task):
                self._pictures.keep(image, name)
            data = pack(begun, Trajectory, self._pictures.keep)
            header = {"record": FORMAT, **{name: value for name, value in data.items() if name != "steps"}}
            for part in ("task", "policy", "actions"):
                if self._header and self._header[part] != header[part]:
                    raise PoserError(f"the run in {str(self.folder)!r} began with another {part}; choose another --out")
            if not self._header:
                self._append(header, first=True)
            if not (self.folder / CONFIG).exists():
                write_whole(self.folder / CONFIG, yaml.safe_dump(dict(begun.config), sort_keys=False).encode())
            self._header = header

    def step(self, step: Step) -> None:
        """Appends one step: first its pictures, then its line. Raises PoserError: it cannot be written."""
        number, request, result = f"{self.count + 1:02d}", step.request, step.result
        with self._writing():
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
            self._append({"step": self.count + 1, **lean(line, self._header["task"], self._state)})
        self.count += 1
        self._state = after

    def end(self, whole: Trajectory, report: bytes | None = None) -> None:
        """Writes final.png, the report where one is given, and the last line. After this the run is finished.

        Raises PoserError: it cannot be written.
        """
        final = None
        with self._writing():
            for image in whole.images:
                write_whole(self.folder / FINAL, png(image, about(whole)))
                final = self._pictures.keep(image, "final")
            if report is not None:
                write_whole(self.folder / REPORT, report)
            self._append({"end": {"steps": self.count, "final": final}})

    def _own(self) -> None:
        """Raises PoserError for what is in the way and nobody's to replace; removes what killed writes left."""
        log, steps = self.folder / LOG, self.folder / STEPS
        ours = os.path.lexists(log)
        if ours and (log.is_symlink() or not _is_log(log)):
            raise PoserError(f"{log} is a link, or no log of a run: it stays as it is; choose another --out")
        if os.path.lexists(steps) and (steps.is_symlink() or not steps.is_dir()):
            raise PoserError(f"{steps} is no folder of this run's own: it stays as it is; choose another --out")
        for name in (FINAL, REPORT, CONFIG):
            if os.path.lexists(self.folder / name) and not ours:
                raise PoserError(
                    f"{str(self.folder)!r} holds a {name} that belongs to no run: it stays as it is; "
                    "choose another --out"
                )
        for folder in (self.folder, steps):
            sweep(folder)

    def _take_up(self) -> None:
        lines, size = _lines(self.folder)
        if "end" in lines[-1]:
            raise PoserError(f"the run in {str(self.folder)!r} is finished; choose another --out, or add --overwrite")
        recorded = load(self.folder, self._pictures)
        os.truncate(self.folder / LOG, size)
        self._header, self.count = lines[0], len(recorded.steps)
        if recorded.steps:
            self._state = pack(recorded.steps[-1], Step, self._pictures.keep)["after"]

    def _append(self, line: Mapping[str, Any], first: bool = False) -> None:
        """One line more; the first one cuts off what a killed start left of another."""
        text = json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"
        how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | (os.O_TRUNC if first else 0)
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(os.open(self.folder / LOG, how, 0o666), "ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kept = f"; {self.count} steps are kept there" if self.count else ""
            why = error.strerror or str(error)
            raise PoserError(
                f"cannot write {str(self.folder)!r}: {why}{kept}; make room there, or choose another --out"
            ) from None


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
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, OSError) as error:
        place = f"step {len(steps) + 1}" if len(lines) > 1 else "the header"
        raise PoserError(f"{folder / LOG} is damaged at {place}: {error!s:.200}; begin a new run") from None
    return replace(whole, steps=tuple(steps))


def begun_in(folder: str | os.PathLike[str]) -> bool:
    """Whether a run is recorded there, finished or not: a log with a whole first line."""
    try:
        with open(Path(folder) / LOG, "rb") as file:
            return file.readline(MAX_LINE).endswith(b"\n")
    except OSError:
        return False


def finished(folder: str | os.PathLike[str]) -> bool:
    """Whether the run recorded in `folder` came to its end. Raises PoserError: no run there."""
    return "end" in _lines(Path(folder))[0][-1]


def candidates(folder: Path) -> list[str | None]:
    """The file of every step's candidate, relative to `folder`; None where a step made none."""
    results = [line["result"] or {} for line in _lines(folder)[0] if "step" in line]
    return [(result.get("image") or {}).get("path") for result in results]


def clear(folder: Path) -> None:
    """Removes the record of an earlier run: what its log names, and the log last. Raises OSError."""
    if not os.path.lexists(folder / LOG):
        return
    with contextlib.suppress(PoserError):  # a log that is cut off or damaged names less
        for path in sorted(_named(_lines(folder)[0])):
            if not (folder / path).is_symlink():
                (folder / path).unlink(missing_ok=True)
    for name in (FINAL, REPORT, CONFIG, LOG):
        (folder / name).unlink(missing_ok=True)


def _named(data: Any) -> set[str]:
    """The files of pictures that some lines of a log name."""
    if isinstance(data, list):
        return set().union(*map(_named, data))
    if not isinstance(data, dict):
        return set()
    path = data.get("path")
    own = {path} if isinstance(path, str) and "sha256" in data and _PATH.fullmatch(path) else set()
    return own.union(*map(_named, data.values()))


def _is_log(path: Path) -> bool:
    """Whether a file is a log of ours, perhaps cut off within its first words."""
    start = b'{"record": '
    try:
        with path.open("rb") as file:
            found = file.read(len(start))
    except OSError:
        return False
    return start.startswith(found)


def _lines(folder: Path) -> tuple[list[dict[str, Any]], int]:
    """Every whole line of the log and the bytes they take; a last line that was cut off is left out."""
    log, lines, size = folder / LOG, list[dict[str, Any]](), 0
    if not log.is_file():
        raise PoserError(f"no run in {str(folder)!r}: there is no {LOG}; give the folder of a `poser run`")
    try:
        with log.open("rb") as file:
            while (text := file.readline(MAX_LINE)).endswith(b"\n"):
                lines.append(_parsed(text))
                size += len(text)
                if len(lines) > MAX_LINES:
                    raise ValueError(f"there are more than {MAX_LINES:,}")
            if len(text) == MAX_LINE:
                raise ValueError(f"it has more than {MAX_LINE // 2**20} MiB")
    except (OSError, ValueError, RecursionError) as error:
        why = f"{error!s:.200}"
        raise PoserError(f"{log} is damaged at line {len(lines) + 1}: {why}; begin a new run") from None
    if not lines:
        raise PoserError(f"no run in {str(folder)!r} yet: it was cut off before its first line; begin it once more")
    if lines[0].get("record") != FORMAT:
        raise PoserError(f"{log} holds no run in a form that this version reads (record {FORMAT})")
    return lines, size


def _parsed(text: bytes) -> dict[str, Any]:
    """A line of the log. Raises ValueError: no JSON object, a bare NaN, text that is no Unicode."""
    line = json.loads(text, parse_constant=lambda name: _refuse(f"{name} is no number"))
    if not isinstance(line, dict):
        raise ValueError("it is no JSON object")
    if b"\\ud" in text.lower():  # perhaps half of a pair
        json.dumps(line, ensure_ascii=False).encode()
    return line


def _refuse(why: str) -> None:
    raise ValueError(why)


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
