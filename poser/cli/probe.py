"""`poser probe`: measures what each expert is good at, kind by kind, in the critic's eyes."""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from poser.cli import terminal


def add(commands: Any) -> None:
    """Says what `poser probe` takes."""
    command = commands.add_parser("probe", help="measure what each expert is good at", description=__doc__)
    command.add_argument("experts", nargs="*", metavar="EXPERT", help="which (default: all of the preset)")
    command.add_argument("--preset", default="poster", help="a preset or a config file (default: poster)")
    command.add_argument("--tasks", default="poster:train", help="poster:train, or a file of prompts, one a line")
    command.add_argument("--calls", type=int, default=8, metavar="N", help="calls a kind of command (default: 8)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--out", metavar="FILE", help="write the scores there; those of other experts stay")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting: device=cuda")
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    command.add_argument("--quiet", action="store_true", help="no progress")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Measures and prints; gives the exit code."""
    from poser import limits
    from poser.agent import Poser
    from poser.cli.progress import counting
    from poser.config import override
    from poser.learned.skills import KEY, save
    from poser.learning.probe import probe
    from poser.learning.tasks import load
    from poser.types import PoserError

    if not 1 <= args.calls <= 1000:
        raise PoserError(f"--calls {args.calls} is out of range; give 1 to 1000")
    limits.seed(args.seed, "--seed")
    terminal.quiet()
    with contextlib.redirect_stdout(sys.stderr):
        poser = Poser.from_pretrained(args.preset, policy="random", overrides=dict(override(text) for text in args.set))
        tasks = load(args.tasks)
        with counting("probe", args.quiet) as tell:
            skill_scores = probe(poser.mdp, tasks, args.experts or None, args.calls, args.seed, tell)
    about = {"critic": poser.mdp.critic.id, "tasks": tasks.id, "calls": args.calls, "seed": args.seed}
    about["cards"] = {name: card.version for name, card in poser.mdp.actions.cards.items()}
    if args.out:
        save(skill_scores, Path(args.out), about)
    plain = {name: {kind: asdict(skill) for kind, skill in kinds.items()} for name, kinds in skill_scores.items()}
    if args.json:
        terminal.tell({**about, KEY: plain}, indent=None)
    else:
        _table(plain)
    if args.out:
        out = terminal.line(args.out)
        print(f"skill scores: {out}; use them with --set skills={out}", file=sys.stderr)
    return 0


def _table(skill_scores: dict[str, dict[str, dict[str, float]]]) -> None:
    """One row a kind, one column an expert; the best of a row is bold."""
    from rich.console import Console
    from rich.table import Table

    kinds = sorted({kind for row in skill_scores.values() for kind in row})
    table = Table("kind", *skill_scores)
    for kind in kinds:
        row = [skills.get(kind) for skills in skill_scores.values()]
        best = max(skill["score"] for skill in row if skill)
        cells = ["" if not skill else f"{skill['score']:.2f}" for skill in row]
        table.add_row(
            kind, *(f"[bold]{c}[/]" if m and m["score"] == best else c for c, m in zip(cells, row, strict=True))
        )
    Console().print(table)
