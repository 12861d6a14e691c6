"""Writes what is generated in README.md and docs/ from docs/results/: `python -m benchmarks.tables`.

Every block between '<!-- NAME -->' and '<!-- /NAME -->' is made anew; no figure in it is typed by hand.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks import critic, env, experts, footprint, learning, poster
from benchmarks._results import RESULTS, load, table
from benchmarks.ladder import table as ladder
from benchmarks.speed import __main__ as speed
from benchmarks.speed import preset
from poser.config import Config

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
    "settings": lambda: settings(),
    "speed": lambda: preset.page(load("speed")),
    "speed-ratios": lambda: speed.ratios(load("speed")),
    "step": lambda: footprint.page(load("footprint")),
}
"""Name of a block -> what stands in it."""


LIMITS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def settings() -> str:
    """Every key of a configuration with its default and what is allowed, from the model that checks it."""
    schema, usual = Config.model_json_schema(), Config(experts=("poster-sd",)).dump() | {"experts": "(needed)"}

    def rows(properties: Mapping[str, Any], values: Mapping[str, Any], above: str) -> Iterator[list[str]]:
        for name, key in properties.items():
            part = schema["$defs"].get(key.get("$ref", "").rpartition("/")[2])
            if part:
                yield from rows(part["properties"], values[name], f"{above}{name}.")
            else:
                value = yaml.safe_dump(values[name], default_flow_style=True, width=10**6, sort_keys=False)
                kinds = [_allowed(kind) for kind in key.get("anyOf", [key])]
                yield [f"`{above}{name}`", f"`{value.splitlines()[0]}`", ", or ".join(kinds)]

    return table(["key", "default", "allowed"], list(rows(schema["properties"], usual, "")))


def _allowed(kind: Mapping[str, Any]) -> str:
    """What a part of a JSON schema allows, in a few words: 'number >= 0 and <= 1'."""
    if "enum" in kind:
        return " or ".join(f"`{value}`" for value in kind["enum"])
    names = {"object": "mapping", "array": "list", "null": "`null`"}
    limits = [f"{sign} {kind[name]:g}" for name, sign in LIMITS.items() if name in kind]
    return f"{names.get(kind['type'], kind['type'])} {' and '.join(limits)}".strip()


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
