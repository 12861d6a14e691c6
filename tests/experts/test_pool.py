"""The pool: order, grouping, checks, failures as values, the store, and what it counts."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from experts.cache import Cache
from experts.failures import boundary
from experts.fake import FakeExpert, fake_entries
from experts.images import png
from experts.memory import Residency
from experts.pool import Call, Pool
from experts.registry import Entry, Registry
from experts.types import Card, Failure, Job, Request, Result, image_digest

PICTURE = Image.linear_gradient("L").resize((32, 32)).convert("RGB")


def no_cats(request: Request) -> Failure | None:
    """Refuses cats."""
    return Failure("refused", "no cats") if "cat" in request.prompt else None


def pool(**options: object) -> Pool:
    """Two that draw, two that tint, none that likes cats."""
    return Pool(Registry(fake_entries(2, 2, fail=no_cats)), Residency("cpu"), **options)


class Raises:
    """An expert that raises."""

    def __init__(self, card: Card, error: BaseException) -> None:
        self.card, self.error = card, error

    def __call__(self, requests: Sequence[Request]) -> list[Result]:
        raise self.error


def signature(result: Result) -> object:
    """What a law compares: the picture or the failure, and the notes."""
    return (image_digest(result.image) if result.image else result.failure, result.notes)


jobs_of_any_kind = st.lists(
    st.builds(
        lambda expert, prompt, seed, picture, size: Job(
            expert, Request(prompt, (PICTURE,) if picture else (), size=size, seed=seed)
        ),
        st.sampled_from(["fake-draw-1", "fake-draw-2", "fake-tint-1", "fake-tint-2", "fake-drew-1"]),
        st.sampled_from(["a star", "a cat", "white"]),
        st.integers(-1, 2),
        st.booleans(),
        st.sampled_from([None, (48, 32), (4, 4)]),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(jobs_of_any_kind, st.randoms())
def test_permuting_jobs_permutes_results(jobs: list[Job], draws: object) -> None:
    order = list(range(len(jobs)))
    draws.shuffle(order)
    straight = [signature(result) for result in pool().run(jobs)]
    shuffled = [signature(result) for result in pool(cache=Cache()).run([jobs[i] for i in order])]
    assert shuffled == [straight[i] for i in order]


@settings(max_examples=40, deadline=None)
@given(jobs_of_any_kind, jobs_of_any_kind)
def test_a_batch_is_its_parts(first: list[Job], second: list[Job]) -> None:
    one, two = pool(cache=Cache()), pool(cache=Cache())
    assert one.run(first + second) == two.run(first) + two.run(second)


def test_one_bad_job_harms_no_other() -> None:
    prompts = ["a star", "a cat", "a circle"]
    results = pool().run([Job("fake-draw-1", Request(prompt)) for prompt in prompts])
    assert [result.failure for result in results] == [None, Failure("refused", "no cats"), None]
    alone = pool().run([Job("fake-draw-1", Request("a star"))])
    assert signature(results[0]) == signature(alone[0])


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (Job("fake-draw-1", Request("x", (PICTURE,))), "draws from words only"),
        (Job("fake-tint-1", Request("x")), "edits a picture and got none"),
        (Job("fake-draw-1", Request("x", size=(8, 64))), "8x64 px is outside its 16 to 1024 px"),
        (Job("fake-draw-1", Request("x", params={"strenght": 1})), "did you mean 'strength'?"),
        (Job("fake-draw-1", Request("x", params={"strength": "high"})), "must be a number, not 'high'"),
        (Job("fake-draw-1", Request("x", seed=2**31)), "seed 2147483648 is outside"),
    ],
)
def test_what_the_card_forbids_never_reaches_the_expert(job: Job, words: str) -> None:
    calls: list[Call] = []
    home = pool(on_call=calls.append)
    (result,) = home.run([job])
    assert result.failure and result.failure.kind == "unsupported" and words in result.failure.message
    assert not calls and home.stats.calls == 0 and home.stats.refused == 1


def test_a_damaged_picture_fails_alone() -> None:
    whole = png(Image.effect_noise((64, 64), 50))
    lazy = Image.open(io.BytesIO(whole[: len(whole) // 2]))
    bad, good = pool().run([Job("fake-tint-1", Request("x", (image,))) for image in (lazy, PICTURE)])
    assert bad.failure and bad.failure.kind == "unsupported" and "picture 1 cannot be read" in bad.failure.message
    assert good.image


def test_an_unknown_expert_is_unavailable() -> None:
    (result,) = pool().run([Job("fake-drow-1", Request("x"))])
    assert result.failure == Failure("unavailable", "no such expert 'fake-drow-1'; did you mean 'fake-draw-1'?")


def test_identical_requests_are_computed_and_charged_once() -> None:
    calls: list[Call] = []
    home = Pool(Registry(fake_entries(1, 0, usd=0.5)), Residency("cpu"), on_call=calls.append)
    results = home.run([Job("fake-draw-1", Request("a star", seed=1, asked=words)) for words in "abc"])
    assert [call.requests for call in calls] == [1]
    assert [(result.usd, result.cached) for result in results] == [(0.5, False), (0, True), (0, True)]
    assert len({image_digest(result.image) for result in results}) == 1
    assert results[0].image is not results[1].image


def test_an_unseeded_expert_is_asked_every_time() -> None:
    (entry,) = fake_entries(1, 0)
    card = replace(entry.card, seeded=False)
    calls: list[Call] = []
    registry = Registry([Entry(card, lambda residency: FakeExpert(card))])
    home = Pool(registry, Residency("cpu"), Cache(), calls.append)
    for _ in range(2):
        home.run([Job(card.id, Request("a star"))] * 2)
    assert [call.requests for call in calls] == [2, 2] and home.stats.cached == 0


def test_the_second_run_comes_from_the_store() -> None:
    home = pool(cache=Cache())
    jobs = [Job("fake-draw-1", Request("a star", seed=seed)) for seed in range(3)]
    first, second = home.run(jobs), home.run(jobs)
    assert [signature(result) for result in first] == [signature(result) for result in second]
    assert all(result.cached and result.seconds == 0 for result in second)
    assert (home.stats.calls, home.stats.cached, home.stats.jobs) == (1, 3, 6)


def test_one_call_a_group_and_the_resident_first() -> None:
    calls: list[Call] = []
    home = pool(on_call=calls.append)
    home.run([Job("fake-draw-2", Request("warm"))])
    names = ["fake-draw-1", "fake-draw-2", "fake-draw-1", "fake-draw-1"]
    home.run([Job(name, Request("x", seed=i)) for i, name in enumerate(names)])
    assert [(call.card.id, call.requests) for call in calls] == [
        ("fake-draw-2", 1),
        ("fake-draw-2", 1),
        ("fake-draw-1", 3),
    ]
    assert home.stats.switches == 2 and home.stats.requests == 5


def entry_that(error: BaseException, loading: bool = False, get: str = "") -> Entry:
    """An expert that raises, when it is loaded or when it is called."""
    card = replace(fake_entries(1, 0)[0].card, id="raises")

    def load(residency: Residency) -> Raises:
        if loading:
            raise error
        return Raises(card, error)

    return Entry(card, load, get=get)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError("x"), "memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "memory"),
        (TimeoutError("late"), "timeout"),
        (ConnectionError("gone"), "unavailable"),
        (FileNotFoundError("weights"), "unavailable"),
        (ValueError("two\nlines"), "broken"),
        (KeyError("k"), "broken"),
    ],
)
def test_exceptions_become_failures(error: Exception, kind: str) -> None:
    results = Pool(Registry([entry_that(error)]), Residency("cpu")).run(
        [Job("raises", Request("x", seed=s)) for s in (0, 1)]
    )
    for result in results:
        assert result.failure and result.failure.kind == kind and "\n" not in result.failure.message
        assert type(error).__name__ in result.failure.message


def test_torchs_own_out_of_memory_is_memory() -> None:
    import torch

    assert boundary(torch.OutOfMemoryError("full")).kind == "memory"


def test_what_cannot_be_loaded_says_how_to_get_it() -> None:
    home = Pool(Registry([entry_that(ValueError("bad index"), True, "type: make weights")]), Residency("cpu"))
    (result,) = home.run([Job("raises", Request("x"))])
    assert result.failure == Failure(
        "unavailable", "raises cannot be loaded: ValueError: bad index; type: make weights"
    )
    (result,) = Pool(Registry([entry_that(MemoryError(), True)]), Residency("cpu")).run([Job("raises", Request("x"))])
    assert result.failure and result.failure.kind == "memory"


@pytest.mark.parametrize("loading", [True, False])
def test_an_interrupt_is_not_a_failure(loading: bool) -> None:
    home = Pool(Registry([entry_that(KeyboardInterrupt(), loading)]), Residency("cpu"))
    with pytest.raises(KeyboardInterrupt):
        home.run([Job("raises", Request("x"))])


def test_an_exit_of_some_library_is_a_failure() -> None:
    (result,) = Pool(Registry([entry_that(SystemExit(1))]), Residency("cpu")).run([Job("raises", Request("x"))])  # type: ignore[arg-type]
    assert result.failure == Failure("broken", "SystemExit: 1")


def test_a_wrong_number_of_results_is_broken() -> None:
    card = fake_entries(1, 0)[0].card

    class Short(FakeExpert):
        def __call__(self, requests: Sequence[Request]) -> list[Result]:
            return super().__call__(requests)[:-1]

    home = Pool(Registry([Entry(card, lambda residency: Short(card))]), Residency("cpu"))
    results = home.run([Job(card.id, Request("x", seed=seed)) for seed in range(3)])
    assert [result.failure.kind for result in results] == ["broken"] * 3
    assert "0 results for 1 requests" in results[0].failure.message


@pytest.mark.parametrize("remote", [False, True])
def test_no_result_in_place_of_one_is_broken(remote: bool) -> None:
    card = fake_entries(1, 0)[0].card

    class Silent(FakeExpert):
        def __call__(self, requests: Sequence[Request]) -> list[Result]:
            return [*super().__call__(requests)[:-1], None]  # type: ignore[list-item]

    home = Pool(Registry([Entry(card, lambda residency: Silent(card), remote=remote)]), Residency("cpu"))
    results = home.run([Job(card.id, Request("x", seed=seed)) for seed in range(3)])
    assert [result.failure and result.failure.kind for result in results] == [None, None, "broken"]
    assert results[2].failure and "NoneType" in results[2].failure.message


def test_a_job_that_was_not_served_is_no_shorter_list(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [replace(entry, remote=True) for entry in fake_entries(2, 0)]
    home = Pool(Registry(entries), Residency("cpu"))
    monkeypatch.setattr(home, "_serve", lambda expert, tickets: None)
    with pytest.raises(RuntimeError, match="no result for 'a star'"):
        home.run([Job(entry.card.id, Request("a star")) for entry in entries])


def test_latency_is_shared_and_a_failure_costs_its_time() -> None:
    home = Pool(Registry(fake_entries(1, 0, seconds=0.02, fail=no_cats)), Residency("cpu"))
    results = home.run([Job("fake-draw-1", Request(prompt)) for prompt in ("a star", "a cat")])
    assert [result.seconds for result in results] == [0.01, 0.01] and home.stats.seconds >= 0.02


def test_stats_are_plain_data() -> None:
    home = pool()
    before = home.stats
    home.run([Job("fake-draw-1", Request("x"))])
    assert before.jobs == 0 and json.dumps(vars(home.stats))
