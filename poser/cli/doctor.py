"""`poser doctor`: which presets can run here and what the others lack, a line each; with --preset or --all in detail,
and what is installed."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poser.doctor import Findings
    from poser.downloads import Download

KEYS = ("OPENAI_API_KEY", "GEMINI_API_KEY", "REPLICATE_API_TOKEN", "HF_TOKEN")
"""Environment variables that services read. Whether they are set is shown, never what they hold."""


def add(commands: Any) -> None:
    """Says what `poser doctor` takes."""
    command = commands.add_parser("doctor", help="check the installation", description=__doc__)
    command.add_argument("--preset", help="check this preset or config file only, in detail")
    command.add_argument("--all", action="store_true", help="every detail of every preset")
    command.add_argument("--engine", action="store_true", help="what the cluster of the preset's engine has, what fits")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="with --engine: a setting")
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Checks; gives the exit code: 1 where no preset that was asked for can run."""
    from experts.hub import cache, fetch
    from poser import doctor
    from poser.config import presets
    from poser.versions import PACKAGES, VERSION, installed

    if args.engine:
        return _engine(args)
    asked = [args.preset] if args.preset is not None else list(presets())
    found: dict[str, Any] = {
        "poser": VERSION,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: installed(name) for name in PACKAGES},
        "cores": os.cpu_count(),
        "memory_gib": doctor.ram_gib(),
        "devices": doctor.devices(),
        "keys": {name: bool(os.environ.get(name)) for name in KEYS},
        "cache": {"folder": str(cache.home()), "free_gb": round(fetch.free() / 1e9, 1)},
    }
    states = {name: _findings(name) for name in asked}
    if args.json:
        found["presets"] = {
            name: {"runs": state.runs, **dataclasses.asdict(state), "gb": round(state.gb, 2)}
            for name, state in states.items()
        }
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        detailed = args.all or args.preset is not None
        print("\n".join([*(_short(name, state) for name, state in states.items()), *_details(detailed, found, states)]))
    return 0 if any(state.runs for state in states.values()) else 1


def _engine(args: argparse.Namespace) -> int:
    """What the cluster has, and what of the preset would stand where; 1 where something does not fit."""
    from poser import config as configs
    from poser.cluster.survey import survey

    given = dict(configs.override(text) for text in args.set) | {"engine": "ray"}
    found = survey(configs.load(args.preset or "poster", given))
    print(json.dumps(dataclasses.asdict(found), indent=2) if args.json else "\n".join(found.lines()))
    return 1 if found.lacks else 0


def _findings(preset: str) -> Findings:
    """What a preset lacks, each with what to type."""
    from poser.config import load
    from poser.doctor import Findings, findings
    from poser.types import PoserError

    try:
        return findings(load(preset))
    except PoserError as error:
        return Findings((str(error),))


def _lines(found: dict[str, Any]) -> list[str]:
    """The findings for people."""
    lines = [f"poser     {found['poser']}, python {found['python']}, {found['platform']}"]
    lines.append(f"machine   {found['cores']} cores, {found['memory_gib']} GiB")
    for row in found["devices"]:
        more = f"{row['gib']} GiB" if "gib" in row else f"{row['threads']} threads"
        lines.append(f"device    {row['device']}: {row['name']}, {more}")
    for name, version in found["packages"].items():
        lines.append(
            f"package   {name} {version}" if version else f"package   {name} MISSING; type: pip install {name}"
        )
    lines += [f"key       {name} {'is set' if there else 'is not set'}" for name, there in found["keys"].items()]
    return lines


def _short(name: str, state: Findings) -> str:
    """A preset in one line."""
    if state.runs:
        return f"preset    {name} can run"
    kinds = list(dict.fromkeys(_kind(lack) for lack in state.lacks))
    if state.downloads:
        kinds.insert(0, f"{len(state.downloads)} downloads ({state.gb:.1f} GB)")
    return f"preset    {name} lacks {', '.join(kinds)}; type: poser doctor --preset {name}"


def _kind(lack: str) -> str:
    """What is lacking, in a word or two: what stands before the colon, or a key's name."""
    head, _, rest = lack.partition(": ")
    key = re.search(r"export (\w+)=|not there: ([A-Z_]{4,});", rest)
    if key:
        return key[1] or key[2]
    return head if len(head) < 40 else "an answer to an error"


def _details(detailed: bool, found: dict[str, Any], states: dict[str, Findings]) -> list[str]:
    """Everything for people, or how to see it."""
    if not detailed:
        return ["every detail: poser doctor --all"]
    lines = []
    for name, state in states.items():
        lines += ["", f"{name}:"] if not state.runs or state.notes else []
        lines += [f"  {_download(one)}" for one in state.downloads]
        if state.downloads:
            room = f"{found['cache']['free_gb']} GB free in {found['cache']['folder']}"
            lines.append(f"  {state.gb:.1f} GB to come, {room}; type: poser download {name}")
        lines += [f"  {lack}" for lack in state.lacks]
        lines += [f"  note: {note}" for note in state.notes]
    return [*lines, "", *_lines(found)]


def _download(one: Download) -> str:
    """What is to come of a repository."""
    size = "size unknown" if one.gb is None else f"{one.gb:.1f} GB"
    part = f"; {len(one.lacking)} files of it lack ({one.lacking[0]}, ...)" if one.partial else ""
    return f"download {one.need}: {size} for {', '.join(one.readers)}{part}"
