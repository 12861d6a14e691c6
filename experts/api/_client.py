"""Asking a service: own retries with backoff and jitter, Retry-After, a deadline, a pace, a ledger of every request.

The client packages' own retries are off: they would send, and pay, without being counted.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from experts.api._faults import Fault, fault_of
from experts.api._journal import journal
from experts.api._ledger import Ledger
from experts.api._pace import Clock, Pace, Paused
from experts.api._terms import Limits, Terms

T = TypeVar("T")

BACKOFF = 0.5
"""First wait before another try, s; it doubles."""
LONGEST = 20.0
"""Longest wait that nobody asked for, s."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What a request gave, and what its usage costs, USD (None: not said)."""

    value: T
    usd: float | None = None


class Line:
    """A service as this process uses it: one pace and one ledger for all experts that share it.

    Args:
        name: the service and its address, as the ledger names it.
        limits: requests a minute and at a time, attempts, seconds, MiB; None: the usual ones.
        draws: where the jitter comes from; with a seed, waits repeat.
        clock: the time.
    """

    def __init__(
        self, name: str, limits: Limits | None = None, draws: random.Random | None = None, clock: Clock | None = None
    ) -> None:
        self.name, self.limits = name, limits or Limits()
        self.clock = clock or Clock()
        self.pace = Pace(self.limits.per_minute, self.limits.concurrency, self.clock)
        self.ledger = Ledger(name, journal())
        self._draws = draws or random.Random()
        self._lock = Lock()

    def backoff(self, attempt: int) -> float:
        """Seconds to wait after the failed `attempt` (from 1): doubling, halved by up to a half at random."""
        with self._lock:
            return min(LONGEST, BACKOFF * 2 ** (attempt - 1)) * (1 - 0.5 * self._draws.random())


