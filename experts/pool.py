"""Many requests to many experts: `Pool.run(jobs) -> results`, same length and order, nothing raises for one job.

Check against the card, look in the store, group by expert (identical requests once), call, scatter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from experts.cache import Cache
from experts.failures import boundary, unsupported
from experts.registry import Entry, Registry, UnknownExpert
from experts.residency import Residency
from experts.types import Card, Expert, Failure, FailureKind, Job, Request, Result


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
        switches: calls of another expert than the call before.
        seconds: time in experts, loading included, s.
    """

    jobs: int = 0
    refused: int = 0
    cached: int = 0
    calls: int = 0
    requests: int = 0
    switches: int = 0
    seconds: float = 0.0


class Pool:
    """Runs jobs on the experts of a registry.

    Args:
        registry: the experts.
        residency: keeps them in memory; None: one of its own, on the device there is.
        cache: pictures made before; None: nothing is looked up or stored.
        on_call: told after each call.
    """

    def __init__(
        self,
        registry: Registry,
        residency: Residency | None = None,
        cache: Cache | None = None,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        self.registry = registry
        self.residency = residency if residency is not None else Residency()
        self.cache = cache
        self.on_call = on_call
        self.stats = Stats()
        self._last = ""

    def run(self, jobs: Sequence[Job]) -> list[Result]:
        """One result a job, in order.

        Of identical jobs for a seeded expert the first is computed and charged, the others are `cached`.
        """
        results: list[Result | None] = [None] * len(jobs)
        groups: dict[str, dict[str, list[int]]] = {}
        for place, (expert, request) in enumerate(jobs):
            results[place] = self._without_call(expert, request)
            if results[place] is None:
                seeded = self.registry[expert].card.seeded
                same = request.digest if seeded else str(place)
                groups.setdefault(expert, {}).setdefault(same, []).append(place)
        repeated = sum(len(places) - 1 for places in _flat(groups))
        self._count(jobs=len(jobs), cached=repeated)
        for expert in self._order(groups):
            places = list(groups[expert].values())
            made = self._call(self.registry[expert], [jobs[first].request for first, *_ in places])
            for (first, *others), result in zip(places, made, strict=True):
                results[first] = result
                for other in others:
                    results[other] = _again(result)
        return [result for result in results if result is not None]

    def expert(self, id: str) -> Expert:
        """The loaded expert of that id.

        Raises:
            UnknownExpert: nobody registered it.
            whatever its loading raises.
        """
        entry = self.registry[id]
        return self.residency.acquire(_key(id), lambda: entry.load(self.residency), entry.card.vram_gib)

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

    def _order(self, groups: dict[str, dict[str, list[int]]]) -> list[str]:
        """Experts in memory first (so that none is evicted and loaded again), then the larger groups."""
        resident = self.residency.resident

        def rank(expert: str) -> tuple[bool, int]:
            return _key(expert) not in resident, -len(groups[expert])

        return sorted(groups, key=rank)

    def _call(self, entry: Entry, requests: list[Request]) -> list[Result]:
        """Loads, calls, checks the answer, stores the pictures; whatever is raised becomes a Failure for each."""
        card = entry.card
        start = time.perf_counter()
        results = self._answer(entry, requests)
        seconds = time.perf_counter() - start
        self._count(calls=1, requests=len(requests), switches=int(card.id != self._last), seconds=seconds)
        self._last = card.id
        if self.cache is not None:
            for request, result in zip(requests, results, strict=True):
                self.cache.put(card, request, result)
        if self.on_call:
            failures = sum(result.failure is not None for result in results)
            self.on_call(Call(card, len(requests), failures, seconds))
        return results

    def _answer(self, entry: Entry, requests: list[Request]) -> list[Result]:
        try:
            expert = self.expert(entry.card.id)
        except Exception as error:
            return [Result(failure=_unloadable(entry, boundary(error)))] * len(requests)
        try:
            results = expert(requests)
        except Exception as error:
            return [Result(failure=boundary(error))] * len(requests)
        if len(results) != len(requests):
            words = f"{entry.card.id} gave {len(results)} results for {len(requests)} requests"
            return [Result(failure=Failure("broken", words))] * len(requests)
        return list(results)

    def _count(self, **more: float) -> None:
        added = {name: getattr(self.stats, name) + value for name, value in more.items()}
        self.stats = replace(self.stats, **added)


def _key(id: str) -> str:
    """The expert's key in the residency, which critics share."""
    return f"expert {id}"


def _flat(groups: dict[str, dict[str, list[int]]]) -> list[list[int]]:
    return [places for group in groups.values() for places in group.values()]


def _again(result: Result) -> Result:
    """The same result for an identical job: nothing was computed for it, nothing charged."""
    if result.image is None:
        return replace(result, seconds=0.0, usd=0.0)
    return replace(result, image=result.image.copy(), seconds=0.0, usd=0.0, cached=True)


def _unloadable(entry: Entry, failure: Failure) -> Failure:
    """A load error: 'memory' stays, anything else is 'unavailable'; the message says how to get the weights."""
    kind: FailureKind = "memory" if failure.kind == "memory" else "unavailable"
    absent = entry.missing()
    why = f"not on this machine: {', '.join(absent)}" if absent else failure.message
    return Failure(kind, f"{entry.card.id} cannot be loaded: {why}" + (f"; {entry.get}" if entry.get else ""))
