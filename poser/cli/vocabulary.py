"""`poser vocabulary`: what can be said to the embedded world, and what it cannot show."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from pathlib import Path
from typing import Any

from poser.cli import terminal


def add(commands: Any) -> None:
    """Says what `poser vocabulary` takes."""
    command = commands.add_parser("vocabulary", help="what can be said to the embedded world", description=__doc__)
    command.add_argument("--language", default="en", metavar="CODE", help="words of en, de, es, fr, ... (default: en)")
    command.add_argument("--picture", metavar="FILE", help="write a PNG that shows the shapes, colours and places")
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Prints the words by what they stand for; gives the exit code. Raises PoserError for another language."""
    from experts.files import write_whole
    from experts.images import png
    from experts.poster.language.vocabulary import LIMITS, languages, sheet, vocabulary
    from poser.types import PoserError

    if args.language not in languages():
        raise PoserError(f"no words of {args.language!r}; type one of {', '.join(languages())}")
    known = vocabulary(args.language)
    if args.picture:
        write_whole(Path(args.picture), png(sheet()))
    if args.json:
        terminal.tell({"language": args.language, "words": known, "limits": LIMITS})
        return 0
    width = min(100, shutil.get_terminal_size((100, 24)).columns)
    for name, words in known.items():
        print(textwrap.fill(", ".join(words), width, initial_indent=f"{name:12s}", subsequent_indent=" " * 12))
    print("\n".join(["", *(textwrap.fill(limit, width) for limit in LIMITS)]))
    return 0
