"""`poser completion`: a script that completes commands and options in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

SHELLS = ("bash", "zsh", "tcsh")


def add(commands: Any, parser: Callable[[], argparse.ArgumentParser]) -> None:
    """Says what `poser completion` takes; `parser` makes the whole parser anew."""
    about = 'print a script that completes commands and options: eval "$(poser completion bash)"'
    command = commands.add_parser("completion", help=about, description=__doc__)
    command.add_argument("shell", choices=SHELLS)
    command.set_defaults(call=lambda args: call(args, parser()))


def call(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Prints; gives the exit code."""
    import shtab

    print(shtab.complete(parser, shell=args.shell))
    return 0
