"""A file of many tasks, and the folder of what came of them: ID.png a task, one line each in results.jsonl, index.html.

A line is `{"prompt": ..., "id": ..., "image": ..., "seed": ..., "max_steps": ...}`; all but the prompt may be missing.
`image` may be a list (the first is changed, the others are references); `mask`, `size`, `quality` and `transparent` are
those of `Poser.task`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from experts.files import write_whole
from experts.images import png
from poser.runs.summary import number, summarise
from poser.types import PoserError, Trajectory

RESULTS, INDEX = "results.jsonl", "index.html"
MAX_LINE, MAX_LINES = 2**20, 1_000_000
FIELDS = ("prompt", "id", "image", "seed", "max_steps", "mask", "size", "quality", "transparent")
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Line:
    """A task of the file, by its id (the line's number where it has none), or why it is none (`error`)."""

    id: str
    data: Mapping[str, Any]
    error: str = ""


def lines(file: Path) -> Iterator[Line]:
    """Every line that is not empty; a bad one is a `Line` with an error. Raises PoserError: no such file."""
    seen = set[str]()
    try:
        stream = file.open("rb")
    except OSError as error:
        raise PoserError(f"cannot read {str(file)!r}: {error.strerror}; give a file of JSON lines") from None
    with stream:
        for count in range(1, MAX_LINES + 1):
            text = stream.readline(MAX_LINE + 1)
            if not text:
                return
            if len(text) > MAX_LINE:
                raise PoserError(f"{file}, line {count}: more than {MAX_LINE:,} bytes; make it shorter")
            if text.strip():
                line = _line(text, f"{count:06d}")
                if line.id in seen:
                    line = Line(f"line-{count}", {}, f"id {line.id!r} stands there twice")
                seen.add(line.id)
                yield line
    raise PoserError(f"{file} has more than {MAX_LINES:,} lines; cut it into several")


def _line(text: bytes, name: str) -> Line:
    try:
        data = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return Line(name, {}, f"no JSON: {' '.join(str(error).split()):.120}")
    if isinstance(data, str):
        data = {"prompt": data}
    if not isinstance(data, dict):
        return Line(name, {}, "no JSON object")
    given = data.get("id", name)
    id = str(given) if isinstance(given, str | int) and not isinstance(given, bool) else ""
    if not _ID.fullmatch(id):
        return Line(name, {}, f"id {given!r:.60} is no file name of letters, digits, '.', '_' and '-'")
    strange = next((key for key in data if key not in FIELDS), None)
    if strange is not None:
        return Line(id, {}, f"no field {strange!r:.60}; there are {', '.join(FIELDS)}")
    return Line(id, data)


class Results:
    """What came of the tasks, in a folder, a line each; reading it again tells what is done.

    `rows`: by id, the latest.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows = folder, dict[str, dict[str, Any]]()
        file = folder / RESULTS
        if not file.exists():
            return
        size = 0
        with file.open("rb") as stream:
            while (text := stream.readline(MAX_LINE)).endswith(b"\n"):
                try:
                    row = json.loads(text)
                    self.rows[row["id"]] = row
                except (ValueError, TypeError, KeyError):
                    raise PoserError(f"{file} is no record of a batch; choose another --out") from None
                size += len(text)
        os.truncate(file, size)

    def done(self, line: Line, preset: str, policy: str) -> bool:
        """Whether this very task was carried out before and its picture is there."""
        row = self.rows.get(line.id)
        if row is None or row.get("error") or row["task"] != dict(line.data):
            return False
        told = (row["preset"], row["policy"]) == (preset, policy)
        return told and (row["picture"] is None or (self.folder / row["picture"]).is_file())

    def keep(self, line: Line, whole: Trajectory, preset: str) -> None:
        """The picture, then its line. Raises OSError."""
        picture = f"{line.id}.png" if whole.images else None
        if picture:
            write_whole(self.folder / picture, png(whole.images[0]))
        summary = summarise(whole)
        self._append(
            {
                **{"id": line.id, "task": dict(line.data), "preset": preset, "policy": whole.policy},
                **{"picture": picture, "standing": summary.standing, "ends": [e._asdict() for e in summary.ends]},
                **{"harmed": list(summary.harmed), "calls": summary.calls, "usd": number(summary.usd, 6)},
                **{"seconds": number(summary.seconds), "error": ""},
            }
        )

    def fail(self, line: Line, error: str, preset: str, policy: str) -> None:
        """Why a line came to nothing. Raises OSError."""
        row = {"id": line.id, "task": dict(line.data), "preset": preset, "policy": policy, "picture": None}
        self._append({**row, "standing": "none", "ends": [], "calls": 0, "usd": 0, "seconds": 0, "error": error})

    def _append(self, row: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / RESULTS, "ab") as file:
            file.write(json.dumps(row).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.rows[row["id"]] = row

    def index(self) -> Path:
        """Writes the page of all of them. Raises OSError."""
        page = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
        text = page.get_template("batch.html.j2").render(rows=list(self.rows.values()))
        write_whole(self.folder / INDEX, text.encode())
        return self.folder / INDEX
