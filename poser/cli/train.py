"""`poser train`: learns a policy for a preset's experts and any deck of tasks."""

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
    from poser.learning.train_config import Recipe


def add(commands: Any) -> None:
    """Says what `poser train` takes."""
    command = commands.add_parser("train", help="learn a policy", description=__doc__)
    command.add_argument("--preset", default="poster", help="a preset or a config file (default: poster)")
    command.add_argument("--policy", default="dqn", help="dqn or paper-dqn (default: dqn)")
    command.add_argument("--steps", type=int, metavar="N", help="expert calls (default: the recipe's)")
    command.add_argument("--seats", type=int, metavar="N", help="episodes at once (default: the recipe's)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--deck", default="poster:train", help="tasks to learn from: poster:SPLIT, or a file")
    command.add_argument("--held-out", default="poster:validation", metavar="DECK", help="tasks to measure on")
    command.add_argument("--tasks", type=int, default=48, metavar="N", help="held-out tasks a measurement")
    command.add_argument("--every", type=int, default=500, metavar="N", help="calls between two measurements")
    command.add_argument("--marks", metavar="FILE", help="scores of the experts by `poser probe` (default: probe now)")
    command.add_argument("--out", metavar="DIR", default="runs/policy", help="where it goes (default: runs/policy)")
    command.add_argument("--resume", action="store_true", help="go on with the run in --out")
    command.add_argument("--offline", metavar="RECORDS", help="learn from recorded episodes, without an expert call")
    command.add_argument("--recipe", action="append", default=[], metavar="KEY=VALUE", help="a number: discount=0.9")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting: cache=./cache")
    command.add_argument("--tensorboard", action="store_true", help="write TensorBoard files into --out")
    command.add_argument("--no-record", action="store_true", help="do not record the episodes")
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    command.add_argument("--quiet", action="store_true", help="no progress")
    command.set_defaults(call=call)


def _recipe(args: argparse.Namespace) -> Recipe:
    """The recipe asked for. Raises PoserError for an unknown policy, key or value."""
    from pydantic import ValidationError

    from poser.config import override
    from poser.learning.train_config import RECIPES, Recipe
    from poser.types import PoserError

    if args.policy not in RECIPES:
        raise PoserError(f"no recipe for {args.policy!r}; type --policy {' or --policy '.join(RECIPES)}")
    given = {name: getattr(args, name) for name in ("steps", "seats", "seed") if getattr(args, name) is not None}
    given |= dict(override(text) for text in args.recipe)
    try:
        return Recipe.model_validate(RECIPES[args.policy].model_dump() | given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise PoserError(f"recipe: {key} = {first['input']!r}: {first['msg']}; see poser/learning/train_config.py") from None


def call(args: argparse.Namespace) -> int:
    """Trains; gives the exit code."""
    from poser.agent import Poser
    from poser.config import override
    from poser.learning import curve
    from poser.learning.train import CURVE, LOG, train
    from poser.types import PoserError

    recipe, folder = _recipe(args), Path(args.out)
    for name in ("tasks", "every"):
        if getattr(args, name) < 1:
            raise PoserError(f"--{name} {getattr(args, name)} is out of range; give 1 or more")
    if args.offline and not Path(args.offline).exists():
        raise PoserError(f"no records in {args.offline!r}; give a folder of `poser run` or `poser train`")
    poser = Poser.from_pretrained(args.preset, policy="random", overrides=dict(override(text) for text in args.set))
    setting = _setting(args, poser, folder)
    rows: list[dict[str, Any]] = []
    try:
        with _Progress(recipe.steps, args.quiet) as progress:

            def told(row: dict[str, Any]) -> None:
                rows.append(row)
                progress.say(f"{row['calls']} calls: return {row['returns']:.3f}, value {row['value']:.3f}")

            offline = Path(args.offline) if args.offline else None
            train(setting, recipe, folder, args.resume, told, progress.reach, offline)
    except KeyboardInterrupt:
        again = shlex.join(["poser", "train", *(word for word in sys.argv[2:] if word != "--resume"), "--resume"])
        print(f"poser: interrupted; a checkpoint is in {folder}; go on with: {again}", file=sys.stderr)
        return 130
    log = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    picture = curve.draw(log, folder / CURVE, f"{args.policy}, {poser.config.name}, seed {recipe.seed}")
    told_about = {"policy": str(folder), "log": log, "curve": str(picture)}
    if args.json:
        print(json.dumps(told_about))
    else:
        print(f"policy: {folder}\ncurve: {picture}\nrun it: poser run PROMPT --policy {args.policy}:{folder}")
    return 0


def _setting(args: argparse.Namespace, poser: Poser, folder: Path) -> Setting:
    """What is trained on; the experts are probed first, where no marks are given or kept in `folder`."""
    from poser.cli.progress import counting
    from poser.learning import probe
    from poser.learning import tasks as decks
    from poser.learning.train import MARKS, Setting

    deck, held_out = decks.load(args.deck), decks.load(args.held_out)
    kept = Path(args.marks) if args.marks else folder / MARKS
    if args.marks or (kept.exists() and args.resume):
        marks = probe.load(kept)
    elif args.offline:
        marks = probe.load(Path(args.offline) / MARKS) if (Path(args.offline) / MARKS).exists() else {}
    else:
        with counting("probe", args.quiet) as tell:
            marks = probe.probe(poser.mdp, deck, on_call=tell)
        probe.save(marks, kept, {"critic": poser.mdp.critic.id, "deck": deck.id})
    return Setting.of(
        poser,
        deck,
        held_out,
        marks,
        tasks=args.tasks,
        every=args.every,
        record=not args.no_record,
        tensorboard=args.tensorboard,
    )


class _Progress:
    """A bar over expert calls on stderr, where that is a terminal; lines otherwise."""

    def __init__(self, whole: int, quiet: bool) -> None:
        from tqdm import tqdm

        self.quiet = quiet
        self.bar = tqdm(total=whole, desc="train", unit="call", disable=True if quiet else None)

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def reach(self, calls: int) -> None:
        """So many calls were made."""
        self.bar.update(calls - self.bar.n)

    def say(self, line: str) -> None:
        """A line above the bar."""
        if not self.quiet:
            self.bar.write(line, file=sys.stderr)
