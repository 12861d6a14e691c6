"""Processes that are stopped on purpose: at their k-th file operation, or after so many seconds, by any signal.

Each is a fork of this one, so that nothing has to be imported again.
"""

from __future__ import annotations

import builtins
import contextlib
import os
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Work = Callable[[], int]
"""What a process does; its exit code."""
_EVENTS = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink")


def run(work: Work, folder: Path, said: Path | None = None) -> int:
    """Does the work in a process of its own, in `folder`; gives its exit code, or minus the signal that ended it.

    `said`: a file for what it prints; None: nobody hears it.
    """
    return ended(begun(work, folder, said))


def killed_at(work: Work, k: int, folder: Path) -> int:
    """The same, killed (SIGKILL) at its `k`-th file operation in `folder`, before it is done; half of a write is."""
    return ended(begun(lambda: _counting(work, folder, k)[0], folder))


def stopped(work: Work, seconds: float, folder: Path, number: int = signal.SIGKILL, said: Path | None = None) -> int:
    """The same, sent a signal after some seconds."""
    process = begun(work, folder, said)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(min(0.005, max(0.0, until - time.monotonic())))
    os.kill(process, number)
    return ended(process)


def operations(work: Work, folder: Path) -> int:
    """How many file operations in `folder` the work takes."""
    out, into = os.pipe()

    def counted() -> int:
        code, count = _counting(work, folder, sys.maxsize)
        os.write(into, struct.pack("q", count))
        return code

    code = ended(begun(counted, folder))
    os.close(into)
    data = os.read(out, 8)
    os.close(out)
    if len(data) != 8:
        raise RuntimeError(f"the uninterrupted process ended with {code}")
    return int(struct.unpack("q", data)[0])


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Waits until something holds. Raises TimeoutError."""
    last = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > last:
            raise TimeoutError
        time.sleep(0.005)


def ended(process: int) -> int:
    """Waits for a process; gives its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def begun(work: Work, folder: Path, said: Path | None = None) -> int:
    """Begins the work in a process of its own; gives its id."""
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        os.chdir(folder)
        sink = os.open(said or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(sink, 1), os.dup2(sink, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = work()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)


def _counting(work: Work, folder: Path, last: int) -> tuple[int, int]:
    """Does the work; SIGKILL at file operation number `last` in `folder`. Its exit code, and how many there were."""
    count, root = 0, str(folder.resolve())

    def operation() -> None:
        nonlocal count
        count += 1
        if count >= last:
            os.kill(os.getpid(), signal.SIGKILL)

    def here(path: Any) -> bool:
        try:
            return os.path.abspath(os.fsdecode(path)).startswith(root)
        except TypeError:  # a file that is open
            return False

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event in _EVENTS
        if event == "open":
            _, mode, flags = arguments
            writes = bool(mode and set(mode) & set("wax+")) or (not mode and bool(flags & (os.O_WRONLY | os.O_RDWR)))
        if writes and here(arguments[0]):
            operation()

    sys.addaudithook(hook)
    settle, plain = os.fsync, builtins.open

    def fsync(handle: Any) -> None:
        operation()
        settle(handle)

    def opened(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        found = plain(file, mode, *more, **named)
        return _Halves(found, operation) if "b" in mode and set(mode) & set("wax+") else found

    os.fsync, builtins.open = fsync, opened  # type: ignore[assignment]
    return work(), count


class _Halves:
    """A file whose every write is done in two halves, with an operation between them."""

    def __init__(self, file: Any, operation: Callable[[], None]) -> None:
        self.file, self.operation = file, operation

    def write(self, data: bytes) -> int:
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        self.operation()
        return len(data) // 2 + int(self.file.write(data[len(data) // 2 :]))

    def __enter__(self) -> _Halves:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)
