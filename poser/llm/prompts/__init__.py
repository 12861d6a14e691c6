"""What language models are told, in files: NAME-VERSION.md. A change of words is a new version.

The files are package data. `data-1.md` stands before every one of them: it says that what others wrote is data.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from poser.types import PoserError

FOLDER = Path(__file__).parent
PREFACE = "data-1"
LONGEST = 50_000
"""Characters of a prompt file."""


@dataclass(frozen=True)
class Prompt:
    """A prompt: its id, 'NAME@DIGEST' with 8 hexadecimal digits over all its words, and the words."""

    id: str
    text: str


def names() -> list[str]:
    """Every prompt there is a file for."""
    return sorted(file.stem for file in FOLDER.glob("*.md"))


@cache
def prompt(name: str) -> Prompt:
    """The prompt of that name ('judge-2'), or in a file of one's own ('./mine.md').

    Raises PoserError: no such prompt, or a file that is no short text.
    """
    known = FOLDER / f"{name}.md"
    file = known if name in names() else Path(name).expanduser()
    if file.suffix != ".md" or not file.is_file():
        raise PoserError(f"no such prompt {name!r}; type one of {', '.join(names())}, or the path of a .md file")
    try:
        words = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PoserError(f"prompt {name!r} cannot be read ({type(error).__name__}); give a UTF-8 text file") from None
    if not 0 < len(words) <= LONGEST:
        raise PoserError(f"prompt {name!r} has {len(words)} characters; give 1 to {LONGEST}")
    preface = (FOLDER / f"{PREFACE}.md").read_text("utf-8").strip()
    text = f"{preface}\n\n{words}"
    return Prompt(f"{file.stem}@{hashlib.sha256(text.encode()).hexdigest()[:8]}", text)
