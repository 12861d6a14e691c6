"""Faults: few requests, none paid for uncounted, everything ends in time and within bounds."""

from __future__ import annotations

import threading
import time

import pytest

from experts.api._client import Line
from experts.api._expert import RemoteExpert
from experts.api._pace import MINUTE
from experts.api._terms import Limits
from experts.types import Result
from tests.experts import api_world
from tests.experts.api_world import (
    KINDS,
    SERVICES,
    USD,
    JumpClock,
    loopback_server,  # noqa: F401
)
from tests.experts.fault_plan import FAULTS, FREE, LOST, Plan, script
from tests.experts.loopback import DIALECTS, Loopback


def run(expert: RemoteExpert, count: int = 1) -> list[Result]:
    return expert(api_world.requests(expert.card.id, count))


def balanced(server: Loopback, expert: RemoteExpert, results: list[Result]) -> None:
    """The server's book, the ledger and the results' prices agree."""
    totals = expert.line.ledger.totals
    server.settled(totals.requests)
    assert totals.bought == server.book.bought
    assert totals.requests == server.book.requests
    assert totals.usd == pytest.approx(server.book.bought * USD)
    assert sum(result.usd for result in results) == pytest.approx(totals.usd)
    assert not [charge for charge in expert.line.ledger.charges if charge.outcome == "open"]


@pytest.mark.parametrize("kind", KINDS)
def test_at_a_fifth_of_faults_no_picture_is_bought_twice(kind: str, server: Loopback) -> None:
    calls = 50
    server.fault = Plan(0.2, KINDS.index(kind), FAULTS)
    expert = api_world.expert(kind, server, deadline=600.0)
    results = run(expert, calls)
    making, faults = len(server.book.asked), server.book.faults
    assert calls <= making <= 1.3 * calls and len(faults) >= 0.1 * making
    assert server.book.bought <= calls
    lost = [fault for fault in faults if fault in (*LOST, "refusal")]
    assert sum(result.image is not None for result in results) == calls - len(lost)
    assert [r.failure.kind for r in results if r.failure].count("refused") == faults.count("refusal")
    balanced(server, expert, results)


@pytest.mark.parametrize("fault", FREE)
@pytest.mark.parametrize("kind", SERVICES)
def test_what_was_not_done_is_asked_again(kind: str, fault: str, server: Loopback) -> None:
    server.fault = script(fault)
    expert = api_world.expert(kind, server)
    results = run(expert)
    assert results[0].image is not None and results[0].image.size == (64, 64)
    assert len(server.book.asked) == 2 and "requests repeated: 1" in results[0].notes
    assert results[0].usd == pytest.approx(USD) and expert.line.ledger.totals.assumed == 0
    balanced(server, expert, results)


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("kind", SERVICES)
def test_what_may_be_charged_is_not_asked_again(kind: str, fault: str, server: Loopback) -> None:
    server.fault = script(fault)
    expert = api_world.expert(kind, server)
    results = run(expert)
    assert results[0].failure and results[0].usd == pytest.approx(USD)
    assert len(server.book.asked) == server.book.bought == 1
    if (kind, fault) != ("replicate", "cut-picture"):  # there the file is damaged, and looking costs nothing
        assert "not repeated (repeat_unknown" in results[0].failure.message
    balanced(server, expert, results)


@pytest.mark.parametrize("fault", [fault for fault in LOST if fault != "cut-picture"])
@pytest.mark.parametrize("kind", SERVICES)
def test_repeat_unknown_asks_again_and_pays_twice(kind: str, fault: str, server: Loopback) -> None:
    server.fault = script(fault)
    expert = api_world.expert(kind, server, repeat_unknown=True)
    results = run(expert)
    assert results[0].image is not None and results[0].usd == pytest.approx(2 * USD)
    assert len(server.book.asked) == 2 and expert.line.ledger.totals.assumed == 1
    balanced(server, expert, results)


