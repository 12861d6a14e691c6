"""`poser replay`: redraws report.html and final.png of a recorded run; no model is loaded."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from poser.cli import terminal


def add(commands: Any) -> None:
    """Says what `poser replay` takes."""
    command = commands.add_parser("replay", help="redraw the report of a run", description=__doc__)
    command.add_argument("folder", metavar="DIR", help="the folder of a run, finished or not")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Redraws; gives the exit code."""
    from poser.cli.run import redraw
    from poser.runs.record import load
    from poser.types import PoserError

    folder = Path(args.folder)
    whole = load(folder)
    try:
        files = redraw(whole, folder)
    except OSError as error:
        raise PoserError(f"cannot write {str(folder)!r}: {error.strerror}; copy the run elsewhere first") from None
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise PoserError(f"the record in {str(folder)!r} is damaged: {error!s:.200}; begin a new run") from None
    terminal.say("\n".join(map(str, files)))
    return 0
