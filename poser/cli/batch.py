"""`poser batch`: thousands of tasks from a file, many at once; what is done is not done again."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poser.cli import terminal
from poser.cli.signals import Stop

if TYPE_CHECKING:
    from PIL import Image

    from poser.agent import Poser
    from poser.cluster.shards import Shards
    from poser.runs.batch import Line, Results
    from poser.seats import Seats
    from poser.types import Task

WISHES = ("size", "quality", "transparent")
"""Fields of a line that are handed on as they are."""


def add(commands: Any) -> None:
    """Says what `poser batch` takes."""
    about = (
        "exit codes: 0 every line gave a picture, 1 some did not, 2 bad input, 130 or 143 stopped: type it once more"
    )
    command = commands.add_parser("batch", help="carry out a file of prompts", description=__doc__, epilog=about)
    command.add_argument("file", metavar="PROMPTS.jsonl", help='a line a task: {"prompt", "id", "image", "seed", ...}')
    command.add_argument("--out", metavar="DIR", required=True, help="where ID.png, results.jsonl and index.html go")
    command.add_argument("--preset", default="poster", help="a preset or a config file (default: poster)")
    command.add_argument("--policy", help="another than the preset's")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting: profile=draft")
    command.add_argument("--engine", choices=("here", "ray"), help="where models run (default: the preset's, here)")
    command.add_argument("--seats", type=int, default=16, help="episodes at once (default: 16)")
    command.add_argument("--quiet", action="store_true", help="no progress")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Carries out the file; gives the exit code."""
    from experts.files import held
    from poser import config as configs
    from poser import limits
    from poser.roster import reachable, restricted
    from poser.runs.batch import Results, lines

    limits.whole(args.seats, 1, 4096, "--seats")
    given = dict(configs.override(text) for text in args.set)
    given |= {key: value for key in ("policy", "engine") if (value := getattr(args, key))}
    config = configs.load(args.preset, given)
    terminal.quiet()
    folder, todo = Path(args.out), list(lines(Path(args.file)))
    with Stop() as stop, held(folder), contextlib.redirect_stdout(sys.stderr):
        from poser.agent import Poser

        agent, results = Poser.from_config(config), Results(folder)
        reachable(agent.registry, config.name)
        terminal.note(restricted(agent.mdp.actions.cards.values()))
        fresh = [line for line in todo if not results.done(line, config.name, agent.policy_id)]
        stopped = False
        try:
            _play(agent, Path(args.file).parent, fresh, results, args.seats, stop, args.quiet)
        except KeyboardInterrupt:
            stopped = True
        with stop.deferred():
            index = results.index()
    rows = [results.rows[line.id] for line in todo if line.id in results.rows]
    made = sum(row["picture"] is not None for row in rows)
    terminal.say(f"{made} of {len(todo)} pictures, {len(todo) - len(fresh)} of them from before\nindex    {index}")
    for row in rows:
        if row["error"]:
            terminal.complain(f"{row['id']}: {row['error']}")
    if stopped:
        terminal.complain("stopped; type the same once more to go on")
        return stop.code
    return 0 if made == len(todo) else 1


def _play(agent: Poser, base: Path, fresh: list[Line], results: Results, seats: int, stop: Stop, quiet: bool) -> None:
    """Every line over one `Seats`, refilled as episodes end; one that raises costs itself. KeyboardInterrupt stops."""
    preset, count = agent.config.name, 0
    open_: dict[int, Line] = {}
    room = _room(agent)
    source = enumerate(_tasks(agent, base, fresh, results))
    while True:
        tasks: dict[int, Task] = {}
        while len(room) + len(tasks) < seats and (entry := next(source, None)) is not None:
            open_[entry[0]], tasks[entry[0]] = entry[1]
        over = room.add(tasks) if tasks else []
        if not tasks and not len(room):
            return
        over += room.step() if len(room) else []
        with stop.deferred():
            for played in over:
                line = open_.pop(played.number)
                count += 1
                if played.error is None:
                    results.keep(line, played.trajectory, preset)
                else:
                    words = f"{type(played.error).__name__}: {played.error}"[:300]
                    results.fail(line, words, preset, agent.policy_id)
                if not quiet:
                    terminal.complain(f"{count} of {len(fresh)}: {line.id}")
        stop.check()


def _room(agent: Poser) -> Seats | Shards:
    """Where episodes are played: in this process, or in `engine.shards` others."""
    if agent.config.engine.shards == 1:
        from poser.seats import Seats

        return Seats(agent.mdp, agent.policy, config=agent.config.dump())
    from poser.cluster.shards import Shards

    return Shards(agent)


def _tasks(agent: Poser, base: Path, fresh: list[Line], results: Results) -> Iterator[tuple[Line, Task]]:
    """The tasks of lines that are good; bad ones are written down. Pictures are relative to the file."""
    from experts.images import ImageError
    from poser.types import PoserError

    for line in fresh:
        data = line.data
        try:
            if line.error:
                raise PoserError(line.error)
            told: dict[str, Any] = {key: data[key] for key in WISHES if data.get(key) is not None}
            alpha = agent.config.alpha or told.get("transparent") is True
            images, mask = (_opened(base, data.get(key), key, alpha) for key in ("image", "mask"))
            told |= {
                "seed": 0 if data.get("seed") is None else data["seed"],
                "max_steps": data.get("max_steps"),
                "mask": mask[0] if mask else None,
            }
            if not isinstance(told.get("transparent", False), bool) or len(mask) > 1:
                raise PoserError("transparent is true or false, and mask one path")
            yield line, agent.task(data.get("prompt", ""), images or None, **told)
        except (PoserError, ImageError) as error:
            results.fail(line, str(error), agent.config.name, agent.policy_id)


def _opened(base: Path, given: Any, name: str, alpha: bool) -> list[Image.Image]:
    """The pictures of a field: none, a path, or a list of paths. Raises PoserError, ImageError."""
    from experts.images import open_image
    from poser.types import PoserError

    paths = given if isinstance(given, list) else [] if given is None else [given]
    strange = next((path for path in paths if not isinstance(path, str)), None)
    if strange is not None:
        raise PoserError(f"{name} {strange!r:.60} is no path")
    return [open_image(base / path, alpha or name == "mask") for path in paths]
