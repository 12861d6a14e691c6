"""Writes what is generated in README.md and docs/ from docs/results/: `python -m benchmarks.tables`.

Every block between '<!-- NAME -->' and '<!-- /NAME -->' is made anew; no figure in it is typed by hand.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import critic, env, experts, footprint, learning, poster
from benchmarks._results import RESULTS, load
from benchmarks.ladder import table as ladder
from benchmarks.speed import __main__ as speed
from benchmarks.speed import preset

ROOT = Path(__file__).parents[1]
MARK = re.compile(r"<!-- (?P<name>[a-z-]+) -->\n.*?<!-- /(?P=name) -->", re.DOTALL)
BLOCKS: dict[str, Callable[[], str]] = {
    "critic": lambda: critic.page(load("critic")),
    "environment": lambda: env.page(load("env")),
    "experts": lambda: experts.page(load("experts")),
    "ladder": lambda: ladder.markdown(load("ladder")),
    "ladder-parts": lambda: ladder.parts(load("ladder-parts")),
    "ladder-short": lambda: ladder.short(load("ladder")),
    "learning": lambda: learning.page(load("learning")),
    "policies": lambda: poster.page([json.loads(file.read_text("utf-8")) for file in RESULTS.glob("poster-*.json")]),
    "speed": lambda: preset.page(load("speed")),
    "speed-ratios": lambda: speed.ratios(load("speed")),
    "step": lambda: footprint.page(load("footprint")),
}
"""Name of a block -> what stands in it."""


def pages() -> list[Path]:
    """Every file that may hold such blocks."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def filled(text: str) -> str:
    """The text with every block made anew. Raises KeyError for one that nobody makes."""
    return MARK.sub(lambda m: f"<!-- {m['name']} -->\n\n{BLOCKS[m['name']]()}\n\n<!-- /{m['name']} -->", text)


def main() -> int:
    """Rewrites the pages."""
    for page in pages():
        page.write_text(filled(page.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
