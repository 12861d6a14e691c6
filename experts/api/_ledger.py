"""What was sent to a service and what it charged: no paid request goes uncounted, however it ended."""

from __future__ import annotations

import logging
import uuid
from collections import deque
from dataclasses import dataclass, replace
from threading import Lock

from experts.api._charge import Charge
from experts.api._journal import Journal

_LOG = logging.getLogger(__name__)
KEPT = 10_000
"""Charges that are kept one by one; the sums know all of them."""


@dataclass(frozen=True)
class Totals:
    """Sums over a ledger: requests that left, pictures bought (`assumed`: of them with a lost answer), USD."""

    requests: int = 0
    bought: int = 0
    assumed: int = 0
    usd: float = 0.0


class Ledger:
    """The requests to one service, in order. Safe to use from many threads.

    Args:
        service: its name in the journal.
        journal: a file that every request goes to when it leaves and when it has ended.
    """

    def __init__(self, service: str = "", journal: Journal | None = None) -> None:
        self.service, self._journal, self._run = service, journal, uuid.uuid4().hex[:12]
        self._lock = Lock()
        self._open: dict[int, Charge] = {}
        self._settled: deque[Charge] = deque(maxlen=KEPT)
        self._totals = Totals()
        self._number = 0

    def sent(self, model: str) -> int:
        """Counts a request that is about to leave; gives its number.

        Raises OSError: the journal cannot be written, so the request must not leave.
        """
        with self._lock:
            self._number += 1
            charge = Charge(self._number, model)
            if self._journal is not None:
                self._journal.write(self._run, self.service, charge)
            self._open[self._number] = charge
            self._totals = replace(self._totals, requests=self._totals.requests + 1)
            return self._number

    def withdraw(self, number: int) -> None:
        """The request did not leave after all: there was no connection."""
        with self._lock:
            self._note(replace(self._open.pop(number), outcome="withdrawn"))
            self._totals = replace(self._totals, requests=self._totals.requests - 1)

    def settle(self, number: int, outcome: str, usd: float, bought: bool, certain: bool) -> None:
        """How the request ended."""
        with self._lock:
            charge = replace(self._open.pop(number), outcome=outcome, usd=usd, bought=bought, certain=certain)
            self._settled.append(charge)
            self._note(charge)
            old = self._totals
            assumed = old.assumed + int(bought and not certain)
            self._totals = replace(old, bought=old.bought + int(bought), assumed=assumed, usd=old.usd + usd)

    def amend(self, number: int, usd: float, bought: bool) -> None:
        """The price of a settled request once the service has said it; `bought`: there is a picture."""
        with self._lock:
            for place, old in enumerate(self._settled):
                if old.number == number:
                    self._settled[place] = replace(old, usd=usd, bought=bought, certain=True)
                    self._note(self._settled[place])
                    fewer = int(old.bought) - int(bought)
                    surer = int(old.bought and not old.certain)
                    t = self._totals
                    self._totals = Totals(t.requests, t.bought - fewer, t.assumed - surer, t.usd + usd - old.usd)
                    return

    def _note(self, charge: Charge) -> None:
        if self._journal is None:
            return
        try:
            self._journal.write(self._run, self.service, charge)
        except OSError as error:  # it is paid for already: its answer must not be lost as well
            _LOG.warning("%s: request %d is not in the journal (%s)", self.service, charge.number, error.strerror)

    @property
    def totals(self) -> Totals:
        """The sums so far."""
        return self._totals

    @property
    def charges(self) -> list[Charge]:
        """The latest requests: settled ones in the order of their end, then those under way."""
        with self._lock:
            return [*self._settled, *self._open.values()]
