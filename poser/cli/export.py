"""`poser export`: recorded episodes as JSON lines, as Parquet, or as a Minari dataset."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from poser.cli import terminal


def add(commands: Any) -> None:
    """Says what `poser export` takes."""
    command = commands.add_parser("export", help="recorded episodes for other tools", description=__doc__)
    command.add_argument("records", metavar="RECORDS", help="a folder or file that poser train or poser run recorded")
    command.add_argument("out", metavar="OUT", help="a .jsonl or .parquet file; or a Minari id such as poster/mine-v0")
    command.add_argument("--form", choices=("jsonl", "parquet", "minari"), help="default: by the ending of OUT")
    command.add_argument("--preset", default="poster", help="whose observations a Minari dataset holds (poster)")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting: device=cuda")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Writes; gives the exit code."""
    from poser.learning import export
    from poser.learning.offline import read
    from poser.types import PoserError

    form = args.form or {".jsonl": "jsonl", ".parquet": "parquet"}.get(Path(args.out).suffix, "")
    if not form:
        raise PoserError(f"{args.out!r} ends in neither .jsonl nor .parquet; rename it, or add --form minari")
    if not Path(args.records).exists():
        raise PoserError(f"no records in {args.records!r}; give a folder of `poser run` or `poser train`")
    episodes = read(Path(args.records))
    if form != "minari":
        count = export.write_table(episodes, Path(args.out), form)
    else:
        from poser.agent import Poser
        from poser.config import override
        from poser.learned.embedders import embedder
        from poser.learned.observation import Encoder, Observer
        from poser.learning.train_config import DQN

        terminal.quiet()
        overrides = dict(override(text) for text in args.set) | {"policy": "random"}
        poser = Poser.from_pretrained(args.preset, overrides=overrides)
        inner = embedder(poser.config.embedder.name, poser.config.embedder.model)
        observer = Observer(Encoder(inner, DQN.extras), poser.mdp.actions)
        count = export.write_minari(episodes, args.out, poser.mdp, observer)
    terminal.say(f"{count} steps: {args.out}")
    return 0
