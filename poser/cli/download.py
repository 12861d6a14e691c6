"""`poser download`: brings what a preset, an expert or a hub id needs: exactly the files that are read, going on where
it was cut off."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experts.hub.fetch import Plan
    from poser.downloads import Download


def add(commands: Any) -> None:
    """Says what `poser download` takes."""
    command = commands.add_parser("download", help="download what a preset or an expert needs", description=__doc__)
    command.add_argument(
        "target", nargs="+", help="a preset, a config file, an expert, or a hub id owner/name[@commit]"
    )
    command.add_argument("--dry-run", action="store_true", help="ask the hub for the sizes and download nothing")
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Downloads; gives the exit code: 1 where something did not come."""
    from experts.hub.fetch import NotHere, Unreachable, fetch, free, plan

    every = {one.need: one for target in args.target for one in _wanted(target)}
    rows: list[dict[str, Any]] = []
    for one in every.values():
        try:
            found = plan(one.need, one.leave)
            if not args.dry_run and found.absent:
                _say(args, f"{one.need}: {found.left / 1e9:.2f} GB for {', '.join(one.readers)}")
                fetch(found)
            rows.append(_row(one, found))
        except NotHere as error:
            rows.append({"need": one.need, "readers": list(one.readers), "error": str(error)})
            if isinstance(error, Unreachable):
                break
    left = sum(row.get("left", 0) for row in rows)
    if args.json:
        print(json.dumps({"dry_run": args.dry_run, "left": left, "free": free(), "downloads": rows}, indent=2))
    else:
        print("\n".join(_lines(rows, left, free(), args.dry_run)))
    return 1 if any("error" in row for row in rows) or (args.dry_run and left > free()) else 0


def _wanted(target: str) -> Sequence[Download]:
    """What a target stands for. Raises `PoserError`: nothing that is known."""
    from experts import hub
    from experts.registry import Registry, builtin
    from poser import downloads
    from poser.config import load, presets
    from poser.roster import registry_of
    from poser.types import PoserError

    experts = builtin()
    if target in experts:
        return downloads.of(experts.only([target]), {})
    if target not in presets() and hub.ID.fullmatch(target) and not target.endswith((".yaml", ".yml")):
        return downloads.of(Registry(), {"you": (target,)})
    try:
        config = load(target)
    except PoserError as error:
        raise PoserError(f"{error}; or an expert of poser experts, or a hub id owner/name") from None
    needs, _ = downloads.requirements(config)
    return downloads.of(registry_of(config), downloads.models(config, needs))


def _say(args: argparse.Namespace, words: str) -> None:
    print(words, file=sys.stderr if args.json else sys.stdout, flush=True)


def _row(one: Download, found: Plan) -> dict[str, Any]:
    names = {"need": one.need, "commit": found.commit, "readers": list(one.readers), "files": dict(found.files)}
    return {**names, "bytes": found.size, "left": found.left}


def _lines(rows: Sequence[dict[str, Any]], left: int, room: int, dry: bool) -> list[str]:
    """For people: a line a repository, then all together."""
    from experts.hub.cache import home

    if not rows:
        return ["nothing to download: all of it is part of this package, or asked over the network"]
    lines = []
    for row in rows:
        who = ", ".join(row["readers"])
        if "error" in row:
            lines.append(f"{row['need']}: {row['error']} ({who})")
        elif dry:
            files = len(row["files"])
            lines.append(
                f"{row['left'] / 1e9:8.2f} GB of {row['bytes'] / 1e9:.2f}  {row['need']}  {files} files  ({who})"
            )
        else:
            lines.append(f"{row['bytes'] / 1e9:8.2f} GB here  {row['need']}  ({who})")
    if dry:
        words = "" if left <= room else ": too much; make room, or set HF_HUB_CACHE to a folder on another disk"
        lines.append(f"{left / 1e9:8.2f} GB to come, {room / 1e9:.1f} GB free in {home()}{words}")
    return lines
