"""Scene -> picture: anti-aliased, with a small seeded jitter of place and size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from experts.poster.scene import CELL, COLOURS, SIDE, Item, Scene

RADIUS = {"small": 7.0, "big": 12.5}
"""Half height of an item, px."""
JITTER = 2.0
"""Largest shift of an item from the middle of its cell, px."""
STRETCH = 0.06
"""Largest relative change of an item's radius."""
OVERSAMPLE = 4


@lru_cache
def outline(shape: str) -> tuple[tuple[float, float], ...]:
    """Corner points of a shape in [-1, 1]^2, y down."""
    if shape == "circle":
        return tuple((math.cos(a) * 0.96, math.sin(a) * 0.96) for a in np.linspace(0, 2 * math.pi, 49)[:-1])
    if shape == "square":
        return ((-0.84, -0.84), (0.84, -0.84), (0.84, 0.84), (-0.84, 0.84))
    if shape == "triangle":
        return ((0.0, -0.98), (1.0, 0.82), (-1.0, 0.82))
    if shape == "star":
        points = []
        for k in range(10):
            radius, angle = (1.05, 0.42)[k % 2], -math.pi / 2 + k * math.pi / 5
            points.append((radius * math.cos(angle), radius * math.sin(angle) + 0.06))
        return tuple(points)
    if shape == "heart":
        turns = np.linspace(0, 2 * math.pi, 61)[:-1]
        return tuple(
            (
                math.sin(t) ** 3,
                -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 15.5 - 0.12,
            )
            for t in turns
        )
    if shape == "diamond":
        return ((0.0, -1.0), (0.72, 0.0), (0.0, 1.0), (-0.72, 0.0))
    raise ValueError(f"no such shape: {shape!r}")


def stencil(shape: str, radius: float, dx: float = 0.0, dy: float = 0.0) -> Image.Image:
    """Coverage of one cell by a shape: an 'L' picture of CELL x CELL px."""
    scale, middle = OVERSAMPLE, CELL / 2
    mask = Image.new("L", (CELL * scale, CELL * scale), 0)
    points = [((middle + dx + x * radius) * scale, (middle + dy + y * radius) * scale) for x, y in outline(shape)]
    ImageDraw.Draw(mask).polygon(points, fill=255)
    return mask.resize((CELL, CELL), Image.Resampling.BOX)


def jitters(scene: Scene, rng: np.random.Generator) -> dict[Item, tuple[float, float, float]]:
    """One (dx px, dy px, relative radius) an item, drawn from `rng`."""
    draw = rng.uniform(-1, 1, size=(len(scene.items), 3)) * (JITTER, JITTER, STRETCH)
    return {item: (float(x), float(y), 1.0 + float(s)) for item, (x, y, s) in zip(scene.items, draw, strict=True)}


def render(
    scene: Scene,
    rng: np.random.Generator | None = None,
    jitter: dict[Item, tuple[float, float, float]] | None = None,
) -> Image.Image:
    """Draws a scene: RGB, SIDE x SIDE px.

    `jitter` fixes the shift and radius of some items (so that an edit leaves the others pixel-equal); the rest is
    drawn from `rng`, or not jittered without one. Raises `SceneError` where an item cannot be placed.
    """
    scene = scene.placed()
    moves = jitters(scene, rng) if rng is not None else {}
    moves |= jitter or {}
    picture = Image.new("RGB", (SIDE, SIDE), COLOURS[scene.background])
    for item in scene.items:
        dx, dy, stretch = moves.get(item, (0.0, 0.0, 1.0))
        mask = stencil(item.shape, RADIUS[item.size] * stretch, dx, dy)
        row, column = divmod(item.place or 0, 3)
        box = (column * CELL, row * CELL)
        picture.paste(Image.new("RGB", (CELL, CELL), COLOURS[item.colour]), box, mask)
    return picture


def sheet(pictures: Sequence[Image.Image], columns: int = 8, gap: int = 4, scale: int = 1) -> Image.Image:
    """Pictures of one size side by side on grey, for looking at."""
    side_x, side_y = (edge * scale for edge in pictures[0].size)
    rows = -(-len(pictures) // columns)
    page = Image.new("RGB", (columns * (side_x + gap) + gap, rows * (side_y + gap) + gap), (128, 128, 128))
    for k, picture in enumerate(pictures):
        row, column = divmod(k, columns)
        shown = picture.resize((side_x, side_y), Image.Resampling.NEAREST) if scale != 1 else picture
        page.paste(shown, (gap + column * (side_x + gap), gap + row * (side_y + gap)))
    return page
