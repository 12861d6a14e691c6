"""`poser mcp`: poser as tools for agents, over the Model Context Protocol."""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from poser.cli import terminal


def add(commands: Any) -> None:
    """Says what `poser mcp` takes."""
    command = commands.add_parser("mcp", help="be tools for an agent (MCP)", description=__doc__)
    command.add_argument("--preset", default="poster", help="a preset or a config file (default: poster)")
    command.add_argument("--http", action="store_true", help="listen (at /mcp) instead of reading standard input")
    command.add_argument("--host", default="127.0.0.1", help="with --http; beyond this machine keys are required")
    command.add_argument("--port", type=int, default=8001, help="with --http; 0: a free one (default: 8001)")
    command.add_argument("--keys", metavar="FILE", help="with --http: API keys, one a line; also in POSER_API_KEYS")
    command.add_argument("--max-steps", type=int, default=20, metavar="N", help="expert calls a picture (default: 20)")
    command.add_argument("--timeout", type=float, default=600, metavar="S", help="of a picture (default: 600)")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Serves until its standard input ends, or it is stopped; gives the exit code."""
    import mcp  # noqa: F401  (missing: said before anything is loaded)

    from poser import limits
    from poser.agent import Poser
    from poser.roster import reachable, restricted
    from poser.serve import settings as allowed
    from poser.serve.engine import Engine
    from poser.types import PoserError

    limits.whole(args.port, 0, 65535, "--port"), limits.steps(args.max_steps, "--max-steps")
    if not 1 <= args.timeout <= 86_400:
        raise PoserError(f"--timeout {args.timeout} is out of range; give 1 to 86400")
    keys = allowed.read_keys(args.keys) if args.http else ()
    if args.http:
        allowed.checked(args.host, keys)
    settings = allowed.Settings(
        keys=keys, loopback=allowed.on_loopback(args.host), steps=args.max_steps, timeout=args.timeout
    )
    terminal.quiet()
    agent = Poser.from_pretrained(args.preset)
    reachable(agent.registry, agent.config.name)
    terminal.note(restricted(agent.mdp.actions.cards.values()))
    from poser.serve import tools

    with contextlib.closing(Engine({agent.config.name: agent})) as engine, contextlib.suppress(KeyboardInterrupt):
        server = tools.make(engine, settings)
        if args.http:
            _listen(tools.over_http(server, settings), args.host, args.port, tools.PATH)
        else:
            server.run("stdio")
    return 0


def _listen(app: Any, host: str, port: int, path: str) -> None:
    """Serves until it is stopped. Raises PoserError: the address is taken."""
    import uvicorn

    from poser.serve.server import bound, configured

    with contextlib.closing(bound(host, port)) as listening:
        at = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}{path}"
        terminal.complain(f"poser: tools listen on {at}; Ctrl-C stops")
        uvicorn.Server(configured(app, "on")).run([listening])
