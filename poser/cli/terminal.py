"""What reaches a terminal: text whose control characters are visible, JSON in any code page, no library's progress."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
}
"""What keeps the libraries' own progress out of ours, unless the user set it."""
_JOINERS = "\u200c\u200d"
"""Formatting characters that scripts and emoji need."""


def quiet() -> None:
    """Libraries that are imported from now on draw no bars."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def visible(text: str) -> str:
    """The text with everything that a terminal would obey, or cannot show, written out: '\\x1b' for an escape.

    Line breaks and tabs stay.
    """
    return "".join(c if c.isprintable() or c in "\n\t" or c in _JOINERS else repr(c)[1:-1] for c in text)


def line(text: str) -> str:
    """The same in one line."""
    return visible(" ".join(text.split()))


def say(text: str) -> None:
    """Prints for people, on stdout."""
    print(visible(text))


def complain(text: str) -> None:
    """Prints one line on stderr, behind the program's name."""
    print(f"poser: {line(text)}", file=sys.stderr)


def note(text: str) -> None:
    """Prints what is to be known before the first call, if anything is."""
    if text:
        complain(f"note: {text}")


def tell(data: Any, indent: int | None = 2) -> None:
    """Prints JSON on stdout; characters that its encoding lacks are escaped."""
    unicode = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
    print(json.dumps(data, ensure_ascii=not unicode, indent=indent, allow_nan=False))


def safe_streams() -> None:
    """Characters that an output's encoding lacks are escaped; an output that is closed is a file that nobody reads."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  (open until the end)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def drop_stdout() -> None:
    """Nothing more is written there, not even at the end of the process: its reader is gone, or its disk is full."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
