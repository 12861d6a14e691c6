"""What every benchmark does with its figures: command line, origin, files in docs/results/, Markdown."""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from experts.files import write_whole
from poser.versions import versions

RESULTS = Path(__file__).parents[1] / "docs" / "results"
T = TypeVar("T")
MOST = 3 * 2**20
"""Bytes of a file of rows, packed."""
Rows = Sequence[Mapping[str, Any] | list[Any]]
"""One an episode: by name, or a line of names first and then lines of values."""
Figure = Mapping[str, float | int | None]
"""'mean', 'low', 'high' of `_stats.Estimate.to_json`; None where there is none."""


def command_line(name: str, about: str | None) -> argparse.ArgumentParser:
    """A parser of `python -m benchmarks.NAME` that has --json and --save."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=about)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--save", nargs="?", const=True, metavar="NAME", help=f"write docs/results/NAME.json ({name})")
    return parser


def _commit() -> str:
    asked = ["git", "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, cwd=Path(__file__).parent, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def plain(data: Any) -> Any:
    """The same with None for every number that is none: NaN is no JSON."""
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [plain(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def with_origin(figures: dict[str, Any], name: str) -> dict[str, Any]:
    """The figures as plain data, preceded by what is needed to repeat them; of an absolute path, its last part."""
    told = [re.sub(r"(?<![\w.])/(?:[^/\s]+/)*(?=[^/\s])", "", argument) for argument in sys.argv[1:]]
    command = " ".join([f"python -m benchmarks.{name}", *told])
    machine = {"processor": platform.machine(), "cores": os.cpu_count(), "platform": platform.system()}
    return plain({"command": command, "commit": _commit(), "versions": versions(), "machine": machine} | figures)


def json_lines(rows: Rows) -> bytes:
    """Rows as JSON lines."""
    return "".join(json.dumps(plain(row if isinstance(row, list) else dict(row))) + "\n" for row in rows).encode()


def save(name: str, figures: Mapping[str, Any], rows: Rows = ()) -> None:
    """Writes docs/results/NAME.json and, where there are any, one row an episode beside it in NAME.jsonl.gz.

    Raises `ValueError` for rows of more than `MOST` bytes.
    """
    packed = gzip.compress(json_lines(rows), mtime=0) if rows else b""
    if len(packed) > MOST:
        raise ValueError(f"the rows of {name} take {len(packed)} bytes, more than {MOST}; keep fewer columns")
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_whole(RESULTS / f"{name}.json", (json.dumps(figures, indent=1) + "\n").encode())
    if packed:
        write_whole(RESULTS / f"{name}.jsonl.gz", packed)


def load(name: str) -> dict[str, Any]:
    """The figures of docs/results/NAME.json."""
    figures: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return figures


def publish(
    asked: argparse.Namespace,
    name: str,
    figures: dict[str, Any],
    page: Callable[[dict[str, Any]], str],
    rows: Rows = (),
) -> int:
    """Saves figures (with origin) and rows where `--save [NAME]` asks for it; prints JSON, or `page` of the figures."""
    if asked.save:
        save(name if asked.save is True else asked.save, figures, rows)
    print(json.dumps(figures) if asked.json else page(figures))
    return 0


def track(items: Iterable[T], about: str, total: int | None = None) -> Iterable[T]:
    """The same items, counted on the terminal while they are worked through; silent where there is none."""
    from rich.console import Console
    from rich.progress import track as counted

    console = Console(stderr=True)
    return counted(items, about, total, console=console, transient=True, disable=not console.is_terminal)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def number(value: float | None, places: int = 2, sign: str = "") -> str:
    """'0.61'; a dash where there is no number."""
    return "–" if value is None or value != value else f"{value:{sign}.{places}f}"


def span(figure: Figure, places: int = 2, sign: str = "") -> str:
    """'0.61 [0.55, 0.67]'; `sign` '+' also shows a plus."""
    mean, low, high = (number(figure[name], places, sign) for name in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def verdict(figure: Figure) -> str:
    """'+0.050 [+0.010, +0.090]', bold where the interval is on one side of 0."""
    text, low, high = span(figure, 3, "+"), figure["low"], figure["high"]
    return f"**{text}**" if (low is not None and low > 0) or (high is not None and high < 0) else text
