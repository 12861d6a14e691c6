"""`poser experts`: which experts a preset has, what they do, what they cost."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from typing import TYPE_CHECKING, Any

from poser.cli import terminal

if TYPE_CHECKING:
    from experts.registry import Entry

_MODES = {"text-to-image": "draws", "image-to-image": "edits"}


def add(commands: Any) -> None:
    """Says what `poser experts` takes."""
    command = commands.add_parser("experts", help="list the experts", description=__doc__)
    command.add_argument("--preset", default="poster", help="a preset or a config file (default: poster)")
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Lists; gives the exit code."""
    from poser.config import load
    from poser.roster import registry_of

    entries = registry_of(load(args.preset))
    if args.json:
        rows = [_row(entry) for entry in entries.values()]
        terminal.tell({"preset": args.preset, "experts": rows})
    else:
        terminal.say(table(list(entries.values()), shutil.get_terminal_size((100, 24)).columns))
    return 0


def _row(entry: Entry) -> dict[str, Any]:
    card = entry.card
    return {
        "id": card.id,
        "version": card.version,
        "mode": card.mode,
        "verbs": list(card.verbs),
        "description": card.description,
        "usd": card.usd,
        "seconds": card.seconds,
        "vram_gib": card.vram_gib,
        "licence": card.licence,
        "source": card.source,
        "params": dict(card.params),
        "missing": entry.missing(),
    }


def table(entries: list[Entry], width: int) -> str:
    """Two or three lines an expert: its facts in columns, then its description."""
    head = ("id", "mode", "price", "seconds", "licence", "verbs")
    rows = [head] + [
        (
            entry.card.id,
            _MODES[entry.card.mode],
            f"${entry.card.usd:g}" if entry.card.usd else "free",
            f"{entry.card.seconds:g}",
            entry.card.licence,
            ", ".join(entry.card.verbs),
        )
        for entry in entries
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head) - 1)]
    lines = []
    for number, row in enumerate(rows):
        cells = (cell.ljust(size) for cell, size in zip(row, widths, strict=False))
        lines.append("  ".join((*cells, row[-1])).rstrip())
        if number:
            entry = entries[number - 1]
            lines += textwrap.wrap(entry.card.description, max(40, width - 2), **_INDENT)
            lines += [f"  missing: {', '.join(map(str, entry.missing()))}; {entry.get}"] if entry.missing() else []
    return "\n".join(lines)


_INDENT: dict[str, Any] = {"initial_indent": "  ", "subsequent_indent": "  "}
