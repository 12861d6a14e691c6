"""Symbols -> words: scenes and instructions as the experts were trained to read them."""

from __future__ import annotations

from experts.poster.instruction import Instruction
from experts.poster.scene import PLACES, Item, Scene

COUNTS = ("one", "two", "three", "four", "five")
"""Numbers that the experts were trained on."""


def plural(shape: str, count: int) -> str:
    """'star', 'stars'."""
    return shape if count == 1 else shape + "s"


def caption(scene: Scene) -> str:
    """A scene in the words that the experts were trained on, like items in one group, in reading order."""
    groups: dict[tuple[str, str, str, bool], list[Item]] = {}
    for item in scene.items:
        groups.setdefault((item.size, item.colour, item.shape, item.place is None), []).append(item)
    parts = []
    for (size, colour, shape, _), items in groups.items():
        count = len(items)
        where = " and ".join(PLACES[item.place] for item in items if item.place is not None)
        number = "" if count == 1 else f"{COUNTS[count - 1] if count <= len(COUNTS) else count} "
        parts.append(f"{number}{size} {colour} {plural(shape, count)}" + (f" at {where}" if where else ""))
    return ", ".join([*parts, f"{scene.background} background"])


def canonical(instruction: Instruction) -> str:
    """An instruction in the words that the experts were trained on."""
    verb, ref = instruction.verb, instruction.ref
    if verb == "generate":
        return caption(Scene(instruction.background or "white", instruction.items))
    if verb == "add":
        return "add " + caption(Scene("white", instruction.items)).removesuffix(", white background")
    if verb == "remove":
        return f"remove {ref}"
    if verb == "recolour":
        return f"make {ref} {instruction.colour}"
    if verb == "resize":
        return f"make {ref} {instruction.size}"
    if verb == "move":
        return f"move {ref} to {PLACES[instruction.place or 0]}"
    if verb == "replace":
        new = " ".join(filter(None, (instruction.size, instruction.colour, instruction.shape)))
        return f"replace {ref} with a {new}"
    return f"make the background {instruction.background}"
