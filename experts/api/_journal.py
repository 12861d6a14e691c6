"""The ledgers on disk: JSON lines, one when a request leaves and one when it has ended, each flushed at once.

So a crash loses nothing that was paid for: a request without its second line was under way. Lines hold models, outcomes
and prices; no words, no pictures, no keys. Several processes may write to one file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from experts.api._charge import Charge

VARIABLE = "EXPERTS_LEDGER"
"""The environment variable that names the file; not set: ledgers are kept in memory only."""


class Journal:
    """A file that is written to line by line.

    Raises:
        ValueError: the file cannot be written.
    """

    def __init__(self, file: str | Path) -> None:
        self.path = Path(file).expanduser()
        self._lock = Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            self._mend()
        except OSError as error:
            why = f"{VARIABLE}={str(file)!r} cannot be written ({error.strerror}): set it to another file"
            raise ValueError(why) from None

    def _mend(self) -> None:
        """A line that a crash left half written gets its end, so that the next one stands alone."""
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")

    def write(self, run: str, service: str, charge: Charge) -> None:
        """Appends the charge of the ledger `run` as it stands now: one write, in the file when this returns.

        Raises OSError.
        """
        row = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "run": run, "service": service}
        line = json.dumps(row | dataclasses.asdict(charge), ensure_ascii=False) + "\n"
        with self._lock:
            if os.write(self._file, line.encode()) < len(line.encode()):
                with contextlib.suppress(OSError):
                    os.write(self._file, b"\n")  # so that the next line stands alone
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Entry(NamedTuple):
    """A request as the file tells it: when it was last written of (UTC, ISO 8601), which ledger, service, charge."""

    at: str
    run: str
    service: str
    charge: Charge


def read(file: str | Path) -> list[Entry]:
    """Every request in a file, as its last line says, in the order in which they left; damaged lines are left out.

    Withdrawn requests (no connection) are left out. Raises OSError: no such file.
    """
    latest: dict[tuple[str, str, int], Entry] = {}
    for row in _rows(Path(file)):
        entry = _entry(row)
        if entry is not None:
            latest[entry.run, entry.service, entry.charge.number] = entry
    return [entry for entry in latest.values() if entry.charge.outcome != "withdrawn"]


def _rows(file: Path) -> Iterator[Any]:
    with file.open("rb") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:
                continue


def _entry(row: Any) -> Entry | None:

    try:
        charge = Charge(**{field.name: row[field.name] for field in dataclasses.fields(Charge)})
        return Entry(str(row["at"]), str(row["run"]), str(row["service"]), charge)
    except (KeyError, TypeError):
        return None


_JOURNALS: dict[str, Journal] = {}
_LOCK = Lock()


def journal() -> Journal | None:
    """The journal that the environment asks for, one a file and process. Raises ValueError: it cannot be written."""
    named = os.environ.get(VARIABLE, "")
    if not named:
        return None
    with _LOCK:
        if named not in _JOURNALS:
            _JOURNALS[named] = Journal(named)
        return _JOURNALS[named]
