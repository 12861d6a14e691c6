"""Files that are whole or not there, and folders that one process at a time writes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path
from threading import get_ident

_PART = re.compile(r"\..+\.(\d+)-\d+\.part")


class FolderInUse(ValueError):
    """Another process writes into the folder; the message is one line."""


def write_whole(path: Path, data: bytes, lasting: bool = True, replace: bool = True) -> None:
    """Writes beside the file, then renames: whoever reads sees all or nothing. Makes the folder where it is missing.

    `lasting`: on the disk before this returns, so that not even a crash of the machine loses it. `replace`: whether it
    may take the place of another file; a link is replaced itself, never written through. Raises OSError
    (FileExistsError: it may not); what stood there before stays then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        if replace:
            os.replace(part, path)
        else:
            _put(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _put(part: Path, path: Path) -> None:
    """Renames to where nothing is. Raises FileExistsError where something is."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.replace(part, path)
    else:
        part.unlink()


def sweep(folder: Path) -> None:
    """Removes what writes of processes that are gone left half done in a folder. Never raises OSError."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            found = _PART.fullmatch(path.name)
            if found and not _alive(int(found[1])):
                with contextlib.suppress(OSError):
                    path.unlink()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def held(folder: Path, new: bool = False) -> Iterator[None]:
    """A folder that this process alone writes, as long as the context is open. It is made where it is missing, parents
    too; those that are still empty in the end are removed again.

    The lock is the folder's own (flock): it leaves no file and ends with the process, however that ends. File systems
    without locks have none. Raises FolderInUse, OSError (FileExistsError where `new` and it is there).
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    handle = _locked(folder, new)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # not empty, or not there any more
            for path in made:
                path.rmdir()
        os.close(handle)


def _locked(folder: Path, new: bool) -> int:
    """The open, locked folder."""
    while True:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=not new)
        handle = -1
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            with contextlib.suppress(NotImplementedError):
                _flock(handle)
            if os.path.samestat(os.fstat(handle), os.stat(folder)):
                return handle
        except BlockingIOError:
            os.close(handle)
            raise FolderInUse(f"another process writes into {str(folder)!r}: wait for it, or give another") from None
        except FileNotFoundError:  # the one that had it has removed it in between
            pass
        except BaseException:
            if handle >= 0:
                os.close(handle)
            raise
        if handle >= 0:
            os.close(handle)


def _flock(handle: int) -> None:
    """Raises BlockingIOError where another has it, NotImplementedError where the file system has no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        raise NotImplementedError(error.strerror) from None