@pytest.mark.parametrize("fault", [fault for fault in LOST if fault != "cut-picture"])
@pytest.mark.parametrize("kind", SERVICES)
def test_with_an_idempotency_key_a_repeat_is_charged_once(kind: str, fault: str, server: Loopback) -> None:
    server.fault = script(fault, None, fault)
    expert = api_world.expert(kind, server, idempotency="Idempotency-Key", concurrency=1)
    results = run(expert, 2)
    assert all(result.image and result.usd == pytest.approx(USD) for result in results)
    assert len(server.book.asked) == 4 and server.book.bought == 2
    assert expert.line.ledger.totals.assumed == 0
    balanced(server, expert, results)


def test_lost_answers_of_one_key_are_one_picture(server: Loopback) -> None:
    server.fault = lambda: "reset"
    expert = api_world.expert("openai", server, idempotency="Idempotency-Key", attempts=3)
    results = run(expert)
    assert results[0].failure and len(server.book.asked) == 3 and server.book.bought == 1
    balanced(server, expert, results)


@pytest.mark.parametrize("fault", ["empty", "words"])
def test_an_answer_that_a_repeat_cannot_mend_is_not_repeated(fault: str, server: Loopback) -> None:
    server.fault, server.usage = script(fault), False
    expert = api_world.expert("compatible", server, repeat_unknown=True)
    results = run(expert)
    assert results[0].failure and len(server.book.asked) == 1
    balanced(server, expert, results)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects_of_compatible_servers(dialect: str, server: Loopback) -> None:
    server.dialect = dialect
    expert = api_world.expert("compatible", server)
    results = run(expert)
    assert results[0].image is not None, results[0].failure
    assert len(server.book.asked) == 1
    balanced(server, expert, results)


