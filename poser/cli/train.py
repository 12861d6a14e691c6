"""`poser train`: learns a policy for a preset's experts and any source of tasks."""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poser.cli import terminal
from poser.cli.signals import Stop

if TYPE_CHECKING:
    from poser.agent import Poser
    from poser.learning.train import Setting
    from poser.learning.train_config import TrainConfig

CODES = "exit codes: 0 done; 2 bad input; 130 interrupted, 143 terminated: go on with --resume"
SETTINGS, MAX_SETTINGS = "settings.json", 2**20
"""The options of a run, in its folder; bytes that are read of it."""
OPTIONS: dict[str, Any] = {
    "preset": "poster",
    "policy": "dqn",
    "steps": None,
    "seats": None,
    "seed": 0,
    "tasks": "poster:train",
    "eval_tasks": "poster:validation",
    "n_eval_tasks": 48,
    "eval_freq": 500,
    "skill_scores": None,
    "offline": None,
    "train_config": [],
    "set": [],
    "engine": None,
    "tensorboard": False,
    "no_record": False,
}
"""What decides a run, and what it is where it is not given."""


def add(commands: Any) -> None:
    """Says what `poser train` takes."""
    command = commands.add_parser("train", help="learn a policy", description=__doc__, epilog=CODES)
    take = command.add_argument
    take("--preset", help="a preset or a config file (default: poster)")
    take("--policy", help="dqn or paper-dqn (default: dqn)")
    take("--algorithm", choices=("dqn", "ppo"), help="ppo: MaskablePPO of sb3-contrib (default: dqn)")
    take("--steps", type=int, metavar="N", help="expert calls (default: the config's)")
    take("--seats", type=int, metavar="N", help="episodes at once (default: the config's)")
    take("--seed", type=int, help="0 .. 2147483647 (default: 0)")
    take("--tasks", help="tasks to learn from: poster:SPLIT, or a file (default: poster:train)")
    take("--eval-tasks", metavar="TASKS", help="tasks to measure on (default: poster:validation)")
    take("--n-eval-tasks", type=int, metavar="N", help="tasks of a measurement (default: 48)")
    take("--eval-freq", type=int, metavar="N", help="calls between two measurements (default: 500)")
    take("--skill-scores", metavar="FILE", help="the experts', by `poser probe` (default: probe now)")
    take("--out", metavar="DIR", default="runs/policy", help="where it goes (default: runs/policy)")
    take("--resume", action="store_true", help="go on with the run in --out, as it was begun; --steps may be more")
    take("--offline", metavar="RECORDS", help="learn from recorded episodes, without an expert call")
    take("--train-config", action="append", metavar="KEY=VALUE", help="a number of the training: gamma=0.9")
    take("--set", action="append", metavar="KEY=VALUE", help="a setting: cache=./cache")
    take("--engine", choices=("here", "ray"), help="where models run (default: the preset's, here)")
    take("--tensorboard", action="store_true", default=None, help="write TensorBoard files into --out")
    take("--track", choices=("wandb", "trackio"), default="", help="tell the measurements to a tracker too")
    take("--no-record", action="store_true", default=None, help="do not record the episodes")
    take("--json", action="store_true", help="print one JSON object on stdout")
    take("--quiet", action="store_true", help="no progress")
    command.set_defaults(call=call)


