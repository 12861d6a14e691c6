"""`poser push`: a trained policy to the Hugging Face hub, with a card written from it; run it with dqn:hf://OWNER/NAME."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from poser.cli import terminal


def add(commands: Any) -> None:
    """Says what `poser push` takes."""
    command = commands.add_parser("push", help="a policy to the Hugging Face hub", description=__doc__)
    command.add_argument("policy", metavar="FOLDER", help="that poser train wrote")
    command.add_argument("repo", metavar="OWNER/NAME", help="created where there is none")
    command.add_argument("--public", action="store_true", help="a new repository is public (default: private)")
    command.add_argument("--license", default="", metavar="ID", help="on the card: apache-2.0")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Pushes; gives the exit code."""
    from poser.learned import on_hub

    where = on_hub.push(Path(args.policy), args.repo, not args.public, args.license)
    terminal.say(f"pushed: {where}\nrun it: poser run PROMPT --policy dqn:{on_hub.PREFIX}{args.repo}")
    return 0
