"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path
from threading import get_ident


def write_whole(path: Path, data: bytes, lasting: bool = True) -> None:
    """Writes beside the file, then renames: whoever reads sees all or nothing. Makes the folder where it is missing.

    `lasting`: on the disk before this returns, so that not even a crash of the machine loses it. Raises OSError; what
    stood there before stays then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