def _config(order: Mapping[str, Any]) -> TrainConfig:
    """The config asked for. Raises PoserError for an unknown policy, key or value."""
    from pydantic import ValidationError

    from poser.config import override
    from poser.learning.train_config import TRAIN_CONFIGS, TrainConfig
    from poser.types import PoserError

    if order["policy"] not in TRAIN_CONFIGS:
        raise PoserError(f"cannot train {order['policy']!r}; type --policy {' or --policy '.join(TRAIN_CONFIGS)}")
    named = {"total_timesteps": order["steps"], "n_envs": order["seats"], "seed": order["seed"]}
    given = {name: value for name, value in named.items() if value is not None}
    given |= dict(override(text) for text in order["train_config"])
    try:
        return TrainConfig.model_validate(TRAIN_CONFIGS[order["policy"]].model_dump() | given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        keys = ", ".join(TrainConfig.model_fields)
        raise PoserError(f"train config: {key} = {first['input']!r:.60}: {first['msg']}; keys are {keys}") from None


def call(args: argparse.Namespace) -> int:
    """Trains; gives the exit code."""
    from experts.files import held
    from poser.learning.train import CHECKPOINT, CONFIG
    from poser.types import PoserError

    folder = Path(args.out)
    if args.resume and not (folder / SETTINGS).is_file():
        raise PoserError(f"no run in {args.out!r}; train without --resume, or give the folder of a run")
    order = _recorded(folder, args) if args.resume else _asked(args)
    with Stop() as stop, held(folder):
        try:
            with contextlib.redirect_stdout(sys.stderr), _refused(folder, args.resume):
                told = _train(order, folder, args)
        except KeyboardInterrupt:
            from poser.learning import checkpoint

            begun = (folder / SETTINGS).exists() or (folder / CONFIG).exists()
            kept = "a checkpoint is" if checkpoint.exists(folder / CHECKPOINT) else "what was asked for is"
            again = shlex.join(["poser", "train", "--out", str(folder), "--resume"])
            where = f"{kept} in {folder}; go on with: {again}" if begun else "nothing was written"
            terminal.complain(f"interrupted; {where}")
            return stop.code
    if args.json:
        terminal.tell(told, indent=None)
    else:
        name = f"{order['policy']}:{folder}"
        terminal.say(f"policy: {folder}\ncurve: {told['curve']}\nrun it: poser run PROMPT --policy {name}")
    return 0


@contextlib.contextmanager
def _refused(folder: Path, resumed: bool) -> Iterator[None]:
    """A new run that is refused before it learned anything leaves none of its files."""
    from poser.learning import checkpoint
    from poser.learning.train import CHECKPOINT, CONFIG, LOG
    from poser.types import PoserError

    try:
        yield
    except (PoserError, ValueError):
        if not (resumed or checkpoint.exists(folder / CHECKPOINT) or (folder / LOG).exists()):
            for name in (SETTINGS, CONFIG):
                (folder / name).unlink(missing_ok=True)
        raise


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    """Every option of a new run, with paths made absolute and the config resolved. Raises PoserError for bad ones."""
    from poser import config as configs
    from poser import limits
    from poser.learning.tasks import load
    from poser.types import PoserError

    order = {name: default if getattr(args, name) is None else getattr(args, name) for name, default in OPTIONS.items()}
    limits.seed(order["seed"], "--seed")
    for option in ("n_eval_tasks", "eval_freq"):
        if order[option] < 1:
            raise PoserError(f"--{option.replace('_', '-')} {order[option]} is out of range; give 1 or more")
    if order["offline"] and not Path(order["offline"]).exists():
        raise PoserError(f"no records in {order['offline']!r}; give a folder of `poser run` or `poser train`")
    for name in ("tasks", "eval_tasks", "skill_scores", "offline"):
        if order[name] and Path(order[name]).exists():
            order[name] = str(Path(order[name]).resolve())
    if args.algorithm:
        order["train_config"] = [*order["train_config"], f"algorithm={args.algorithm}"]
    _config(order)
    load(order["tasks"]), load(order["eval_tasks"])
    overrides = dict(configs.override(text) for text in order["set"]) | {"policy": "random"}
    overrides |= {"engine": order["engine"]} if order["engine"] else {}
    return order | {"config": configs.load(order["preset"], overrides).dump()}


def _recorded(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """The options of the run, and perhaps more steps. Raises PoserError: other options, a damaged file."""
    from poser.types import PoserError

    try:
        with open(folder / SETTINGS, "rb") as file:
            order = json.loads(file.read(MAX_SETTINGS))
        if not isinstance(order, dict) or not {*OPTIONS, "config"} <= set(order):
            raise ValueError("options are missing")
    except (OSError, ValueError, RecursionError) as error:
        raise PoserError(f"{folder / SETTINGS} cannot be read ({error!s:.100}); begin a new run") from None
    for name in OPTIONS:
        given = getattr(args, name)
        if given is None or name == "steps":
            continue
        path = isinstance(given, str) and Path(given).exists() and str(Path(given).resolve()) == order[name]
        if given != order[name] and not path:
            option = f"--{name.replace('_', '-')}"
            raise PoserError(f"the run in {str(folder)!r} was begun with {option} {order[name]!r}; leave out {option}")
    return order | ({"steps": args.steps} if args.steps is not None else {})


def _train(order: dict[str, Any], folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Trains in a folder that is held; gives what is told of it."""
    from experts.files import write_whole
    from poser import config as configs
    from poser.agent import Poser
    from poser.learned import skills
    from poser.learning.evaluate import draw_curve
    from poser.learning.tracking import tracked
    from poser.learning.train import CONFIG, CURVE, LOG, prepared, train

    config = _config(order)
    if not args.resume:
        prepared(folder, False)
    terminal.quiet()
    poser = Poser.from_config(configs.checked(order["config"], str(folder)))
    if order["skill_scores"]:
        skills.load(Path(order["skill_scores"]))  # a run that cannot begin leaves nothing
    write_whole(folder / SETTINGS, json.dumps(order, indent=1).encode())
    setting = _setting(order, poser, folder, args)
    rows: list[dict[str, Any]] = []
    told_too = tracked(args.track, folder.resolve().name, config.model_dump() | {"preset": poser.config.name})
    with told_too as log_row, _Progress(config.total_timesteps, args.quiet) as progress:

        def told(row: dict[str, Any]) -> None:
            rows.append(row)
            log_row(row)
            progress.say(f"{row['calls']} calls: return {row['returns']:.3f}, value {row['value']:.3f}")

        records = Path(order["offline"]) if order["offline"] else None
        begun = args.resume and (folder / CONFIG).is_file()
        train(setting, config, folder, begun, told, progress.reach, records)
    log = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    picture = draw_curve(log, folder / CURVE, f"{order['policy']}, {poser.config.name}, seed {config.seed}")
    return {"policy": str(folder), "log": log, "curve": str(picture)}


def _setting(order: Mapping[str, Any], poser: Poser, folder: Path, args: argparse.Namespace) -> Setting:
    """What is trained on; the experts are probed first, where no skill scores are given or kept in `folder`."""
    from poser.cli.progress import counting
    from poser.learned import skills
    from poser.learning.probe import probe
    from poser.learning.tasks import load
    from poser.learning.train import SKILL_SCORES, Setting

    tasks, eval_tasks = load(order["tasks"]), load(order["eval_tasks"])
    kept = Path(order["skill_scores"]) if order["skill_scores"] else folder / SKILL_SCORES
    if order["skill_scores"] or (kept.exists() and args.resume):
        skill_scores = skills.load(kept)
    elif order["offline"]:
        recorded = Path(order["offline"]) / SKILL_SCORES
        skill_scores = skills.load(recorded) if recorded.exists() else {}
    else:
        with counting("probe", args.quiet) as tell:
            skill_scores = probe(poser.mdp, tasks, on_call=tell)
        skills.save(skill_scores, kept, {"critic": poser.mdp.critic.id, "tasks": tasks.id})
    return Setting.of(
        poser,
        tasks,
        eval_tasks,
        skill_scores,
        n_eval_tasks=order["n_eval_tasks"],
        eval_freq=order["eval_freq"],
        record=not order["no_record"],
        tensorboard=order["tensorboard"],
    )


class _Progress:
    """A bar over expert calls on stderr, where that is a terminal; lines otherwise."""

    def __init__(self, whole: int, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.console = Console(stderr=True, quiet=quiet, soft_wrap=True, highlight=False)
        columns = (TextColumn("train"), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn())
        hidden = quiet or not self.console.is_terminal
        self.bar = Progress(*columns, console=self.console, transient=True, disable=hidden)
        self.task = self.bar.add_task("train", total=whole)

    def __enter__(self) -> _Progress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def reach(self, calls: int) -> None:
        """So many calls were made."""
        self.bar.update(self.task, completed=calls)

    def say(self, line: str) -> None:
        """A line above the bar."""
        self.console.print(terminal.line(line), markup=False)
