"""Whose turn it is: calls of many callers, grouped by expert. Nothing runs here and no clock is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Queue(Generic[T]):
    """Items that wait for their expert.

    Args:
        max_wait: seconds after which a group goes first, however cheap the others are.
    """

    def __init__(self, max_wait: float) -> None:
        self.max_wait = max_wait
        self._groups: dict[str, list[tuple[float, T]]] = {}

    def __len__(self) -> int:
        """Items that wait."""
        return sum(len(group) for group in self._groups.values())

    def __contains__(self, expert: str) -> bool:
        """Whether something waits for this expert."""
        return expert in self._groups

    @property
    def experts(self) -> list[str]:
        """Experts that are waited for, the oldest first."""
        return sorted(self._groups, key=lambda expert: self._groups[expert][0][0])

    def add(self, expert: str, items: Iterable[T], now: float) -> None:
        """These wait from now on (s, of any clock that never goes back)."""
        group = self._groups.setdefault(expert, [])
        group.extend((now, item) for item in items)
        group.sort(key=lambda pair: pair[0])
        self._tidy(expert)

    def next(self, cost: Callable[[str], Any], now: float, among: Iterable[str] | None = None) -> str | None:
        """The expert whose turn it is: one that has been waited for too long, the longest first; else the cheapest, of
        equals the one with the most items, then the one that was asked first.

        `among`: the experts that come into question; None: all. None where nothing waits.
        """
        experts = [expert for expert in self.experts if among is None or expert in among]
        if experts and now - self._groups[experts[0]][0][0] > self.max_wait:
            return experts[0]
        return min(experts, key=lambda expert: (cost(expert), -len(self._groups[expert])), default=None)

    def take(self, expert: str) -> list[T]:
        """Everything that waits for this expert, in order; it waits no longer."""
        return [item for _, item in self._groups.pop(expert, [])]

    def withdraw(self, items: Iterable[T]) -> None:
        """These wait no longer."""
        gone = {id(item) for item in items}
        for expert in list(self._groups):
            self._groups[expert] = [(since, item) for since, item in self._groups[expert] if id(item) not in gone]
            self._tidy(expert)

    def _tidy(self, expert: str) -> None:
        if not self._groups[expert]:
            del self._groups[expert]
