"""Picture -> scene, exactly: the judge of benchmarks, never the reward.

Background by the median of the gutters between the cells; in each cell the pixels that differ from it, their colour by
the nearest palette entry, shape and size by the closest of a few thousand shifted stencils. Robust to the blur and the
colour drift of generated pictures, and blind to nothing: a blob that fits no stencil is an item of shape 'unknown'.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image

from experts.poster.render import RADIUS, stencil
from experts.poster.scene import CELL, COLOURS, SHAPES, SIDE, SIZES, UNKNOWN, Item, Scene

CONTRAST = 48.0
"""Smallest RGB distance from the background that counts as 'something', [0, 441]."""
SPECK = 24
"""Fewer differing pixels than this in a cell are noise."""
MISFIT = 0.45
"""Squared error of the best stencil over its own energy above which a blob has no name."""

_NAMES = tuple(COLOURS)
_PALETTE = np.array([COLOURS[name] for name in _NAMES], dtype=np.float32)


@lru_cache
def _stencils() -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """Coverage vectors [T, CELL*CELL], their energies [T], and (shape, size) of each."""
    rows, names = [], []
    for shape in SHAPES:
        for size in SIZES:
            for stretch in (0.95, 1.05):
                plain = np.asarray(stencil(shape, RADIUS[size] * stretch), dtype=np.float32) / 255
                for dx in range(-3, 4):
                    for dy in range(-3, 4):
                        rows.append(np.roll(plain, (dy, dx), axis=(0, 1)).ravel())
                        names.append((shape, size))
    table = np.stack(rows)
    return table, (table**2).sum(axis=1), names


def _gutters() -> np.ndarray:
    """Boolean [SIDE, SIDE]: pixels within 2 px of a cell border."""
    edge = (np.arange(SIDE) % CELL < 2) | (np.arange(SIDE) % CELL >= CELL - 2)
    return edge[:, None] | edge[None, :]


_GUTTERS = _gutters()


def _read_cell(cell: np.ndarray, background: np.ndarray, name: str, place: int) -> Item | None:
    """What stands in one cell [CELL, CELL, 3], or None."""
    off = cell - background  # [CELL, CELL, 3]
    distance = np.sqrt((off**2).sum(axis=-1))
    if (distance > CONTRAST).sum() < SPECK:
        return None
    core = cell[distance > max(CONTRAST, 0.7 * np.quantile(distance, 0.98))]
    colour = np.median(core, axis=0)
    nearest = ((_PALETTE - colour) ** 2).sum(axis=1)
    nearest[_NAMES.index(name)] = np.inf
    ink = colour - background
    alpha = np.clip(off @ ink / (ink @ ink), 0, 1).ravel()
    table, energy, names = _stencils()
    misfit = energy - 2 * (table @ alpha) + alpha @ alpha
    best = int(misfit.argmin())
    shape, size = names[best]
    if misfit[best] > MISFIT * energy[best]:
        shape = UNKNOWN
    return Item(place, shape, _NAMES[int(nearest.argmin())], size)


def read(picture: Image.Image) -> Scene:
    """The scene that a poster shows. Other sizes than SIDE x SIDE px are resampled first."""
    if picture.size != (SIDE, SIDE):
        picture = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float32)
    background = np.median(pixels[_GUTTERS], axis=0)
    name = _NAMES[int(((_PALETTE - background) ** 2).sum(axis=1).argmin())]
    items = []
    for place in range(9):
        row, column = divmod(place, 3)
        cell = pixels[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
        item = _read_cell(cell, background, name, place)
        if item is not None:
            items.append(item)
    return Scene(name, tuple(items))


def read_all(pictures: Sequence[Image.Image]) -> list[Scene]:
    """`read` over a list."""
    return [read(picture) for picture in pictures]
