"""Which sizes a service draws, and the one nearest to what is wanted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Asked(NamedTuple):
    """A size in the service's words, and in px where the words say so."""

    words: str
    px: tuple[int, int] | None


class Sizes(Protocol):
    """The sizes of a service."""

    def nearest(self, wanted: tuple[int, int]) -> Asked:
        """The nearest to (width, height) px."""
        ...


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """How much two sizes differ in proportions: 0 for equal ones."""
    return abs(math.log(one[0] * other[1] / (one[1] * other[0])))


@dataclass(frozen=True)
class Listed:
    """A few fixed sizes, px: the nearest proportions, then the nearest width."""

    sizes: tuple[tuple[int, int], ...]

    def nearest(self, wanted: tuple[int, int]) -> Asked:
        """See `Sizes`."""
        width, height = min(self.sizes, key=lambda size: (round(_apart(size, wanted), 6), abs(size[0] - wanted[0])))
        return Asked(f"{width}x{height}", (width, height))


@dataclass(frozen=True)
class Free:
    """Any size within bounds: sides divisible by `multiple` and at most `max_side` px, pixels within two limits,
    the longer side at most `ratio` times the shorter.
    """

    multiple: int
    max_side: int
    min_pixels: int
    max_pixels: int
    ratio: float

    def nearest(self, wanted: tuple[int, int]) -> Asked:
        """See `Sizes`. Proportions are kept as far as the bounds allow."""
        long, short = max(wanted), min(wanted)
        short = max(short, math.ceil(long / self.ratio))
        scale = max(1.0, math.sqrt(self.min_pixels / (long * short)))
        scale = min(scale, math.sqrt(self.max_pixels / (long * short)), self.max_side / long)
        ways = (math.floor, round, math.ceil)
        sides = {
            (a(long * scale / self.multiple) * self.multiple, b(short * scale / self.multiple) * self.multiple)
            for a in ways
            for b in ways
        }
        fits = [side for side in sides if self._allows(*side)]
        long_side, short_side = min(fits, key=lambda side: (_apart(side, (long, short)), -side[0]))
        width, height = (long_side, short_side) if wanted[0] >= wanted[1] else (short_side, long_side)
        return Asked(f"{width}x{height}", (width, height))

    def _allows(self, long: int, short: int) -> bool:
        pixels = self.min_pixels <= long * short <= self.max_pixels
        return pixels and 0 < short <= long <= self.max_side and long <= self.ratio * short


@dataclass(frozen=True)
class Ratios:
    """Named proportions such as '16:9'; the service chooses the pixels."""

    names: tuple[str, ...]

    def nearest(self, wanted: tuple[int, int]) -> Asked:
        """See `Sizes`."""
        return Asked(min(self.names, key=lambda name: _apart(_ratio(name), wanted)), None)


def _ratio(name: str) -> tuple[float, float]:
    width, height = name.split(":")
    return float(width), float(height)


@dataclass(frozen=True)
class AsWanted:
    """The card's own limits say it all: what passed them is asked for as it is."""

    def nearest(self, wanted: tuple[int, int]) -> Asked:
        """See `Sizes`."""
        return Asked(f"{wanted[0]}x{wanted[1]}", wanted)
