"""`poser run`: carries out a prompt, records every step as it goes, leaves pictures and a report."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

    from poser.runs.record import Recorder
    from poser.types import Step, Trajectory

MAX_SEED = 2**31 - 1
CODES = (
    "exit codes: 0 everything is satisfied; 3 a picture is delivered, and not everything is satisfied; "
    "1 no picture is delivered; 2 bad input; 130 interrupted"
)
QUIET = {"TRANSFORMERS_VERBOSITY": "error", "DIFFUSERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
"""What keeps the libraries' own progress out of ours, unless the user set it."""


def add(commands: Any) -> None:
    """Says what `poser run` takes."""
    command = commands.add_parser("run", help="carry out a prompt", description=__doc__, epilog=CODES)
    command.add_argument("prompt", nargs="?", metavar="PROMPT", help="what to show, or how to change it")
    command.add_argument("--image", metavar="FILE", help="the picture to start from")
    command.add_argument("--out", metavar="DIR", help="where the run goes (default: a dated folder under runs/)")
    command.add_argument("--overwrite", action="store_true", help="replace an earlier run in --out")
    command.add_argument("--preset", help="a preset or a config file (default: poster)")
    command.add_argument("--policy", help="greedy, random or fixed:EXPERT[+EXPERT] (default: the preset's)")
    command.add_argument("--seed", type=int, help="0 .. 2147483647 (default: 0)")
    command.add_argument("--max-steps", type=int, metavar="N", help="expert calls at most (default: the preset's)")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting: profile=draft")
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
    image: Image.Image | None
    seed: int
    max_steps: int | None
    folder: Path
    preset: str
    policy: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    begun: Trajectory | None = None


def call(args: argparse.Namespace) -> int:
    """Carries out the parsed arguments; gives the exit code."""
    from poser.runs.record import Recorder

    order = _resumed(args) if args.resume is not None else _fresh(args)
    recorder = Recorder(order.folder, args.overwrite)
    try:
        whole = _carry_out(order, recorder, args.quiet)
    except KeyboardInterrupt:
        return _interrupted(recorder)
    recorder.end(whole)
    redraw(whole, order.folder)
    return _tell(whole, order.folder, args)


def _fresh(args: argparse.Namespace) -> Order:
    """A new run. Raises PoserError, or an ImageError, for bad input."""
    from experts.images import open_image
    from poser.config import override
    from poser.types import PoserError

    if args.prompt is None or not args.prompt.strip():
        raise PoserError('the prompt is empty; type what the picture should show: poser run "A red star on white"')
    if args.seed is not None and not 0 <= args.seed <= MAX_SEED:
        raise PoserError(f"--seed {args.seed} is out of range; give 0 to {MAX_SEED}")
    if args.max_steps is not None and not 1 <= args.max_steps <= 100:
        raise PoserError(f"--max-steps {args.max_steps} is out of range; give 1 to 100")
    overrides = dict(override(text) for text in args.set)
    for key in ("cost_weight", "abstain_below"):
        if getattr(args, key) is not None:
            overrides |= dict([override(f"{key}={getattr(args, key)}")])
    preset = "poster" if args.preset is None else args.preset
    image = open_image(args.image) if args.image is not None else None
    return Order(args.prompt, image, args.seed or 0, args.max_steps, _folder(args), preset, args.policy, overrides)


def _resumed(args: argparse.Namespace) -> Order:
    """What is left of an interrupted run. Raises PoserError: no run there, a finished one, anything else to do."""
    from poser.runs.record import finished, load
    from poser.types import PoserError

    for name in ("prompt", "image", "out", "preset", "policy", "seed", "max_steps", "set", "overwrite"):
        if getattr(args, name) not in (None, [], False):
            option = "PROMPT" if name == "prompt" else f"--{name.replace('_', '-')}"
            raise PoserError(f"--resume goes on with the run as it was begun; leave out {option}")
    folder = Path(args.resume)
    if finished(folder):
        raise PoserError(f"the run in {str(folder)!r} is finished; look at it with: poser replay {folder}")
    begun = load(folder)
    task, preset = begun.task, str(folder / "config.yaml")
    return Order(task.prompt, task.image, task.seed, task.budget.steps, folder, preset, begun=begun)


def _folder(args: argparse.Namespace) -> Path:
    """Where the run goes; it is not made yet. Raises PoserError: not writable, or a run is there."""
    from poser.runs.record import LOG
    from poser.types import PoserError

    if args.out is None:
        folder = name = Path("runs") / time.strftime("%Y-%m-%d_%H-%M-%S")
        while folder.exists():
            folder = name.with_name(f"{name.name}-{int(folder.name[len(name.name) + 1 :] or 1) + 1}")
    else:
        folder = Path(args.out)
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise PoserError(f"cannot write {str(folder)!r}: {there} is no folder that you may write; choose another --out")
    if (folder / LOG).exists() and not args.overwrite:
        raise PoserError(f"{str(folder)!r} holds a run already; choose another --out, or add --overwrite")
    return folder


def _carry_out(order: Order, recorder: Recorder, quiet: bool) -> Trajectory:
    """Runs the agent; every step is on disk before it is shown. Nothing reaches stdout."""
    from poser.cli.progress import Progress

    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with contextlib.redirect_stdout(sys.stderr), Progress(quiet) as progress:
        from poser.agent import Poser

        agent = Poser.from_pretrained(order.preset, policy=order.policy, overrides=order.overrides)

        def start(begun: Trajectory) -> None:
            recorder.start(begun)
            progress.start(begun)

        def step(made: Step) -> None:
            recorder.step(made)
            progress.step(made)

        out = agent(
            order.prompt,
            order.image,
            seed=order.seed,
            max_steps=order.max_steps,
            on_start=start,
            on_step=step,
            begun=order.begun,
        )
    return out.trajectory


def redraw(whole: Trajectory, folder: Path) -> list[Path]:
    """Writes the report, and the delivered picture where there is one; gives the files. Raises OSError."""
    from experts.files import write_whole
    from experts.images import png
    from poser.runs.record import FINAL, REPORT
    from poser.runs.report import render

    files = [(folder / FINAL, png(image)) for image in whole.images[:1]]
    files.append((folder / REPORT, render(whole, str(folder)).encode()))
    for file, data in files:
        write_whole(file, data)
    return [file for file, _ in files]


def _interrupted(recorder: Recorder) -> int:
    from poser.runs.record import load

    if not recorder.started:
        print("poser: interrupted before the first step; nothing was written", file=sys.stderr)
        return 130
    folder = recorder.folder
    redraw(load(folder), folder)
    steps = f"{recorder.count} step{'' if recorder.count == 1 else 's'}"
    resume = shlex.join(["poser", "run", "--resume", str(folder)])
    print(f"poser: interrupted; {steps} kept in {folder}; go on with: {resume}", file=sys.stderr)
    return 130


def _tell(whole: Trajectory, folder: Path, args: argparse.Namespace) -> int:
    """The outcome on stdout: one JSON object, or the files and a line about them; gives the exit code."""
    from poser.runs.ends import claimed
    from poser.runs.record import FINAL, REPORT, candidates
    from poser.runs.summary import as_data, sentence

    if args.json:
        print(json.dumps(as_data(whole, folder, candidates(folder)), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        picture = f"picture  {folder / FINAL}\n" if whole.images else ""
        print(f"{sentence(whole)}\n{picture}report   {folder / REPORT}")
    if not whole.images:
        print("poser: no picture was made; what can be said: poser vocabulary", file=sys.stderr)
        return 1
    return 0 if claimed(whole) else 3
