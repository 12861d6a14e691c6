"""Critics, extractors and wordings by name, one file each, found by itself; where the answers of models are kept."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from experts.failures import hint
from poser.types import PoserError

FILE = "answers.sqlite"
"""In a folder of stored results; models share it, each sees its own answers alone."""
_LOADS = re.compile(r"^def load\((?:config|settings):", re.MULTILINE)


@cache
def names(package: str) -> tuple[str, ...]:
    """The files of an imported package that define `load(config, ...)` or `load(settings, ...)`; none is imported."""
    folder = Path(sys.modules[package].__path__[0])
    return tuple(sorted(file.stem for file in folder.glob("[!_]*.py") if _LOADS.search(file.read_text("utf-8"))))


def part(package: str, what: str, name: str) -> ModuleType:
    """The module of that name. Raises `PoserError` where there is none."""
    if name not in names(package):
        raise PoserError(f"no such {what} {name!r}; {hint(name, names(package), what + 's')}")
    return import_module(f"{package}.{name}")


def named(entry: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name and the settings of a config's {name: ..., ...}."""
    return str(entry.get("name", "")), {key: value for key, value in entry.items() if key != "name"}


def refuse(owner: str, settings: Mapping[str, Any], keys: Iterable[str]) -> None:
    """Raises `PoserError` for a setting that is none of `keys`; `owner`: 'critic vqa'."""
    known = tuple(keys)
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise PoserError(f"{owner}: no such key {unknown[0]!r}; keys are {', '.join(known) or 'none'}")


def keeping(
    module: ModuleType,
    settings: Mapping[str, Any] | None,
    folder: str | Path | None = None,
    file: str | Path | None = None,
) -> dict[str, Any]:
    """The settings of a critic, extractor or wording, with `answers` in `file`, or in the usual one of `folder`, where
    its `KEYS` know that setting and none is named."""
    file = file or (Path(folder) / FILE if folder else None)
    own = {"answers": str(file)} if file and "answers" in getattr(module, "KEYS", ()) else {}
    return {**own, **(settings or {})}
