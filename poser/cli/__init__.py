"""The `poser` command. Each file holds one subcommand: `add(subparsers)` says what it takes, the rest does it.

Exit codes: 0 done, 1 no picture (or, for `doctor`, a preset that cannot run), 2 bad input, 3 a picture that does not
satisfy everything, 130 interrupted, 143 terminated.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from poser.cli import (
    batch,
    completion,
    doctor,
    download,
    experts,
    export,
    mcp,
    probe,
    push,
    replay,
    run,
    serve,
    terminal,
    train,
    vocabulary,
)
from poser.versions import VERSION

EXTRAS = dict.fromkeys(("gymnasium", "matplotlib", "sb3_contrib", "stable_baselines3", "tensorboard"), "train")
EXTRAS |= dict.fromkeys(("httpx2", "openai"), "api")
EXTRAS |= dict.fromkeys(("fastapi", "prometheus_client", "python_multipart", "starlette", "uvicorn"), "serve")
EXTRAS |= {"mcp": "mcp", "ray": "ray"}
"""Packages that come with an extra of ours."""


class _Parser(argparse.ArgumentParser):
    """Bad input is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"poser: {terminal.line(message)}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The parser of all subcommands; `call` of the parsed arguments is what to do."""
    top = _Parser(prog="poser", description="Carries out long image instructions with many models, step by step.")
    top.add_argument("--version", action="version", version=f"poser {VERSION}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (run, batch, serve, mcp, vocabulary, experts, probe, train, export, push, replay, doctor, download):
        command.add(commands)
    completion.add(commands, parser)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; gives the exit code."""
    from poser import limits

    terminal.safe_streams()
    arguments = sys.argv[1:] if argv is None else list(argv)
    for number, argument in enumerate(arguments, 1):
        if limits.not_text(argument):
            terminal.complain(f"argument {number} is no UTF-8 text: {argument[:80]!r}; set your terminal to UTF-8")
            return 2
    args = parser().parse_args(arguments)
    try:
        code = int(args.call(args))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        terminal.complain("interrupted")
        return 130
    except BrokenPipeError:  # the reader went away, as `head` does
        terminal.drop_stdout()
        return 0
    except Exception as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0]) if isinstance(error, ModuleNotFoundError) else None
        if extra:
            terminal.complain(f"this needs more packages; type: pip install 'poser[{extra}]'")
        elif isinstance(error, OSError):
            where = f": {error.filename}" if error.filename else ""
            terminal.complain(f"{error.strerror or error}{where}; check the path, its permissions and the room there")
            terminal.drop_stdout()
        elif _users(error):
            terminal.complain(str(error))
        else:
            raise
        return 2


def _users(error: Exception) -> bool:
    """Whether the user can mend it: a PoserError, or one of the ValueErrors that `experts` defines."""
    from poser.types import PoserError

    own = type(error).__module__.partition(".")[0] == "experts"
    return isinstance(error, PoserError) or (own and isinstance(error, ValueError))
