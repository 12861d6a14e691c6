"""Who leaves a memory that is full: arithmetic on sizes, nothing is moved here."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Sizes = Mapping[Hashable, int]
"""Blocks of weights and their bytes; a block that several have is there once."""


@dataclass(frozen=True)
class Stay:
    """Somebody in memory.

    Attributes:
        key: who.
        sizes: what it uses.
        used: when it was last used; larger is later, those of one round are equal.
        held: it must not leave: it is pinned, or it runs.
        wanted: the calls that wait need it.
        lent: it is there for a moment and the first to leave (a text encoder).
    """

    key: str
    sizes: Sizes
    used: int = 0
    held: bool = False
    wanted: bool = False
    lent: bool = False


def total(*sizes: Sizes) -> int:
    """Bytes of all together, each block once."""
    together: dict[Hashable, int] = {}
    for each in sizes:
        together.update(each)
    return sum(together.values())


def leavers(stays: Sequence[Stay], incoming: Sizes, limit: float, spare_wanted: bool = False) -> list[str] | None:
    """Keys of those that leave so that the others and `incoming` weigh at most `limit` bytes; None: it cannot be.

    First what is lent, last what is wanted (never with `spare_wanted`); in between the least recently used, and of
    those the one whose return costs the fewest bytes. Nobody leaves whose leaving turns out not to be needed.
    """
    may = [stay for stay in stays if not stay.held and not (spare_wanted and stay.wanted)]
    may.sort(key=lambda stay: (not stay.lent, stay.wanted, stay.used, _own(stay, stays)))
    gone: list[Stay] = []

    def weigh(leaving: Iterable[Stay]) -> int:
        keys = {stay.key for stay in leaving}
        return total(incoming, *(stay.sizes for stay in stays if stay.key not in keys))

    while weigh(gone) > limit:
        if not may:
            return None
        gone.append(may.pop(0))
    for stay in reversed(gone[:-1]):
        fewer = [other for other in gone if other is not stay]
        if weigh(fewer) <= limit:
            gone = fewer
    return [stay.key for stay in gone]


def _own(stay: Stay, stays: Sequence[Stay]) -> int:
    """Bytes that only it uses: what its return would copy."""
    others = {block for other in stays if other.key != stay.key for block in other.sizes}
    return sum(size for block, size in stay.sizes.items() if block not in others)
