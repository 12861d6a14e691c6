"""One pool, many callers: remote experts at the same time, local ones merged, nobody forgotten, Ctrl-C at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from experts.fake import FakeExpert, fake_entries
from experts.memory import Residency
from experts.pool import Call, Pool
from experts.registry import Entry, Registry
from experts.types import Card, Failure, Job, Request, Result, image_digest


def pool(count: int, seconds: float, remote: bool = False, **options: Any) -> Pool:
    """Experts that wait."""
    entries = [replace(entry, remote=remote) for entry in fake_entries(count, 0, seconds=seconds)]
    return Pool(Registry(entries), Residency("cpu"), **options)


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each returns, all started together."""
    found: list[Any] = [None] * len(calls)

    def call(k: int) -> None:
        found[k] = calls[k]()

    threads = [threading.Thread(target=call, args=(k,)) for k in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    return found


def meeting(count: int) -> Callable[[Request], None]:
    """For experts whose calls return only once that many of them are under way together."""
    barrier = threading.Barrier(count)

    def arrive(_: Request) -> None:
        barrier.wait(30)

    return arrive


def test_remote_experts_wait_at_the_same_time() -> None:
    entries = [replace(entry, remote=True) for entry in fake_entries(8, 0, fail=meeting(8))]
    home = Pool(Registry(entries), Residency("cpu"))
    jobs = [Job(f"fake-draw-{k + 1}", Request("a star", seed=k)) for k in range(8)] * 2
    results = home.run(jobs)
    local = pool(8, 0.0).run(jobs)
    assert [image_digest(r.image) for r in results] == [image_digest(r.image) for r in local]
    assert home.stats.calls == 8 and home.stats.cached == 8 and home.stats.switches == 0
    assert home.residency.resident == ()


def test_remote_and_local_experts_run_side_by_side() -> None:
    far, near = fake_entries(2, 0, fail=meeting(2))
    home = Pool(Registry([replace(far, remote=True), near]), Residency("cpu"))
    results = home.run([Job("fake-draw-1", Request("x")), Job("fake-draw-2", Request("x"))])
    assert all(result.image for result in results)


def test_a_remote_expert_that_cannot_be_loaded_is_tried_again() -> None:
    (entry,) = fake_entries(1, 0)
    keys: list[str] = []

    def load(residency: Residency) -> Any:
        if not keys:
            raise OSError("no key")
        return FakeExpert(entry.card)

    home = Pool(Registry([Entry(entry.card, load, remote=True)]), Residency("cpu"))
    job = Job(entry.card.id, Request("x"))
    assert home.run([job])[0].failure.kind == "unavailable"
    keys.append("one")
    assert home.run([job])[0].image and home.expert(entry.card.id) is home.expert(entry.card.id)


def test_callers_of_one_expert_share_a_call() -> None:
    calls: list[Call] = []
    home = pool(1, 0.2, on_call=calls.append)

    def ask(seed: int) -> list[Result]:
        return home.run([Job("fake-draw-1", Request("a star", seed=seed))])

    found = at_once([lambda k=k: ask(k // 2) for k in range(9)])
    assert sorted(call.requests for call in calls) == [1, 4] or len(calls) == 2
    assert sum(call.requests for call in calls) <= 6
    alone = pool(1, 0.0)
    for k, (result,) in enumerate(found):
        (same,) = alone.run([Job("fake-draw-1", Request("a star", seed=k // 2))])
        assert image_digest(result.image) == image_digest(same.image)


class Watched(FakeExpert):
    """Fails the test where two run at once."""

    lock = threading.Lock()

    def __call__(self, requests: Sequence[Request]) -> list[Result]:
        assert self.lock.acquire(blocking=False)
        try:
            return super().__call__(requests)
        finally:
            self.lock.release()


def test_local_experts_run_one_at_a_time_and_every_caller_gets_its_own() -> None:
    cards = [entry.card for entry in fake_entries(4, 0)]
    entries = [Entry(card, lambda _, card=card: Watched(card, 0.005)) for card in cards]
    home = Pool(Registry(entries), Residency("cpu"), max_wait=0.05)

    def episode(k: int) -> list[str]:
        made = []
        for step in range(6):
            job = Job(cards[(k * 7 + step * 3) % 4].id, Request("a star", seed=100 * k + step))
            (result,) = home.run([job])
            assert result.failure is None
            made.append(image_digest(result.image))
        return made

    together = at_once([lambda k=k: episode(k) for k in range(12)])
    assert together == [episode(k) for k in range(12)]
    assert home.stats.requests == 144 and 0 < home.stats.waited < 10


def test_nobody_waits_for_ever() -> None:
    """One expert is on the device and busy for as long as the other's caller waits, who is served all the same."""
    home = pool(2, 0.02, max_wait=0.1)
    home.run([Job("fake-draw-1", Request("x"))])
    home.residency.evict("expert fake-draw-2")
    served, stop = threading.Event(), time.monotonic() + 25
    order: list[str] = []
    home.on_call = lambda call: order.append(call.card.id)

    def busy(k: int) -> None:
        count = 0
        while not served.is_set() and time.monotonic() < stop:
            count += 1
            home.run([Job("fake-draw-1", Request("x", seed=10_000 * k + count))])

    def rare() -> bool:
        while len(order) < 5:
            time.sleep(0.01)
        home.run([Job("fake-draw-2", Request("x"))])
        served.set()
        return time.monotonic() < stop

    assert at_once([lambda: busy(1), lambda: busy(2), lambda: busy(3), rare])[-1]
    assert order.count("fake-draw-2") == 1


class Interrupting:
    """Interrupts its caller the first time."""

    def __init__(self, card: Card) -> None:
        self.card, self.calls = card, 0

    def __call__(self, requests: Sequence[Request]) -> list[Result]:
        self.calls += 1
        if self.calls == 1:
            time.sleep(0.3)  # the other caller arrives
            raise KeyboardInterrupt
        return FakeExpert(self.card)(requests)


def test_an_interrupted_caller_leaves_the_others_served() -> None:
    card, other = (entry.card for entry in fake_entries(2, 0))
    expert = Interrupting(card)
    entries = [Entry(card, lambda _: expert), Entry(other, lambda _: FakeExpert(other))]
    home = Pool(Registry(entries), Residency("cpu"))
    met: list[BaseException] = []

    def first() -> None:
        try:
            home.run([Job(card.id, Request("mine")), Job(other.id, Request("mine"))])
        except KeyboardInterrupt as error:
            met.append(error)

    def second() -> Result:
        time.sleep(0.1)
        return home.run([Job(card.id, Request("yours"))])[0]

    _, result = at_once([first, second])
    assert met and result.image
    assert home.run([Job(card.id, Request("again"))])[0].image
    assert len(home._scheduler._queue) == 0


def test_errors_in_threads_come_out() -> None:
    entries = [replace(entry, remote=True) for entry in fake_entries(2, 0)]

    def refuse(call: Call) -> None:
        raise RuntimeError("told enough")

    with pytest.raises(RuntimeError, match="told enough"):
        Pool(Registry(entries), Residency("cpu"), on_call=refuse).run(
            [Job(entry.card.id, Request("x")) for entry in entries]
        )


class Crowded:
    """Runs out of memory as long as others are on the device."""

    def __init__(self, card: Card, home: Residency) -> None:
        self.card, self.home, self.calls = card, home, 0

    def __call__(self, requests: Sequence[Request]) -> list[Result]:
        self.calls += 1
        if len(self.home.resident) > 1:
            return [Result(failure=Failure("memory", "full"))] * len(requests)
        return FakeExpert(self.card)(requests)


def test_out_of_memory_is_tried_once_more_alone() -> None:
    card, other = (entry.card for entry in fake_entries(2, 0))
    home = Residency("cpu")
    crowded = Crowded(card, home)
    house = Pool(Registry([Entry(card, lambda _: crowded), fake_entries(2, 0)[1]]), home)
    house.run([Job(other.id, Request("x"))])
    import torch

    home.acquire("other model", lambda: torch.nn.Linear(4, 4), 0)
    (result,) = house.run([Job(card.id, Request("x"))])
    assert result.image and crowded.calls == 2
    home.pinned.add("still there")
    home.acquire("still there", lambda: torch.nn.Linear(4, 4), 0)
    (result,) = house.run([Job(card.id, Request("y"))])
    assert result.failure and result.failure.kind == "memory"
