"""`poser train`: learns a policy for a preset's experts and any source of tasks."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poser.agent import Poser
    from poser.learning.train import Setting
    from poser.learning.train_config import TrainConfig


def add(commands: Any) -> None:
    """Says what `poser train` takes."""
    command = commands.add_parser("train", help="learn a policy", description=__doc__)
    command.add_argument("--preset", default="poster", help="a preset or a config file (default: poster)")
    command.add_argument("--policy", default="dqn", help="dqn or paper-dqn (default: dqn)")
    command.add_argument("--steps", type=int, metavar="N", help="expert calls (default: the config's)")
    command.add_argument("--seats", type=int, metavar="N", help="episodes at once (default: the config's)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--tasks", default="poster:train", help="tasks to learn from: poster:SPLIT, or a file")
    command.add_argument("--eval-tasks", default="poster:validation", metavar="TASKS", help="tasks to measure on")
    command.add_argument("--n-eval-tasks", type=int, default=48, metavar="N", help="tasks of a measurement")
    command.add_argument("--eval-freq", type=int, default=500, metavar="N", help="calls between two measurements")
    command.add_argument("--skill-scores", metavar="FILE", help="the experts', by `poser probe` (default: probe now)")
    command.add_argument("--out", metavar="DIR", default="runs/policy", help="where it goes (default: runs/policy)")
    command.add_argument("--resume", action="store_true", help="go on with the run in --out")
    command.add_argument("--offline", metavar="RECORDS", help="learn from recorded episodes, without an expert call")
    command.add_argument(
        "--train-config", action="append", default=[], metavar="KEY=VALUE", help="a number of the training: gamma=0.9"
    )
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting: cache=./cache")
    command.add_argument("--tensorboard", action="store_true", help="write TensorBoard files into --out")
    command.add_argument("--no-record", action="store_true", help="do not record the episodes")
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    command.add_argument("--quiet", action="store_true", help="no progress")
    command.set_defaults(call=call)


def _config(args: argparse.Namespace) -> TrainConfig:
    """The config asked for. Raises PoserError for an unknown policy, key or value."""
    from pydantic import ValidationError

    from poser.config import override
    from poser.learning.train_config import TRAIN_CONFIGS, TrainConfig
    from poser.types import PoserError

    if args.policy not in TRAIN_CONFIGS:
        raise PoserError(f"cannot train {args.policy!r}; type --policy {' or --policy '.join(TRAIN_CONFIGS)}")
    named = {"total_timesteps": args.steps, "n_envs": args.seats, "seed": args.seed}
    given = {name: value for name, value in named.items() if value is not None}
    given |= dict(override(text) for text in args.train_config)
    try:
        return TrainConfig.model_validate(TRAIN_CONFIGS[args.policy].model_dump() | given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        keys = ", ".join(TrainConfig.model_fields)
        raise PoserError(f"train config: {key} = {first['input']!r}: {first['msg']}; keys are {keys}") from None


def call(args: argparse.Namespace) -> int:
    """Trains; gives the exit code."""
    from poser.agent import Poser
    from poser.config import override
    from poser.learning.evaluate import draw_curve
    from poser.learning.train import CURVE, LOG, train
    from poser.types import PoserError

    config, folder = _config(args), Path(args.out)
    for option, value in (("--n-eval-tasks", args.n_eval_tasks), ("--eval-freq", args.eval_freq)):
        if value < 1:
            raise PoserError(f"{option} {value} is out of range; give 1 or more")
    if args.offline and not Path(args.offline).exists():
        raise PoserError(f"no records in {args.offline!r}; give a folder of `poser run` or `poser train`")
    poser = Poser.from_pretrained(args.preset, policy="random", overrides=dict(override(text) for text in args.set))
    setting = _setting(args, poser, folder)
    rows: list[dict[str, Any]] = []
    try:
        with _Progress(config.total_timesteps, args.quiet) as progress:

            def told(row: dict[str, Any]) -> None:
                rows.append(row)
                progress.say(f"{row['calls']} calls: return {row['returns']:.3f}, value {row['value']:.3f}")

            records = Path(args.offline) if args.offline else None
            train(setting, config, folder, args.resume, told, progress.reach, records)
    except KeyboardInterrupt:
        again = shlex.join(["poser", "train", *(word for word in sys.argv[2:] if word != "--resume"), "--resume"])
        print(f"poser: interrupted; a checkpoint is in {folder}; go on with: {again}", file=sys.stderr)
        return 130
    log = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    picture = draw_curve(log, folder / CURVE, f"{args.policy}, {poser.config.name}, seed {config.seed}")
    told_about = {"policy": str(folder), "log": log, "curve": str(picture)}
    if args.json:
        print(json.dumps(told_about))
    else:
        print(f"policy: {folder}\ncurve: {picture}\nrun it: poser run PROMPT --policy {args.policy}:{folder}")
    return 0


def _setting(args: argparse.Namespace, poser: Poser, folder: Path) -> Setting:
    """What is trained on; the experts are probed first, where no skill scores are given or kept in `folder`."""
    from poser.cli.progress import counting
    from poser.learning import probe
    from poser.learning.tasks import load
    from poser.learning.train import SKILL_SCORES, Setting

    tasks, eval_tasks = load(args.tasks), load(args.eval_tasks)
    kept = Path(args.skill_scores) if args.skill_scores else folder / SKILL_SCORES
    if args.skill_scores or (kept.exists() and args.resume):
        skill_scores = probe.load(kept)
    elif args.offline:
        recorded = Path(args.offline) / SKILL_SCORES
        skill_scores = probe.load(recorded) if recorded.exists() else {}
    else:
        with counting("probe", args.quiet) as tell:
            skill_scores = probe.probe(poser.mdp, tasks, on_call=tell)
        probe.save(skill_scores, kept, {"critic": poser.mdp.critic.id, "tasks": tasks.id})
    return Setting.of(
        poser,
        tasks,
        eval_tasks,
        skill_scores,
        n_eval_tasks=args.n_eval_tasks,
        eval_freq=args.eval_freq,
        record=not args.no_record,
        tensorboard=args.tensorboard,
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
        self.console.print(line, markup=False)
