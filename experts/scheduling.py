"""Calls of many threads on one pool: remote experts at the same time, local ones in groups, one after the other."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Condition, Event, Thread
from typing import Any, Generic, TypeVar

from experts.types import Request, Result

T = TypeVar("T")
R = TypeVar("R")


@dataclass(eq=False)
class Ticket:
    """A request that waits for its result.

    Attributes:
        same: equal for requests that one computation answers; None: nothing else answers it.
        since: when it was asked, s (`time.monotonic`).
        result: None until it is served.
    """

    request: Request
    same: str | None
    since: float
    result: Result | None = None

    def served(self) -> Result:
        """The result. Raises RuntimeError: there is none, which is a fault of whoever served it."""
        if self.result is None:
            raise RuntimeError(f"no result for {self.request.prompt!r}: whoever served it left it out")
        return self.result


class Queue(Generic[T]):
    """Items that wait, grouped by expert. Nothing runs here and no clock is read.

    Args:
        max_wait: seconds after which a group goes first, however cheap the others are.
    """

    def __init__(self, max_wait: float) -> None:
        self.max_wait = max_wait
        self._groups: dict[str, list[tuple[float, T]]] = {}

    def __len__(self) -> int:
        """Items that wait."""
        return sum(map(len, self._groups.values()))

    def __contains__(self, expert: str) -> bool:
        """Whether something waits for this expert."""
        return expert in self._groups

    @property
    def experts(self) -> list[str]:
        """Experts that are waited for, the longest first."""
        return sorted(self._groups, key=lambda expert: self._groups[expert][0][0])

    def add(self, expert: str, items: Iterable[T], since: float) -> None:
        """These wait since then (s, of any clock that never goes back)."""
        group = self._groups.get(expert, []) + [(since, item) for item in items]
        if group:
            self._groups[expert] = sorted(group, key=lambda pair: pair[0])

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
        gone = set(map(id, items))
        left = {expert: [pair for pair in group if id(pair[1]) not in gone] for expert, group in self._groups.items()}
        self._groups = {expert: group for expert, group in left.items() if group}


class Scheduler:
    """Serves the tickets of all callers in the order of `Queue`, one group at a time.

    The first waiting thread runs everybody's groups until its own tickets are done; then the next one does. No thread
    of its own is needed for that.

    Args:
        max_wait: s, see `Queue`.
        price: experts -> what calling each would cost now, in any order that compares.
        serve: fills in the results of an expert's tickets.
    """

    def __init__(
        self,
        max_wait: float,
        price: Callable[[Sequence[str]], Mapping[str, Any]],
        serve: Callable[[str, list[Ticket]], None],
    ) -> None:
        self._queue: Queue[Ticket] = Queue(max_wait)
        self._price, self._serve = price, serve
        self._change = Condition()
        self._busy = False

    def wait(self, groups: Mapping[str, list[Ticket]]) -> None:
        """Returns when all these have results. An interrupt withdraws them and nobody else's."""
        mine = [ticket for group in groups.values() for ticket in group]
        with self._change:
            for expert, group in groups.items():
                self._queue.add(expert, group, group[0].since)
        try:
            while True:
                with self._change:
                    self._change.wait_for(lambda: _done(mine) or not self._busy)
                    if _done(mine):
                        return
                    self._busy = True
                self._run(mine)
        finally:
            with self._change:
                self._queue.withdraw(mine)

    def following(self) -> tuple[list[str], str | None]:
        """The experts that are waited for, and whose turn is next."""
        with self._change:
            waiting = self._queue.experts
        prices = self._price(waiting)  # not under the lock: it waits for the model that runs
        with self._change:
            return waiting, self._queue.next(prices.__getitem__, time.monotonic(), prices)

    def _run(self, mine: list[Ticket]) -> None:
        try:
            while not _done(mine):
                _, expert = self.following()
                assert expert is not None, "what is not done waits"
                with self._change:
                    tickets = self._queue.take(expert)
                try:
                    self._serve(expert, tickets)
                finally:  # where this caller is interrupted, the others' tickets go on waiting
                    with self._change:
                        left = [ticket for ticket in tickets if ticket.result is None and ticket not in mine]
                        self._queue.add(expert, left, min((t.since for t in left), default=0.0))
                        self._change.notify_all()
        finally:
            with self._change:
                self._busy = False
                self._change.notify_all()


def _done(tickets: list[Ticket]) -> bool:
    return all(ticket.result is not None for ticket in tickets)


def side_by_side(function: Callable[[T], R], items: Sequence[T], seats: int) -> list[R]:
    """`function` of each item, in order, up to `seats` at a time (in threads as those of `at_once`).

    After an error or an interrupt no further item is begun. Raises the first error.
    """
    found: dict[int, R] = {}
    rest, stopped = deque(enumerate(items)), Event()

    def work() -> None:
        while rest and not stopped.is_set():
            try:
                place, item = rest.popleft()
            except IndexError:  # another seat took the last one
                return
            try:
                found[place] = function(item)
            except BaseException:
                stopped.set()
                raise

    try:
        at_once([work] * max(1, min(seats, len(items))))
    finally:
        stopped.set()
    return [found[place] for place in range(len(items))]


def at_once(calls: Sequence[Callable[[], None]]) -> None:
    """Makes all calls at the same time, the last one in this thread, and returns when all have returned.

    The others run in daemon threads: an interrupt of this one (Ctrl-C) is raised at once and waits for nobody.

    Raises:
        the first error of any of them, after all have ended.
    """
    errors: list[BaseException] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [Thread(target=guarded, args=(call,), name="expert", daemon=True) for call in calls[:-1]]
    for thread in threads:
        thread.start()
    for call in calls[-1:]:
        call()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
