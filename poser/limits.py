"""What may be asked for, checked alike by the command line and by Python; and settings from files, within limits."""

from __future__ import annotations

import re
from typing import Any

import yaml

from experts.calling import MAX_SEED
from poser.types import PoserError

LONGEST = 20_000
"""Characters of a prompt: about 3,500 words, seven times the paper's longest."""
MAX_COMMANDS = 500
"""Commands of a prompt."""
MAX_STEPS = 100
"""Expert calls of an episode."""
MAX_SIDE = 8192
"""Longest side that may be wished, px."""
QUALITIES = ("auto", "low", "medium", "high")
MAX_YAML, MAX_NODES, MAX_DEPTH = 256 * 2**10, 100_000, 50
"""Of a file of settings: bytes, values (those that aliases repeat counted again), levels."""


def prompt(given: Any) -> str:
    """A prompt. Raises PoserError: empty, too long, no text."""
    if not isinstance(given, str):
        raise PoserError(f"the prompt is {type(given).__name__} {given!r:.60}; give text")
    if not given.strip():
        raise PoserError('the prompt is empty; say what the picture should show: "A red star on white"')
    if len(given) > LONGEST:
        raise PoserError(f"the prompt has {len(given):,} characters; give at most {LONGEST:,}")
    if not_text(given):
        raise PoserError("the prompt holds bytes that are no text; save it as UTF-8")
    return given


def not_text(words: str) -> bool:
    """Whether a string holds what no file and no argument can: half of a pair, or NUL."""
    return any("\ud800" <= c <= "\udfff" or c == "\0" for c in words)


def commands(count: int) -> None:
    """Raises PoserError: a prompt has too many commands."""
    if count > MAX_COMMANDS:
        raise PoserError(f"the prompt has {count:,} commands; give at most {MAX_COMMANDS:,}")


def whole(given: Any, low: int, high: int, name: str) -> int:
    """A whole number, low .. high. Raises PoserError; `name` says what it is."""
    number = given.item() if getattr(given, "ndim", 1) == 0 and hasattr(given, "item") else given
    if isinstance(number, bool) or not isinstance(number, int):
        raise PoserError(f"{name} {given!r:.60} is no whole number; give {low} to {high}")
    if not low <= number <= high:
        raise PoserError(f"{name} {number} is out of range; give {low} to {high}")
    return number


def seed(given: Any, name: str = "seed") -> int:
    """A seed, 0 .. 2**31 - 1. Raises PoserError."""
    return whole(given, 0, MAX_SEED, name)


def steps(given: Any, name: str = "max_steps") -> int:
    """Expert calls of an episode, 1 .. 100. Raises PoserError."""
    return whole(given, 1, MAX_STEPS, name)


def size(given: Any, name: str = "size") -> tuple[int, int]:
    """(width, height) px of a pair or of 'WIDTHxHEIGHT', each 1 .. 8192. Raises PoserError."""
    found = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", given.strip()) if isinstance(given, str) else None
    sides = [int(side) for side in found.groups()] if found else given
    if not isinstance(sides, list | tuple) or len(sides) != 2:
        raise PoserError(f"{name} {given!r:.60} is no size; give WIDTHxHEIGHT, 1024x768")
    return whole(sides[0], 1, MAX_SIDE, f"{name}: width"), whole(sides[1], 1, MAX_SIDE, f"{name}: height")


def quality(given: Any, name: str = "quality") -> str:
    """'auto', 'low', 'medium' or 'high'. Raises PoserError."""
    if given not in QUALITIES:
        raise PoserError(f"{name} {given!r:.60} is none; give {', '.join(QUALITIES)}")
    return str(given)


def read_yaml(text: str) -> Any:
    """Settings in YAML: plain data, small, not deep, and without an alias of itself. Raises ValueError."""
    if len(text) > MAX_YAML:
        raise ValueError(f"it has more than {MAX_YAML // 2**10} KiB")
    loader = None
    try:
        depth = 0
        for event in yaml.parse(text, yaml.SafeLoader):  # before anything is built: a deep file takes for ever
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise ValueError(f"it has more than {MAX_DEPTH} levels")
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _count(node, {}, ())
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    finally:
        if loader is not None:
            loader.dispose()


def _count(node: yaml.Node, known: dict[int, int], above: tuple[int, ...]) -> int:
    """Values in a node, aliases followed. Raises ValueError: too many, too deep, or a node within itself."""
    if id(node) in above:
        raise ValueError("an alias stands within what it names")
    if len(above) > MAX_DEPTH:
        raise ValueError(f"it has more than {MAX_DEPTH} levels")
    if isinstance(node, yaml.ScalarNode) and not_text(node.value):
        raise ValueError(f"{node.value!r:.60} is no text")
    if id(node) not in known:
        inner = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else []
        inner += node.value if isinstance(node, yaml.SequenceNode) else []
        known[id(node)] = 1 + sum(_count(part, known, (*above, id(node))) for part in inner)
        if known[id(node)] > MAX_NODES:
            raise ValueError(f"its aliases stand for more than {MAX_NODES:,} values")
    return known[id(node)]
