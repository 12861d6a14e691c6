"""Many requests to many experts: `Pool.run(jobs) -> results`, same length and order, nothing raises for one job.

Check against the card, look in the store, group by expert (identical requests once), call, scatter. Remote experts are
called at once, each in a thread; local ones one after the other, for all callers together (`experts.scheduling`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock

from experts.cache import Cache
from experts.calling import call, unsupported
from experts.failures import boundary
from experts.memory import Residency
from experts.registry import Entry, Registry, UnknownExpert
from experts.scheduling import Scheduler, Ticket, at_once
from experts.types import Card, Expert, Failure, FailureKind, Job, Request, Result, copied


@dataclass(frozen=True)
class Call:
    """One call of one expert: what was asked at once, how many came back as failures, how long it took (s)."""

    card: Card
    requests: int
    failures: int
    seconds: float


@dataclass(frozen=True)
class Stats:
    """What a pool has done so far.

    Attributes:
        jobs: jobs received; `refused`: answered without a call because unknown or beyond the card.
        cached: answered by the store or by an identical job of the same run.
        calls: calls of experts; `requests`: what they were asked.
        switches: calls of another local expert than the local call before.
        waited: the longest time that a local job waited for its turn, s.
        seconds: time in experts, loading included, s.
    """

    jobs: int = 0
    refused: int = 0
    cached: int = 0
    calls: int = 0
    requests: int = 0
    switches: int = 0
    waited: float = 0.0
    seconds: float = 0.0


class Pool:
    """Runs jobs on the experts of a registry. May be used from several threads.

    Args:
        registry: the experts.
        residency: keeps the local ones in memory; None: one of its own, on the device there is.
        cache: pictures made before; None: nothing is looked up or stored.
        on_call: told after each call, one at a time.
        max_wait: s; a local group that has waited longer goes before cheaper ones (only with several callers: one
            caller's jobs are all there from the start, and each group is called once).
    """

    def __init__(
        self,
        registry: Registry,
        residency: Residency | None = None,
        cache: Cache | None = None,
        on_call: Callable[[Call], None] | None = None,
        max_wait: float = 30.0,
    ) -> None:
        self.registry = registry
        self.residency = residency if residency is not None else Residency()
        self.cache = cache
        self.on_call = on_call
        self.stats = Stats()
        self._last = ""
        self._scheduler = Scheduler(max_wait, self._prices, self._serve)
        self._remote: dict[str, Expert] = {}
        self._books, self._telling, self._loading = Lock(), Lock(), Lock()

    def run(self, jobs: Sequence[Job]) -> list[Result]:
        """One result a job, in order.

        Of identical jobs for a seeded expert the first is computed and charged, the others are `cached`.
        """
        answers: list[Result | Ticket] = []
        groups: dict[str, list[Ticket]] = {}
        now = time.monotonic()
        self._count(jobs=len(jobs))
        for expert, request in jobs:
            answer: Result | Ticket | None = self._without_call(expert, request)
            if answer is None:
                answer = Ticket(request, request.digest if self.registry[expert].card.seeded else None, now)
                groups.setdefault(expert, []).append(answer)
            answers.append(answer)
        local = {expert: group for expert, group in groups.items() if not self.registry[expert].remote}
        calls = [partial(self._serve, expert, group) for expert, group in groups.items() if expert not in local]
        at_once([*calls, partial(self._scheduler.wait, local)] if local else calls)
        return [answer.served() if isinstance(answer, Ticket) else answer for answer in answers]

    def expert(self, id: str) -> Expert:
        """The loaded expert of that id.

        Raises:
            UnknownExpert: nobody registered it.
            whatever its loading raises.
        """
        entry = self.registry[id]
        if not entry.remote:
            return self.residency.acquire(_key(id), lambda: entry.load(self.residency), entry.card.vram_gib)
        with self._loading:
            if id not in self._remote:
                self._remote[id] = entry.load(self.residency)
            return self._remote[id]

    def _prices(self, experts: Sequence[str]) -> Mapping[str, tuple[bool, int]]:
        """What calling each next costs: nothing for those on the device, else the bytes that have to come."""
        with self.residency.running:
            resident = self.residency.resident
            return {
                id: (_key(id) not in resident, self.residency.bytes_to_copy(_key(id), self.registry[id].card.vram_gib))
                for id in experts
            }

    def _serve(self, expert: str, tickets: list[Ticket]) -> None:
        """One call for all tickets of an expert."""
        groups: dict[str | int, list[Ticket]] = {}
        for ticket in tickets:
            groups.setdefault(ticket.same or id(ticket), []).append(ticket)
        firsts = [group[0] for group in groups.values()]
        made = self._call(self.registry[expert], [ticket.request for ticket in firsts], min(t.since for t in tickets))
        self._count(cached=len(tickets) - len(firsts))
        for group, result in zip(groups.values(), made, strict=True):
            for other in group[1:]:
                other.result = _again(result)
            group[0].result = result

    def _without_call(self, expert: str, request: Request) -> Result | None:
        """The result where no call is needed: unknown, forbidden by the card, or made before."""
        try:
            card = self.registry[expert].card
        except UnknownExpert as error:
            self._count(refused=1)
            return Result(failure=Failure("unavailable", str(error)))
        failure = unsupported(card, request)
        if failure:
            self._count(refused=1)
            return Result(failure=failure)
        stored = self.cache.get(card, request) if self.cache is not None else None
        self._count(cached=int(stored is not None))
        return stored

    def _call(self, entry: Entry, requests: list[Request], since: float) -> list[Result]:
        """Loads, calls, checks the answer, stores the pictures; whatever is raised becomes a Failure for each."""
        card, start = entry.card, time.monotonic()
        results = self._answer(entry, requests)
        if not entry.remote and any(r.failure and r.failure.kind == "memory" for r in results):
            results = self._once_more(entry, requests, results)
        seconds = time.monotonic() - start
        switches = 0 if entry.remote else int(card.id != self._last)
        self._count(calls=1, requests=len(requests), switches=switches, seconds=seconds)
        if not entry.remote:
            self._last = card.id
            self._waited(start - since)
        if self.cache is not None:
            for request, result in zip(requests, results, strict=True):
                self.cache.put(card, request, result)
        if self.on_call:
            failures = sum(result.failure is not None for result in results)
            with self._telling:
                self.on_call(Call(card, len(requests), failures, seconds))
        return results

    def _answer(self, entry: Entry, requests: list[Request]) -> list[Result]:
        if entry.remote:
            return self._asked(entry, requests)
        with self.residency.running:  # from coming in to the last picture, or another would push it out
            return self._asked(entry, requests)

    def _asked(self, entry: Entry, requests: list[Request]) -> list[Result]:
        try:
            expert = self.expert(entry.card.id)
        except BaseException as error:
            return [Result(failure=_unloadable(entry, boundary(error)))] * len(requests)
        if not entry.remote:
            self._look_ahead()
        return call(expert, entry.card, requests, free=not entry.remote and not entry.card.usd)

    def _look_ahead(self) -> None:
        """Tells the residency who is needed next, so that it comes in while this one runs."""
        waiting, following = self._scheduler.following()
        self.residency.expect(_key(expert) for expert in waiting)
        if following is not None:
            self.residency.prefetch(_key(following), self.registry[following].needs)

    def _once_more(self, entry: Entry, requests: list[Request], results: list[Result]) -> list[Result]:
        """The requests that ran out of memory, again after making room, where there is any to be made."""
        if not self.residency.relieve():
            return results
        again = [k for k, result in enumerate(results) if result.failure and result.failure.kind == "memory"]
        made = dict(zip(again, self._answer(entry, [requests[k] for k in again]), strict=True))
        return [made.get(k, result) for k, result in enumerate(results)]

    def _count(self, **more: float) -> None:
        with self._books:
            added = {name: getattr(self.stats, name) + value for name, value in more.items()}
            self.stats = replace(self.stats, **added)

    def _waited(self, seconds: float) -> None:
        with self._books:
            self.stats = replace(self.stats, waited=max(self.stats.waited, seconds))


def _key(id: str) -> str:
    """The expert's key in the residency, which critics share."""
    return f"expert {id}"


def _again(result: Result) -> Result:
    """The same result for an identical job: nothing was computed for it, nothing charged."""
    if result.image is None:
        return replace(result, seconds=0.0, usd=0.0)
    return replace(result, image=copied(result.image), seconds=0.0, usd=0.0, cached=True)


def _unloadable(entry: Entry, failure: Failure) -> Failure:
    """A load error: 'memory' stays, anything else is 'unavailable'; what is absent is said too, and how to get it."""
    kind: FailureKind = "memory" if failure.kind == "memory" else "unavailable"
    absent = entry.missing()
    why = f"not on this machine: {', '.join(absent)} ({failure.message})" if absent else failure.message
    return Failure(kind, f"{entry.card.id} cannot be loaded: {why}" + (f"; {entry.get}" if entry.get else ""))