class Errand:
    """The way of one picture or answer through a service: as many requests as it takes, within attempts and deadline.

    Args:
        line: its pace, its ledger and its limits.
        model: the service's id of the model, for the ledger.
        scrub: takes keys out of what the service said.
        repeat_unknown: see `Terms`.
        key: by which the service knows a repeated request again, and charges it once; '': it does not.
        seconds: what the model is expected to take, s.

    Attributes:
        requests: sent so far; `repeated`: of them, those that failed and were sent again.
        usd: charged so far, USD; `assumed`: requests whose answer was lost and whose price is therefore the card's.
    """

    def __init__(
        self,
        line: Line,
        model: str,
        scrub: Callable[[str], str] = str,
        repeat_unknown: bool = False,
        key: str = "",
        seconds: float = 0.0,
    ) -> None:
        self.line, self.model, self.key = line, model, key
        self._limits = line.limits.suited(seconds)
        self._repeats = repeat_unknown or bool(key)
        self._unsure: tuple[int, float] | None = None
        self.requests, self.repeated, self.usd, self.assumed = 0, 0, 0.0, 0
        self._bought = (0, 0.0)
        self._scrub = scrub
        self._end = line.clock.now() + self._limits.deadline

    def headers(self, terms: Terms) -> dict[str, str]:
        """The header by which the service knows this errand's requests again; {} where it has none."""
        return {terms.idempotency: self.key} if self.key else {}

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self._end - self.line.clock.now()

    def ask(self, send: Callable[[float], Answer[T]], usd: float = 0.0, buys: bool = True) -> T:
        """What `send(seconds)` gives: called for one request at a time, until it works.

        A request that may have been charged is sent again only where `repeat_unknown` or `key` allow it.

        Args:
            send: one request, given the seconds that it may take.
            usd: the price that is assumed where the service does not say one.
            buys: success is charged; False for looking and fetching, which cost nothing.

        Raises:
            Fault: refused, or still failing after the attempts or at the deadline.
        """
        attempt = 0
        while True:
            attempt += 1
            self._turn()
            try:
                return self._once(send, usd, buys)
            except Fault as fault:
                if fault.again and fault.bought and buys and not self._repeats:
                    fault.message += "; it may be charged, so it is not repeated (repeat_unknown: true would)"
                    raise
                if not fault.again or attempt >= self._limits.attempts:
                    raise
                self._wait(fault, attempt)
                self.repeated += 1

    def sleep(self, seconds: float) -> None:
        """Waits between looks. Raises Fault at the deadline."""
        if seconds >= self.left:
            raise self._late()
        self.line.clock.sleep(seconds)

    def amend(self, usd: float, bought: bool) -> None:
        """The last purchase cost this much after all, USD; `bought`: it made a picture."""
        number, before = self._bought
        self.usd += usd - before
        self._bought = (number, usd)
        self.line.ledger.amend(number, usd, bought)

    def _turn(self) -> None:
        """Waits for the service's pace. Raises Fault at the deadline."""
        try:
            self._end += self.line.pace.turn(max(0.0, self.left))
        except Paused as paused:
            raise Fault("rate_limited", "the service asked for a pause", retry_after=paused.seconds) from None
        if self.left <= 0:
            raise self._late()

    def _wait(self, fault: Fault, attempt: int) -> None:
        """Backs off. Raises the fault where that would go beyond the deadline."""
        seconds = self.line.backoff(attempt)
        if fault.retry_after is not None:
            seconds = fault.retry_after + 0.1 * seconds
            self.line.pace.pause(fault.retry_after)
        if seconds >= self.left:
            raise fault
        self.line.clock.sleep(seconds)

    def _late(self) -> Fault:
        return Fault("timeout", f"no answer within {self._limits.deadline:g} s ({self.requests} requests)")

    def _once(self, send: Callable[[float], Answer[T]], usd: float, buys: bool) -> T:
        """One request, in the ledger before it leaves and after it ended."""
        number = self.line.ledger.sent(self.model)
        self.requests += 1
        try:
            answer = send(min(self._limits.timeout, self.left))
        except Exception as error:
            fault = fault_of(error, self._scrub)
            self._settle_failed(number, fault, usd, buys)
            raise fault from None
        except BaseException:
            self.line.ledger.settle(number, "interrupted", usd, buys, certain=False)
            raise
        self._settle(number, "done", answer.usd if answer.usd is not None else usd, buys, certain=True)
        if self._unsure is not None and buys:  # the same picture: it was charged with this answer
            before, price = self._unsure
            self.line.ledger.amend(before, 0.0, bought=False)
            self.usd, self.assumed, self._unsure = self.usd - price, self.assumed - 1, None
        return answer.value

    def _settle_failed(self, number: int, fault: Fault, usd: float, buys: bool) -> None:
        if not fault.sent:
            self.requests -= 1
            self.line.ledger.withdraw(number)
            return
        bought = fault.bought and buys and self._unsure is None
        price = fault.usd if fault.usd is not None else usd if bought else 0.0
        self._settle(number, fault.kind, price, bought, certain=not bought or fault.usd is not None)
        if bought and self.key:
            self._unsure = number, price

    def _settle(self, number: int, outcome: str, usd: float, bought: bool, certain: bool) -> None:
        self.usd += usd
        self.assumed += not certain
        self._bought = (number, usd) if bought else self._bought
        self.line.ledger.settle(number, outcome, usd, bought, certain)


_LINES: dict[tuple[str, str, str, Limits], Line] = {}
_LINES_LOCK = Lock()


def line_of(service: str, base_url: str, key: str, limits: Limits) -> Line:
    """The line that all experts of this process with these four share.

    Args:
        service: its name ('gemini').
        base_url: where it answers.
        key: the environment variable of its key, '' for none.
        limits: how it is treated.

    Raises:
        ValueError: the file of the ledger cannot be written.
    """
    with _LINES_LOCK:
        return _LINES.setdefault((service, base_url, key, limits), Line(f"{service} {base_url}", limits))


def ledgers() -> dict[str, list[Ledger]]:
    """The ledgers of this process, by service and address: one for each set of key and limits."""
    found: dict[str, list[Ledger]] = {}
    with _LINES_LOCK:
        for line in _LINES.values():
            found.setdefault(line.name, []).append(line.ledger)
    return found
