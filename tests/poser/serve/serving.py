"""A server of the world in milliseconds on a thread of its own, on a free port of this machine."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from experts.fake import fake_entries
from experts.registry import Registry
from poser import config, policies
from poser.agent import Poser
from poser.serve.engine import Engine
from poser.serve.server import bound, server
from poser.serve.settings import Settings
from tests.poser import world

PROMPT = "Draw a cat. Make it blue. Add a hat."


def agent(policy: str = "greedy", **options: Any) -> Poser:
    """An agent of the fast world."""
    mdp = world.make(**options)
    entries = Registry(fake_entries(2, 2))
    return Poser(config.load("poster", {"size": [32, 32]}), entries, mdp, policies.load(policy, mdp.actions))


@dataclass
class Served:
    """Where it listens, and what stands behind it."""

    base: str
    engine: Engine
    server: Any


@contextlib.contextmanager
def served(
    settings: Settings = Settings(),  # noqa: B008
    seats: int = 8,
    backlog: int = 32,
    agents: Mapping[str, Poser] | None = None,
    **options: Any,
) -> Iterator[Served]:
    """A running server; stopped in the end."""
    engine = Engine(agents or {"fast": agent(**options), "fast@random": agent("random")}, seats, backlog)
    running, listening = server(engine, settings, grace=5), bound("127.0.0.1", 0)
    thread = threading.Thread(target=running.run, args=([listening],), daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    try:
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", engine, running)
    finally:
        running.should_exit = True
        thread.join(15)
        assert not thread.is_alive()
        listening.close()
