"""`poser serve`: an OpenAI-compatible images server, and the studio, a page in the browser."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from poser.cli import terminal


def add(commands: Any) -> None:
    """Says what `poser serve` takes."""
    command = commands.add_parser("serve", help="answer OpenAI's image requests, over HTTP", description=__doc__)
    command.add_argument("--preset", action="append", help="a preset or a config file, repeatable (default: poster)")
    command.add_argument("--engine", choices=("here", "ray"), help="where models run (default: the preset's, here)")
    command.add_argument("--host", default="127.0.0.1", help="where to listen; beyond this machine keys are required")
    command.add_argument("--port", type=int, default=8000, help="0: a free one (default: 8000)")
    command.add_argument("--keys", metavar="FILE", help="API keys, one a line; also in POSER_API_KEYS")
    command.add_argument("--seats", type=int, default=16, help="episodes at once (default: 16)")
    command.add_argument("--backlog", type=int, default=32, help="episodes that may wait (default: 32)")
    command.add_argument(
        "--rate", type=float, default=0, metavar="N", help="pictures a minute and caller (0: no limit)"
    )
    command.add_argument("--max-steps", type=int, default=20, metavar="N", help="expert calls a picture (default: 20)")
    command.add_argument("--max-body", type=int, default=20, metavar="MIB", help="largest request (default: 20)")
    command.add_argument(
        "--max-pixels", type=int, default=16_000_000, metavar="PX", help="of a picture (default: 16e6)"
    )
    command.add_argument("--timeout", type=float, default=600, metavar="S", help="of a request (default: 600)")
    command.add_argument("--grace", type=float, default=20, metavar="S", help="for episodes to end when it stops")
    command.add_argument("--runs", metavar="DIR", help="record every episode there, to look at and to resume")
    command.add_argument("--origin", action="append", default=[], metavar="URL", help="a page that may call it (CORS)")
    command.add_argument("--log-prompts", action="store_true", help="prompts are logged (default: their length)")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Serves until it is stopped; gives the exit code."""
    import uvicorn  # noqa: F401  (missing: said before anything is loaded)

    from poser import limits
    from poser.roster import restricted
    from poser.serve import settings as allowed
    from poser.serve.catalogue import agents
    from poser.serve.engine import Engine
    from poser.types import PoserError

    for name, low, high in (("port", 0, 65535), ("seats", 1, 4096), ("backlog", 1, 100_000), ("max_body", 1, 1024)):
        limits.whole(getattr(args, name), low, high, f"--{name.replace('_', '-')}")
    limits.whole(args.max_pixels, 1, 64_000_000, "--max-pixels"), limits.steps(args.max_steps, "--max-steps")
    for name, low in (("rate", 0), ("timeout", 1), ("grace", 0)):
        if not low <= getattr(args, name) <= 86_400:
            raise PoserError(f"--{name} {getattr(args, name)} is out of range; give {low} to 86400")
    keys = allowed.read_keys(args.keys)
    allowed.checked(args.host, keys)
    settings = allowed.Settings(
        keys=keys,
        loopback=allowed.on_loopback(args.host),
        origins=tuple(args.origin),
        body=args.max_body * 2**20,
        pixels=args.max_pixels,
        steps=args.max_steps,
        rate=args.rate,
        timeout=args.timeout,
        log_prompts=args.log_prompts,
        runs=Path(args.runs) if args.runs else None,
    )
    terminal.quiet()
    from poser.serve.server import serve

    served = agents(args.preset or ["poster"], args.engine)
    terminal.note(restricted(card for agent in served.values() for card in agent.mdp.actions.cards.values()))
    serve(Engine(served, args.seats, args.backlog), settings, args.host, args.port, args.grace)
    return 0
