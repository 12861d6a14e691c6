"""`poser mcp`: poser as tools for agents, over the Model Context Protocol."""

from __future__ import annotations

import argparse
from typing import Any

from poser.cli import terminal


def add(commands: Any) -> None:
    """Says what `poser mcp` takes."""
    command = commands.add_parser("mcp", help="be tools for an agent (MCP)", description=__doc__)
    command.add_argument("--preset", default="poster", help="a preset or a config file (default: poster)")
    command.add_argument("--http", action="store_true", help="listen on this machine instead of standard input")
    command.add_argument("--port", type=int, default=8001, help="with --http (default: 8001)")
    command.add_argument("--max-steps", type=int, default=20, metavar="N", help="expert calls a picture (default: 20)")
    command.add_argument("--timeout", type=float, default=600, metavar="S", help="of a picture (default: 600)")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Serves until its standard input ends, or it is stopped; gives the exit code."""
    import contextlib

    import mcp  # noqa: F401  (missing: said before anything is loaded)

    from poser import limits
    from poser.agent import Poser
    from poser.roster import reachable
    from poser.serve.engine import Engine
    from poser.serve.settings import Settings
    from poser.types import PoserError

    limits.whole(args.port, 1, 65535, "--port"), limits.steps(args.max_steps, "--max-steps")
    if not 1 <= args.timeout <= 86_400:
        raise PoserError(f"--timeout {args.timeout} is out of range; give 1 to 86400")
    terminal.quiet()
    agent = Poser.from_pretrained(args.preset)
    reachable(agent.registry, agent.config.name)
    from poser.serve.tools import make

    engine = Engine({agent.config.name: agent})
    server = make(engine, Settings(steps=args.max_steps, timeout=args.timeout))
    with contextlib.suppress(KeyboardInterrupt):
        if args.http:
            server.run("streamable-http", host="127.0.0.1", port=args.port)
        else:
            server.run("stdio")
    engine.close()
    return 0
