"""`poser doctor`: what is installed, which devices there are, which presets can run, and what the others lack."""

from __future__ import annotations

import argparse
import json
import os
import platform
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poser.doctor import Findings

KEYS = ("OPENAI_API_KEY", "GEMINI_API_KEY", "REPLICATE_API_TOKEN", "HF_TOKEN")
"""Environment variables that services read. Whether they are set is shown, never what they hold."""


def add(commands: Any) -> None:
    """Says what `poser doctor` takes."""
    command = commands.add_parser("doctor", help="check the installation", description=__doc__)
    command.add_argument("--preset", help="check this preset or config file only")
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Checks; gives the exit code: 1 where no preset that was asked for can run."""
    from poser import doctor
    from poser.config import presets
    from poser.versions import PACKAGES, VERSION, installed

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
    }
    states = {name: _findings(name) for name in asked}
    if args.json:
        found["presets"] = {
            name: {"runs": not state.lacks, "lacks": list(state.lacks), "notes": list(state.notes)}
            for name, state in states.items()
        }
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        print("\n".join([*_lines(found), *_states(states)]))
    return 0 if any(not state.lacks for state in states.values()) else 1


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


def _states(states: dict[str, Findings]) -> list[str]:
    """The presets for people."""
    lines = []
    for name, state in states.items():
        lines.append(f"preset    {name} {'cannot run:' if state.lacks else 'can run'}")
        lines += [f"            {lack}" for lack in state.lacks]
        lines += [f"            note: {note}" for note in state.notes]
    return lines
