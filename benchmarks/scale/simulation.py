"""A discrete-event model of drivers, workers and their devices.

What decides is the code that runs: who is asked and how a list is cut (`poser.cluster.replicas`), whose turn it is on a
device (`experts.scheduling.Queue`), and what leaves its memory (`experts.memory.on_device.evictions`). What takes time
is a number of seconds: a call, a load, a transfer, a driver's own work. Prefetching of weights is not modelled, and
nothing fails.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Any

from benchmarks.scale.types import CRITIC, Model, Outcome, Setup
from experts.memory.in_ram import Sizes
from experts.memory.on_device import Candidate, evictions
from experts.scheduling import Queue
from poser.cluster.replicas import Replica, Work, shares, soonest

MAX_WAIT = 30.0
"""Seconds after which a group goes first: the default of `experts.pool.Pool`."""
JUDGING = Work("judge", CRITIC)
"""As `poser.cluster.joined` asks for it: no key, and a second a picture, whatever it takes."""
MIB = 1024
"""Memory is reckoned in whole MiB."""


@dataclass(eq=False)
class _Episode:
    """Which expert each of its steps asks, and when it took its seat, s."""

    script: tuple[str, ...]
    since: float
    step: int = 0


@dataclass(eq=False)
class _Part:
    """A call on its way: of whom, to which worker, since when it waits there."""

    driver: _Driver
    replica: Replica
    work: Work
    size: int
    since: float = 0.0


@dataclass(eq=False)
class _Clock:
    """Events in order of time; of equal times arrivals (0) before decisions (1), then first come."""

    now: float = 0.0
    _events: list[tuple[float, int, int, Callable[..., None], tuple[Any, ...]]] = field(default_factory=list)
    _count: Iterator[int] = field(default_factory=count)

    def after(self, seconds: float, rank: int, event: Callable[..., None], *given: Any) -> None:
        heappush(self._events, (self.now + seconds, rank, next(self._count), event, given))

    def run(self) -> None:
        while self._events:
            self.now, _, _, event, given = heappop(self._events)
            event(*given)


@dataclass(eq=False)
class _Books:
    """What is counted while it runs."""

    calls: int = 0
    pictures: int = 0
    usd: float = 0.0
    switches: int = 0
    loads: int = 0
    loading: float = 0.0
    waits: list[float] = field(default_factory=list)
    stays: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    seated: float = 0.0


class _Worker:
    """One device that runs one model at a time."""

    def __init__(self, setup: Setup, clock: _Clock, books: _Books) -> None:
        self.setup, self.clock, self.books = setup, clock, books
        self.queue: Queue[_Part] = Queue(MAX_WAIT)
        self.device: dict[str, int] = {}  # on the device, with when it was last used
        self.ram: dict[str, int] = {}
        self.busy, self.running, self.last, self.uses = 0.0, False, "", 0
        self.resident: frozenset[str] = frozenset()
        self.held = 0.0

    def arrive(self, part: _Part) -> None:
        part.since = self.clock.now
        self.held += part.work.seconds * part.size
        self.queue.add(part.work.name, [part], self.clock.now)
        if not self.running:
            self.clock.after(0.0, 1, self.begin)

    def begin(self) -> None:
        name = None if self.running else self.queue.next(self._price, self.clock.now)
        if name is None:
            return
        self.running = True
        parts = self.queue.take(name)
        model, books = self.setup.models[name], self.books
        size = sum(part.size for part in parts)
        load = self._enter(model)
        seconds = load + model.call + model.seconds * size
        books.waits += [self.clock.now - part.since for part in parts for _ in range(part.size)]
        books.calls += 1
        books.switches += name not in (self.last, CRITIC)
        books.loads += load > 0
        books.loading += load
        self.last = self.last if name == CRITIC else name
        self.busy += seconds
        self.clock.after(seconds, 0, self.done, parts)

    def done(self, parts: list[_Part]) -> None:
        self.running = False
        for part in parts:
            self.held -= part.work.seconds * part.size
            answer = part, self.resident, self.held
            self.clock.after(self.setup.sending / 2, 0, part.driver.heard, *answer)
        self.clock.after(0.0, 1, self.begin)

    def _price(self, name: str) -> tuple[bool, float]:
        there = name in self.device
        return not there, 0.0 if there else self.setup.models[name].gib

    def _enter(self, model: Model) -> float:
        """Seconds until it is on the device; what leaves for it leaves."""
        machine, self.uses = self.setup.machine, self.uses + 1
        if model.id in self.device:
            self.device[model.id] = self.uses
            return 0.0
        in_ram = machine.separate and model.id in self.ram
        for level, room in ((self.device, machine.room), (self.ram, machine.ram)):
            self._make_room(level, model, room)
            level[model.id] = self.uses
        self.resident = frozenset(f"expert {name}" for name in self.device if name != CRITIC)
        bus = model.gib / machine.bus if machine.separate else 0.0
        return bus + (0.0 if in_ram else model.load + model.gib / machine.disk)

    def _make_room(self, level: dict[str, int], model: Model, room: float) -> None:
        if room == inf:
            return
        size: dict[str, Sizes] = {name: {name: int(MIB * self.setup.models[name].gib)} for name in (*level, model.id)}
        there = [Candidate(name, size[name], used) for name, used in level.items() if name != model.id]
        going = evictions(there, size[model.id], int(MIB * room))
        if going is None:
            raise ValueError(f"{model.id} needs {model.gib:g} GiB and a worker has {room:g}: give it more, or drop it")
        for name in going:
            del level[name]


class _Driver:
    """Plays episodes in step, as `poser.seats.Seats` does: all ask their experts, then all are judged."""

    def __init__(
        self, setup: Setup, clock: _Clock, books: _Books, workers: list[_Worker], source: Any, seed: int
    ) -> None:
        self.setup, self.clock, self.books, self.source = setup, clock, books, source
        self.workers = workers
        draws = random.Random(seed)
        self.replicas = [Replica(str(k), k, order=draws.random()) for k in range(len(workers))]
        self.among: dict[str, list[Replica]] = {}
        for replica, held in zip(self.replicas, setup.workers, strict=True):
            for name in held:
                self.among.setdefault(name, []).append(replica)
        self.open: list[_Episode] = []
        self.left = 0
        self.then: Callable[[], None] = self.judge

    def step(self) -> None:
        while len(self.open) < self.setup.seats and (script := next(self.source, None)) is not None:
            self.open.append(_Episode(script, self.clock.now))
            self.books.seated = self.clock.now
        if self.open:
            self.clock.after(self.setup.step * len(self.open), 0, self.draw)

    def draw(self) -> None:
        groups: dict[str, int] = {}
        for episode in self.open:
            name = episode.script[episode.step]
            groups[name] = groups.get(name, 0) + 1
            self.books.pictures += 1
            self.books.usd += self.setup.models[name].usd
        self.then = self.judge
        self._ask(groups)

    def judge(self) -> None:
        self.then = self.end
        if CRITIC in self.setup.models:
            self._ask({CRITIC: len(self.open)})
        else:
            self.end()

    def end(self) -> None:
        staying, now = [], self.clock.now
        for episode in self.open:
            episode.step += 1
            if episode.step < len(episode.script):
                staying.append(episode)
            else:
                self.books.ends.append(now)
                self.books.stays.append(now - episode.since)
        self.open = staying
        self.step()

    def _ask(self, groups: Mapping[str, int]) -> None:
        parts = []
        for name, size in groups.items():
            model = self.setup.models[name]
            among = self.among.get(name)
            if among is None:  # a service: it has no queue here
                self.left += 1
                self.clock.after(model.call + model.seconds, 0, self.heard, None)
                continue
            work = JUDGING if name == CRITIC else Work("draw", name, f"expert {name}", model.seconds, model.gib)
            for share in shares(range(size), 1 if self.setup.whole else len(among)):
                replica = soonest(among, work, self.clock.now)
                replica.load += work.seconds * len(share)
                replica.given += work.seconds * len(share)
                parts.append(_Part(self, replica, work, len(share)))
        self.left += len(parts)
        for part in parts:
            self.clock.after(self.setup.sending / 2, 0, self.workers[part.replica.handle].arrive, part)

    def heard(self, part: _Part | None, resident: frozenset[str] = frozenset(), held: float = 0.0) -> None:
        if part is not None:
            replica = part.replica
            replica.load -= part.work.seconds * part.size
            replica.resident, replica.until = resident, self.clock.now + max(0.0, held - replica.load)
        self.left -= 1
        if not self.left:
            self.then()


def simulated(setup: Setup, scripts: Iterable[tuple[str, ...]]) -> Outcome:
    """Plays episodes, each given as the experts that its steps ask (one or more), until all have ended.

    Raises ValueError: a model that fits on no worker.
    """
    clock, books, source = _Clock(), _Books(), iter(scripts)
    workers = [_Worker(setup, clock, books) for _ in setup.workers]
    for seed in range(setup.drivers):
        clock.after(0.0, 0, _Driver(setup, clock, books, workers, source, seed).step)
    clock.run()
    return Outcome(
        episodes=len(books.ends),
        seconds=max(books.ends, default=0.0),
        seated=books.seated,
        ends=tuple(books.ends),
        stays=tuple(books.stays),
        waits=tuple(books.waits),
        busy=tuple(worker.busy for worker in workers),
        pictures=books.pictures,
        calls=books.calls,
        switches=books.switches,
        loads=books.loads,
        loading=books.loading,
        usd=books.usd,
    )
