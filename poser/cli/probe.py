"""`poser probe`: measures what each expert is good at, kind by kind, in the critic's eyes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Says what `poser probe` takes."""
    command = commands.add_parser("probe", help="measure what each expert is good at", description=__doc__)
    command.add_argument("experts", nargs="*", metavar="EXPERT", help="which (default: all of the preset)")
    command.add_argument("--preset", default="poster", help="a preset or a config file (default: poster)")
    command.add_argument("--deck", help="tasks: poster:train, or a file with a prompt a line (default: poster:train)")
    command.add_argument("--calls", type=int, default=8, metavar="N", help="calls a kind of command (default: 8)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--out", metavar="FILE", help="write the marks there; those of other experts stay")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting: device=cuda")
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Measures and prints; gives the exit code."""

    from poser.agent import Poser
    from poser.cli.progress import counting
    from poser.config import override
    from poser.learning import tasks as decks
    from poser.learning.probe import probe, save
    from poser.types import PoserError

    if not 1 <= args.calls <= 1000:
        raise PoserError(f"--calls {args.calls} is out of range; give 1 to 1000")
    poser = Poser.from_pretrained(args.preset, policy="random", overrides=dict(override(text) for text in args.set))
    deck = decks.load(args.deck or "poster:train")
    with counting("probe") as tell:
        marks = probe(poser.mdp, deck, args.experts or None, args.calls, args.seed, tell)
    about = {"critic": poser.mdp.critic.id, "deck": deck.id, "calls": args.calls, "seed": args.seed}
    about["cards"] = {name: card.version for name, card in poser.mdp.actions.cards.items()}
    if args.out:
        save(marks, Path(args.out), about)
    plain = {name: {kind: mark.__dict__ for kind, mark in kinds.items()} for name, kinds in marks.items()}
    if args.json:
        print(json.dumps({**about, "marks": plain}))
    else:
        _table(plain)
    if args.out:
        print(f"marks: {args.out}", file=sys.stderr)
    return 0


def _table(marks: dict[str, dict[str, dict[str, float]]]) -> None:
    """One row a kind, one column an expert; the best of a row is bold."""
    from rich.console import Console
    from rich.table import Table

    kinds = sorted({kind for row in marks.values() for kind in row})
    table = Table("kind", *marks)
    for kind in kinds:
        row = [marks[name].get(kind) for name in marks]
        best = max(mark["score"] for mark in row if mark)
        cells = ["" if not mark else f"{mark['score']:.2f}" for mark in row]
        table.add_row(
            kind, *(f"[bold]{c}[/]" if m and m["score"] == best else c for c, m in zip(cells, row, strict=True))
        )
    Console().print(table)
