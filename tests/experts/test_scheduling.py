"""Whose turn it is: the cheapest, the fullest, the first; and nobody for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from experts.scheduling import Queue

PRICES = {"here": 0, "near": 1, "far": 5}


def test_the_cheapest_goes_first_then_the_fullest_then_the_first() -> None:
    queue: Queue[int] = Queue(10.0)
    for number, name in enumerate(["far", "near", "here", "far"]):
        queue.add(name, [number], float(number))
    assert queue.next(PRICES.__getitem__, 5.0) == "here"
    assert queue.next(PRICES.__getitem__, 5.0, ["far", "near"]) == "near"
    assert queue.next(lambda name: 0, 5.0) == "far"  # two wait
    assert queue.take("far") == [0, 3] and "far" not in queue and len(queue) == 2
    assert queue.next(lambda name: 0, 5.0) == "near"  # asked first
    assert queue.take("far") == [] and queue.next(PRICES.__getitem__, 0.0, ["far"]) is None


def test_who_has_waited_too_long_goes_first() -> None:
    queue: Queue[int] = Queue(10.0)
    queue.add("far", [0], 0.0)
    queue.add("here", [1], 9.0)
    assert queue.next(PRICES.__getitem__, 10.0) == "here"
    assert queue.next(PRICES.__getitem__, 10.1) == "far"


def test_what_is_withdrawn_waits_no_longer() -> None:
    queue: Queue[object] = Queue(10.0)
    mine, other = object(), object()
    queue.add("a", [mine, other], 0.0)
    queue.add("b", [mine], 0.0)
    queue.withdraw([mine])
    assert queue.experts == ["a"] and queue.take("a") == [other] and len(queue) == 0


@given(st.lists(st.tuples(st.sampled_from(sorted(PRICES)), st.integers(0, 3)), min_size=1), st.floats(0, 20))
def test_everything_is_served_once_and_in_time(calls: list[tuple[str, int]], max_wait: float) -> None:
    queue: Queue[int] = Queue(max_wait)
    now, served, late = 0.0, list[int](), 0.0
    since = {}
    for number, (name, gap) in enumerate(calls):
        now += gap
        since[number] = now
        queue.add(name, [number], now)
        if number % 3 == 2:
            expert = queue.next(PRICES.__getitem__, now)
            oldest = min(since[n] for n in since if n not in served)
            taken = queue.take(expert or "")
            if now - oldest > max_wait:
                assert min(since[n] for n in taken) == oldest
            served += taken
            late = max(late, now - oldest)
    while (expert := queue.next(PRICES.__getitem__, now)) is not None:
        served += queue.take(expert)
    assert sorted(served) == list(range(len(calls)))
