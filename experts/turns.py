"""Callers of one device in several threads: one of them serves everybody's groups, the others wait for theirs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Condition
from typing import Any

from experts.schedule import Queue
from experts.types import Request, Result


@dataclass(eq=False)
class Ticket:
    """A request on its way: `same` is equal for requests that one computation answers, None where none is; `since`, s
    (`time.monotonic`); `result`: None until it is served."""

    request: Request
    same: str | None
    since: float
    result: Result | None = None


class Turns:
    """Serves tickets in the order of `Queue`, one group at a time.

    Who serves is the first caller that finds nobody serving, until its own tickets are done; then the next one does. No
    thread is needed for that.

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
        self._led = False

    def wait(self, groups: Mapping[str, list[Ticket]]) -> None:
        """Returns when all these have results. An interrupt withdraws them and nobody else's."""
        mine = [ticket for group in groups.values() for ticket in group]
        with self._change:
            for expert, group in groups.items():
                self._queue.add(expert, group, group[0].since)
        try:
            while True:
                with self._change:
                    while self._led and not _done(mine):
                        self._change.wait()
                    if _done(mine):
                        return
                    self._led = True
                self._lead(mine)
        finally:
            with self._change:
                self._queue.withdraw(mine)

    def following(self) -> tuple[list[str], str | None]:
        """The experts that are waited for, and whose turn is next."""
        with self._change:
            waiting = self._queue.experts
        prices = self._price(waiting)
        with self._change:
            known = [expert for expert in self._queue.experts if expert in prices]
            return waiting, self._queue.next(lambda expert: prices[expert], time.monotonic(), known)

    def _lead(self, mine: list[Ticket]) -> None:
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
                self._led = False
                self._change.notify_all()


def _done(tickets: list[Ticket]) -> bool:
    return all(ticket.result is not None for ticket in tickets)
