"""Writes what is generated in README.md and docs/ from docs/results/: `python -m benchmarks.tables`.

Every block between '<!-- NAME -->' and '<!-- /NAME -->' is made anew; no figure in it is typed by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from benchmarks._results import RESULTS, load, table
from poser.config import Config

ROOT = Path(__file__).parents[1]
MARK = re.compile(r"<!-- (?P<name>[a-z-]+) -->\n.*?<!-- /(?P=name) -->", re.DOTALL)
BLOCKS = {
    "choices": ("choices", "page", ""),
    "critic": ("critic", "page", "critic"),
    "environment": ("env", "page", "env"),
    "experts": ("experts", "page", "experts"),
    "full-size": ("full_size", "page", "full-size"),
    "learning": ("learning", "page", "learning"),
    "levers": ("levers", "page", "levers"),
    "people": ("people.__main__", "overview", "people-*"),
    "policies": ("poster", "page", "poster-*"),
    "replay": ("replay.__main__", "pages", "replay-*"),
    "reliability": ("reliability.__main__", "page", "reliability-*"),
    "scale": ("scale.__main__", "page", "scale"),
    "serving": ("serving", "page", "serving"),
    "settings": ("tables", "settings", ""),
    "speed": ("speed.preset", "page", "speed"),
    "speed-ratios": ("speed.__main__", "ratios", "speed"),
    "step": ("footprint", "page", "footprint"),
}
"""Name of a block -> the file here and the function in it that writes it, and the results that it is given: one, a list
of all that fit where there is a '*', or none."""


def block(name: str) -> str:
    """What stands in a block. Raises KeyError for one that nobody makes."""
    file, function, results = BLOCKS[name]
    write = getattr(import_module(f"benchmarks.{file}"), function)
    if not results:
        return str(write())
    many = "*" in results
    found = [load(path.stem) for path in sorted(RESULTS.glob(f"{results}.json"))] if many else [load(results)]
    return f"{write(found if many else found[0])}\n\n{measured(found)}"


def measured(found: Sequence[Mapping[str, Any]]) -> str:
    """At which commits results were measured, those of their parts included."""
    parts = [part for result in found for part in (result, *result.values()) if isinstance(part, dict)]
    commits = sorted({f"`{part['commit']}`" for part in parts if "commit" in part})
    return f"Measured at commit {', '.join(commits)}."


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
    name = kind.get("type") or kind.get("$ref", "anything").rpartition("/")[2]
    return f"{names.get(name, name)} {' and '.join(limits)}".strip()


def pages() -> list[Path]:
    """Every file that may hold such blocks."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def filled(text: str) -> str:
    """The text with every block made anew."""
    return MARK.sub(lambda m: f"<!-- {m['name']} -->\n\n{block(m['name'])}\n\n<!-- /{m['name']} -->", text)


def main() -> int:
    """Rewrites the pages."""
    for page in pages():
        page.write_text(filled(page.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
