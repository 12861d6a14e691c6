"""`poser run`: carries out a prompt, records every step as it goes, leaves pictures and a report."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poser.cli import terminal
from poser.cli.signals import Stop

if TYPE_CHECKING:
    from poser.config import Config
    from poser.runs.record import Recorder
    from poser.types import Step, Trajectory

_NAMES = sorted(file.stem.replace("_", "-") for file in (Path(__file__).parents[1] / "policies").glob("[a-z]*.py"))
_TAKE = {"fixed": "fixed:EXPERT[+EXPERT]", "dqn": "dqn[:FOLDER]", "paper-dqn": "paper-dqn:FOLDER"}
POLICIES = ", ".join(_TAKE.get(name, name) for name in _NAMES)
CODES = (
    "exit codes: 0 everything is satisfied; 3 a picture is delivered, and not everything is satisfied; "
    "1 no picture is delivered; 2 bad input; 130 interrupted, 143 terminated: go on with --resume"
)
QUALITIES = ("low", "medium", "high")
MAX_INPUT = 100_000
"""Bytes of a prompt on standard input."""


def add(commands: Any) -> None:
    """Says what `poser run` takes."""
    command = commands.add_parser("run", help="carry out a prompt", description=__doc__, epilog=CODES)
    command.add_argument(
        "prompt", nargs="*", metavar="PROMPT", help="what to show, or how to change it; -: read from standard input"
    )
    command.add_argument(
        "--image", action="append", metavar="FILE", help="the picture to start from; more: references, in their order"
    )
    command.add_argument("--mask", metavar="FILE", help="where the picture may change: white; the rest stays as it is")
    command.add_argument(
        "--size", metavar="WxH", help="wished size of what is drawn from words (default: the preset's)"
    )
    command.add_argument("--quality", choices=QUALITIES, help="wished quality, where experts have several")
    command.add_argument("--transparent", action="store_true", help="a transparent ground is wished, and kept")
    command.add_argument("--out", metavar="DIR", help="where the run goes (default: a dated folder under runs/)")
    command.add_argument("--overwrite", action="store_true", help="replace an earlier run in --out")
    command.add_argument("--preset", help="a preset or a config file (default: poster)")
    command.add_argument("--policy", help=f"{POLICIES}, or a Python file (default: the preset's)")
    command.add_argument("--seed", type=int, help="0 .. 2147483647 (default: 0)")
    command.add_argument("--max-steps", type=int, metavar="N", help="expert calls at most (default: the preset's)")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting: profile=draft")
    command.add_argument("--engine", choices=("here", "ray"), help="where models run (default: the preset's, here)")
    command.add_argument("--cost-weight", metavar="W", help="0: quality alone; 1 and more: seconds and USD count too")
    command.add_argument("--abstain-below", metavar="P", help="leave the choice to fixed experts below this confidence")
    command.add_argument("--resume", metavar="DIR", help="go on with an interrupted run")
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    command.add_argument("--quiet", action="store_true", help="no progress")
    command.set_defaults(call=call)


@dataclass(frozen=True)
class Order:
    """What is to be done, checked: nothing has been loaded or written yet."""

    prompt: str
    given: Mapping[str, Any]
    folder: Path
    config: Config
    begun: Trajectory | None = None


def call(args: argparse.Namespace) -> int:
    """Carries out the parsed arguments; gives the exit code."""
    from poser.runs.record import Recorder
    from poser.runs.report import render

    with Stop() as stop, contextlib.ExitStack() as place:
        order = _resumed(args, place) if args.resume is not None else _fresh(args, place)
        recorder = Recorder(order.folder, args.overwrite)
        try:
            whole = _carry_out(order, recorder, args.quiet, stop)
            with stop.deferred():
                recorder.end(whole, render(whole, str(order.folder)).encode())
        except KeyboardInterrupt:
            with stop.deferred():
                _interrupted(order.folder)
            return stop.code
        return _tell(whole, order.folder, args)


def _fresh(args: argparse.Namespace, place: contextlib.ExitStack) -> Order:
    """A new run, whose folder is held. Raises PoserError, or an ImageError, for bad input."""
    from poser import config as configs
    from poser import limits

    prompt = _prompt(args.prompt)
    if args.seed is not None:
        limits.seed(args.seed, "--seed")
    if args.max_steps is not None:
        limits.steps(args.max_steps, "--max-steps")
    overrides = dict(configs.override(text) for text in args.set)
    for key in ("cost_weight", "abstain_below"):
        if getattr(args, key) is not None:
            overrides |= dict([configs.override(f"{key}={getattr(args, key)}")])
    for key in ("policy", "engine"):
        if getattr(args, key):
            overrides[key] = getattr(args, key)
    config = configs.load("poster" if args.preset is None else args.preset, overrides)
    given = {"seed": args.seed or 0, "max_steps": args.max_steps, **_pictures(args, config)}
    given |= {"size": limits.size(args.size, "--size")} if args.size is not None else {}
    given |= {"quality": args.quality} if args.quality else {}
    return Order(prompt, given, _folder(args.out, args.overwrite, place), config)


def _pictures(args: argparse.Namespace, config: Config) -> dict[str, Any]:
    """The pictures, read. Raises PoserError, ImageError."""
    from experts.images import mask_of, open_image
    from poser.types import PoserError

    alpha = config.alpha or args.transparent
    images = [open_image(file, alpha) for file in args.image or ()]
    if args.mask is not None and not images:
        raise PoserError("--mask says where a picture may change; give the picture too with --image")
    mask = mask_of(args.mask, images[0].size, args.mask) if args.mask is not None else None
    return {"image": images or None, "mask": mask, "transparent": args.transparent}


def _prompt(words: list[str]) -> str:
    """The prompt as one argument, or from standard input. Raises PoserError: none, several, too long, no text."""
    from poser import limits
    from poser.types import PoserError

    if len(words) > 1:
        raise PoserError(f"the prompt has {len(words)} arguments; put it in quotes: {shlex.quote(' '.join(words))}")
    prompt = words[0] if words else ""
    if prompt == "-":
        data = sys.stdin.buffer.read(MAX_INPUT + 1)
        if len(data) > MAX_INPUT:
            raise PoserError(f"standard input has more than {MAX_INPUT} bytes; give a shorter prompt")
        try:
            prompt = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise PoserError(f"standard input is no UTF-8 (byte {error.start + 1}); save the prompt as UTF-8") from None
    return limits.prompt(prompt)


def _resumed(args: argparse.Namespace, place: contextlib.ExitStack) -> Order:
    """What is left of an interrupted run, whose folder is held.

    Raises PoserError: no run there, a finished one, anything else to do.
    """
    from experts.files import held
    from poser import config as configs
    from poser.runs.record import finished, load
    from poser.types import PoserError

    tasks = ("prompt", "image", "mask", "size", "quality", "transparent", "seed", "max_steps")
    for name in (*tasks, "out", "preset", "policy", "set", "engine", "overwrite"):
        if getattr(args, name) not in (None, [], False):
            option = "PROMPT" if name == "prompt" else f"--{name.replace('_', '-')}"
            raise PoserError(f"--resume goes on with the run as it was begun; leave out {option}")
    folder = Path(args.resume)
    for look in (False, True):  # the second time nobody else can write there
        if finished(folder):
            raise PoserError(f"the run in {str(folder)!r} is finished; look at it with: poser replay {folder}")
        if not look:
            place.enter_context(held(folder))
    begun = load(folder)
    task, config = begun.task, configs.checked(dict(begun.config), str(folder))
    return Order(task.prompt, {}, folder, config, begun)


def _folder(out: str | None, overwrite: bool, place: contextlib.ExitStack) -> Path:
    """Where the run goes, held by this process. Raises PoserError: not writable, or a run is there; FolderInUse."""
    from experts.files import held
    from poser.runs.record import begun_in
    from poser.types import PoserError

    first = Path(out) if out is not None else Path("runs") / time.strftime("%Y-%m-%d_%H-%M-%S")
    there = next(path for path in (first, *first.absolute().parents) if os.path.exists(path))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise PoserError(f"cannot write {str(first)!r}: {there} is no folder that you may write; choose another --out")
    if out is not None:
        if begun_in(first) and not overwrite:
            raise PoserError(f"{str(first)!r} holds a run already; choose another --out, or add --overwrite")
        place.enter_context(held(first))
        if begun_in(first) and not overwrite:  # now nobody else can begin one
            raise PoserError(f"{str(first)!r} holds a run already; choose another --out, or add --overwrite")
        return first
    for number in itertools.count(1):
        folder = first if number == 1 else first.with_name(f"{first.name}-{number}")
        with contextlib.suppress(FileExistsError):
            place.enter_context(held(folder, new=True))
            return folder
    raise AssertionError


def _carry_out(order: Order, recorder: Recorder, quiet: bool, stop: Stop) -> Trajectory:
    """Runs the agent; every step is on disk before it is shown. Nothing reaches stdout."""
    from poser.cli.progress import Progress

    terminal.quiet()
    with contextlib.redirect_stdout(sys.stderr), Progress(quiet) as progress:
        from poser.agent import Poser
        from poser.roster import restricted

        agent = Poser.from_config(order.config)

        def start(begun: Trajectory) -> None:
            terminal.note(restricted(agent.mdp.actions.cards.values()))
            with stop.deferred():
                recorder.start(begun)
            progress.start(begun)
            stop.check()

        def step(made: Step) -> None:
            with stop.deferred():
                recorder.step(made)
            progress.step(made)
            stop.check()

        out = agent(order.prompt, on_start=start, on_step=step, begun=order.begun, **order.given)
    return out.trajectory


def redraw(whole: Trajectory, folder: Path) -> list[Path]:
    """Writes the report, and the delivered picture where there is one; gives the files. Raises OSError."""
    from experts.files import write_whole
    from experts.images import png
    from poser.runs.record import FINAL, REPORT, about
    from poser.runs.report import render

    files = [(folder / FINAL, png(image, about(whole))) for image in whole.images[:1]]
    files.append((folder / REPORT, render(whole, str(folder)).encode()))
    for file, data in files:
        write_whole(file, data)
    return [file for file, _ in files]


def _interrupted(folder: Path) -> None:
    """What was done is on disk; the report of it is drawn, and said how to go on."""
    from poser.runs.record import begun_in, finished, load

    if not begun_in(folder):
        terminal.complain("interrupted before the first step; nothing was written")
        return
    whole = load(folder)
    redraw(whole, folder)
    steps = f"{len(whole.steps)} step{'' if len(whole.steps) == 1 else 's'}"
    words = ["poser", "replay", str(folder)] if finished(folder) else ["poser", "run", "--resume", str(folder)]
    terminal.complain(f"interrupted; {steps} kept in {folder}; go on with: {shlex.join(words)}")


def _tell(whole: Trajectory, folder: Path, args: argparse.Namespace) -> int:
    """The outcome on stdout: one JSON object, or the files and a line about them; gives the exit code."""
    from poser.runs.ends import claimed
    from poser.runs.record import FINAL, REPORT, candidates
    from poser.runs.summary import as_data, sentence

    if args.json:
        terminal.tell(as_data(whole, folder, candidates(folder)))
    else:
        picture = f"picture  {folder / FINAL}\n" if whole.images else ""
        terminal.say(f"{sentence(whole)}\n{picture}report   {folder / REPORT}")
    if not whole.images:
        terminal.complain("no picture was made; what can be said: poser vocabulary")
        return 1
    return 0 if claimed(whole) else 3