def test_time_suits_the_model() -> None:
    assert Limits().suited(10.0) == Limits(timeout=180.0, deadline=300.0)
    assert Limits().suited(120.0) == Limits(timeout=720.0, deadline=840.0)
    assert Limits(timeout=5.0, deadline=6.0).suited(120.0) == Limits(timeout=5.0, deadline=6.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_is_final_and_free(kind: str, server: Loopback) -> None:
    server.fault = script("refusal")
    expert = api_world.expert(kind, server)
    results = run(expert)
    assert results[0].failure and results[0].failure.kind == "refused" and results[0].usd == 0
    assert len(server.book.asked) == 1
    balanced(server, expert, results)


@pytest.mark.parametrize("kind", SERVICES)
def test_another_size_than_asked_is_noted(kind: str, server: Loopback) -> None:
    server.fault = script("wrong-size")
    expert = api_world.expert(kind, server)
    (result,) = run(expert)
    assert result.image is not None and result.image.size == (64, 64)
    assert any("px" in note for note in result.notes)
    balanced(server, expert, [result])


@pytest.mark.parametrize("kind", SERVICES)
def test_attempts_end(kind: str, server: Loopback) -> None:
    server.fault = lambda: "500"
    expert = api_world.expert(kind, server, attempts=3)
    results = run(expert)
    assert results[0].failure and results[0].failure.kind == "unavailable"
    assert len(server.book.asked) == 3
    balanced(server, expert, results)


def test_backoff_doubles_with_seeded_jitter(server: Loopback) -> None:
    server.fault = lambda: "500"
    waits = []
    for _ in range(2):
        expert = api_world.expert("openai", server, seed=7, attempts=5)
        run(expert)
        waits.append(expert.line.clock.slept)
    assert waits[0] == waits[1] and len(waits[0]) == 4
    for attempt, wait in enumerate(waits[0]):
        assert 0.25 * 2**attempt <= wait <= 0.5 * 2**attempt
    assert len(set(wait / 2**k for k, wait in enumerate(waits[0]))) == 4


def test_retry_after_is_obeyed_by_all_that_share_the_line(server: Loopback) -> None:
    server.fault = script("429")
    expert = api_world.expert("openai", server)
    assert run(expert)[0].image is not None
    assert 2.0 < sum(expert.line.clock.slept) <= 2.05
    line = Line("x", Limits(), clock=JumpClock())
    line.pace.pause(5.0)
    api_world.expert("gemini", server, line=line)(api_world.requests("gemini", 1))
    assert sum(line.clock.slept) == 5.0


def test_more_patience_than_the_deadline_is_a_failure_that_says_how_long(server: Loopback) -> None:
    server.fault = lambda: "429"
    expert = api_world.expert("openai", server, deadline=1.9)
    results = run(expert, 3)
    assert [result.failure.kind for result in results if result.failure] == ["rate_limited"] * 3
    assert all(result.failure and 0 < (result.failure.retry_after or 0) <= 2.0 for result in results)
    assert expert.line.clock.slept == []
    balanced(server, expert, results)


def test_the_deadline_bounds_all_tries(server: Loopback) -> None:
    server.fault = lambda: "hang"
    limits = Limits(timeout=0.4, deadline=1.5, attempts=50)
    expert = api_world.expert("gemini", server, line=Line("x", limits), repeat_unknown=True)
    start = time.perf_counter()
    (result,) = run(expert)
    assert result.failure and result.failure.kind == "timeout"
    assert 1.0 < time.perf_counter() - start < 15
    balanced(server, expert, [result])
    assert 1 < server.book.requests < 5


def test_a_dripping_answer_is_cut_off(server: Loopback) -> None:
    server.fault = script("drip")
    expert = api_world.expert("compatible", server, timeout=0.4, attempts=1)
    start = time.perf_counter()
    (result,) = run(expert)
    assert result.failure and result.failure.kind == "timeout" and time.perf_counter() - start < 8
    balanced(server, expert, [result])


@pytest.mark.parametrize(("fault", "words"), [("huge", "more than 1 MiB"), ("gzip", "compressed")])
@pytest.mark.parametrize("kind", ["openai", "gemini", "compatible-edit"])
def test_answers_beyond_the_limit_are_not_read(kind: str, fault: str, words: str, server: Loopback) -> None:
    server.fault = script(fault)
    expert = api_world.expert(kind, server, max_mib=1.0)
    (result,) = run(expert)
    assert result.failure and result.failure.kind == "broken" and words in result.failure.message
    assert len(server.book.asked) == 1
    balanced(server, expert, [result])


@pytest.mark.parametrize("kind", SERVICES)
def test_decompression_bombs_are_refused_once(kind: str, server: Loopback) -> None:
    server.fault = script("bomb")
    expert = api_world.expert(kind, server)
    (result,) = run(expert)
    assert result.failure and result.failure.kind == "broken" and "limit" in result.failure.message
    assert len(server.book.asked) == 1
    balanced(server, expert, [result])


def test_a_service_that_is_not_there_costs_nothing(server: Loopback) -> None:
    expert = api_world.expert("gemini", server, attempts=2)
    server.close()
    (result,) = run(expert)
    assert result.failure and result.failure.kind == "unavailable" and result.usd == 0
    assert expert.line.ledger.totals.requests == 0


def test_requests_a_minute(server: Loopback) -> None:
    expert = api_world.expert("openai", server, per_minute=3, concurrency=1, deadline=10.0)
    assert all(result.image for result in run(expert, 8))
    assert sum(expert.line.clock.slept) == 2 * MINUTE


def test_an_interrupted_request_stays_in_the_ledger(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    expert = api_world.expert("gemini", server)
    import httpx2

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(httpx2.Client, "request", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(expert)
    assert [charge.outcome for charge in expert.line.ledger.charges] == ["interrupted"]
    assert expert.line.ledger.totals.usd == USD


def test_no_thread_outlives_a_call(server: Loopback) -> None:
    expert = api_world.expert("openai", server, concurrency=4)
    run(expert, 8)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("expert")]
