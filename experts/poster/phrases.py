"""Instructions in many words: seeded phrasings, different ones for training, validation and test."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import numpy as np

from experts.poster.instruction import Instruction, Ref
from experts.poster.scene import COLOURS, COUNTS, PLACES, SHAPES, SIZES, Item, plural

SPLITS = ("train", "validation", "test")

_TEMPLATES: dict[str, dict[str, tuple[str, ...]]] = {
    "generate": {
        "train": ("a poster with {items} on a {bg} background", "draw a poster: {items}, {bg} background"),
        "validation": ("create a picture with {items} on a {bg} background",),
        "test": ("generate an image showing {items} on a {bg} background", "a {bg} poster with {items}"),
    },
    "add": {
        "train": ("add {items}", "put {items}", "draw {items}"),
        "validation": ("place {items}",),
        "test": ("insert {items}", "please add {items}"),
    },
    "remove": {
        "train": ("remove {ref}", "delete {ref}", "erase {ref}"),
        "validation": ("get rid of {ref}",),
        "test": ("take away {ref}", "drop {ref}"),
    },
    "recolour": {
        "train": ("make {ref} {colour}", "turn {ref} {colour}", "paint {ref} {colour}"),
        "validation": ("change the colour of {ref} to {colour}",),
        "test": ("recolour {ref} to {colour}", "change {ref} to {colour}"),
    },
    "replace": {
        "train": ("replace {ref} with {new}", "swap {ref} for {new}"),
        "validation": ("turn {ref} into {new}",),
        "test": ("change {ref} into {new}", "exchange {ref} for {new}"),
    },
    "move": {
        "train": ("move {ref} to the {place}", "shift {ref} to the {place}"),
        "validation": ("bring {ref} to the {place}",),
        "test": ("slide {ref} into the {place}", "put {ref} in the {place}"),
    },
    "resize": {
        "train": ("make {ref} {size}", "make {ref} {sizer}"),
        "validation": ("resize {ref} to {size}",),
        "test": ("{grow} {ref}", "turn {ref} {size}"),
    },
    "background": {
        "train": ("make the background {bg}", "change the background to {bg}"),
        "validation": ("use a {bg} background",),
        "test": ("paint the background {bg}", "turn the background {bg}"),
    },
}
_GROW = {"big": "enlarge", "small": "shrink"}
_JOINTS = """a an at in and the item left right on bigger smaller it its them all both every everything corner corners
row column between under above below over large centre same as instead don't if there is"""
_POINTING = frozenset({"it", "its", "them", "both", "one", "same", "all", "every", "everything"})
_WORD = r"[^\W_]+(?:'\w+)?"
_AT = {"train": ("at the", "in the"), "validation": ("in the",), "test": ("at the", "in the")}


@cache
def _plain_words() -> tuple[frozenset[str], frozenset[str]]:
    """The words of all phrasings, of scenes, and those that join and point; and the words that begin a command."""
    told = [text for split in _TEMPLATES.values() for texts in split.values() for text in texts]
    said = [re.sub(r"{\w+}", " ", text) for text in told]
    world = (*COLOURS, *SIZES, *PLACES, *COUNTS, *SHAPES, *(plural(shape, 2) for shape in SHAPES))
    begin = {text.split()[0] for text in said if text[0].isalpha()} - {"a"} | set(_GROW.values()) | {"don't", "if"}
    return frozenset(re.findall(_WORD, " ".join([*said, *world, *_GROW.values(), _JOINTS]))), frozenset(begin)


def plain(text: str) -> bool:
    """Whether a text is commands and descriptions in the words of these phrasings alone: 'make it blue', 'a poster
    with a star'. The grammar reads such texts as they are meant; others may only seem to be understood."""
    words, begin = _plain_words()
    for sentence in re.split(r"[.;\n]|\bthen\b", text.lower()):
        said = re.findall(_WORD, sentence)
        if any(word not in words and not word.isdigit() for word in said):
            return False
        while said and (said[0] in ("please", "and") or said[0].isdigit()):
            said = said[1:]
        described = said[:1] in (["a"], ["an"]) and not _POINTING.intersection(said)
        if said and said[0] not in begin and not described:
            return False
    return True


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _items(items: tuple[Item, ...], rng: np.random.Generator, split: str) -> str:
    groups = Counter((item.size, item.colour, item.shape) for item in items)
    parts = []
    for key in [list(groups)[k] for k in rng.permutation(len(groups))]:
        (size, colour, shape), count = key, groups[key]
        cells = [item.place for item in items if (item.size, item.colour, item.shape) == key]
        places = [PLACES[cell] for cell in cells if cell is not None]
        number = ("an" if (size or colour)[0] in "aeiou" else "a") if count == 1 else COUNTS[count - 1]
        text = f"{number} {size} {colour} {plural(shape, count)}"
        if places:
            listed = places[0] if count == 1 else ", ".join(places[:-1]) + f" and {places[-1]}"
            text += f" {_pick(rng, _AT[split])} {listed}"
        parts.append(text)
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" and {parts[-1]}"


def _ref(ref: Ref, rng: np.random.Generator, split: str) -> str:
    text = "the " + " ".join(filter(None, (ref.size, ref.colour, ref.shape or "item")))
    if ref.place is not None:
        text += f" {_pick(rng, _AT[split])} {PLACES[ref.place]}"
    elif ref.side:
        text = f"the {ref.side} {text[4:]}" if rng.random() < 0.4 else f"{text} on the {ref.side}"
    return text


def phrase(instruction: Instruction, rng: np.random.Generator, split: str = "train") -> str:
    """One of the split's phrasings of `instruction`, without a full stop.

    Raises `KeyError` for an unknown split.
    """
    size = instruction.size or "big"
    new = " ".join(filter(None, (instruction.size, instruction.colour, instruction.shape)))
    return _pick(rng, _TEMPLATES[instruction.verb][split]).format(
        items=_items(instruction.items, rng, split) if instruction.items else "nothing",
        ref=_ref(instruction.ref, rng, split) if instruction.ref else "",
        colour=instruction.colour,
        new=("an " if new[:1] in "aeiou" else "a ") + new,
        place=PLACES[instruction.place or 0],
        size=size,
        sizer={"big": "bigger", "small": "smaller"}[size],
        grow=_GROW[size],
        bg=instruction.background or "white",
    )
