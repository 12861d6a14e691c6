"""What people can say to the poster world, for people: its words by what they stand for, its limits, and a picture."""

from __future__ import annotations

from PIL import Image

from experts.poster.language.lexicon import languages, lines
from experts.poster.render import render
from experts.poster.scene import COLOURS, SHAPES, Item, Scene

__all__ = ["LIMITS", "languages", "sheet", "vocabulary"]

LIMITS = (
    "A poster is a 3x3 grid on a background of one colour: up to 9 things, one a cell, none in its colour.",
    "Not possible: other shapes and colours, text, rotation, outlines, patterns, shading, photographs.",
    "Say what to show ('a red star in the centre of a white poster'), then how to change it: add, remove, recolour, "
    "replace, move, resize, swap, mirror, copy, fill a row, change the background, undo; 'all', 'both', 'except', "
    "'the other one', 'if there is a heart', 'not', 'no, make it blue'.",
)
"""What the world holds, what it does not, and what can be asked for."""
_SHOWN = {
    "colour": "{value}",
    "shape": "{value}",
    "size": "{value}",
    "v": "{value}",
    "h": "{value}",
    "mid": "centre",
    "corner": "corner",
    "row": "row",
    "column": "column",
    "rel": "{value} of",
    "ground": "background",
    "verb": "{value}",
    "grow": "make {value}",
}


def vocabulary(language: str = "en", most: int = 8) -> dict[str, list[str]]:
    """What words stand for -> up to `most` of them, the usual one first."""
    found: dict[str, list[str]] = {}
    for head, listed in lines(language):
        tag, _, value = head.partition(" ")
        if tag in _SHOWN:
            row = found.setdefault(_SHOWN[tag].format(value=value.removesuffix(" post")), [])
            row += [word.strip() for word in listed.split(",")][: most - len(row)]
    return found


def sheet() -> Image.Image:
    """A picture of all shapes, colours and sizes: six posters beside one another, 96 px each."""
    posters = []
    inks = [name for name in COLOURS if name != "white"]
    for k, shape in enumerate(SHAPES):
        ground = "white" if k % 2 == 0 else "black"
        colours = [name for name in [*inks, "white"] if name != ground][:7]
        items = [Item(cell, shape, ink, "big" if cell % 2 else "small") for cell, ink in enumerate(colours)]
        posters.append(render(Scene(ground, tuple(items))))
    side = posters[0].width
    whole = Image.new("RGB", (3 * side + 20, 2 * side + 10), (128, 128, 128))
    for k, poster in enumerate(posters):
        whole.paste(poster, ((k % 3) * (side + 10), (k // 3) * (side + 10)))
    return whole
