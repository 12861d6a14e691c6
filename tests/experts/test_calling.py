"""Whatever an expert does becomes results for those requests, and for no others."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from PIL import Image

from experts.fake import FakeExpert, fake_entries
from experts.memory import Residency
from experts.pool import Pool
from experts.registry import Entry, Registry
from experts.types import Card, Job, Request, Result, copied, image_digest
from tests.experts.faulty import COSTS, FAULTS, SHARED, SINGLE

CARD = fake_entries(1, 0)[0].card
PAID = fake_entries(1, 0, usd=0.5)[0].card


class Once(FakeExpert):
    """Goes wrong in one way whenever `bad` is among the prompts; `calls` counts."""

    def __init__(self, card: Card, kind: str) -> None:
        super().__init__(card)
        self.kind, self.calls = kind, 0

    def __call__(self, requests: Sequence[Request]) -> list[Result]:
        self.calls += 1
        good = super().__call__(requests)
        bad = [k for k, request in enumerate(requests) if request.prompt == "bad"]
        return FAULTS[self.kind](good, bad[0]) if bad else good


def ran(expert: FakeExpert, remote: bool = False, prompts: Sequence[str] = ("one", "bad", "three")) -> list[Result]:
    home = Pool(Registry([Entry(expert.card, lambda residency: expert, remote=remote)]), Residency("cpu"))
    return home.run([Job(expert.card.id, Request(prompt, seed=3)) for prompt in prompts])


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_of_one_item_costs_no_other(kind: str) -> None:
    alone = [image_digest(result.image) for result in ran(FakeExpert(CARD), prompts=("one", "three")) if result.image]
    first, bad, last = ran(Once(CARD, kind))
    assert [image_digest(result.image) for result in (first, last) if result.image] == alone
    assert (bad.image is None) == (kind not in COSTS)
    if bad.failure:
        assert bad.failure.message.isprintable() and bad.failure.message.encode()
    for result in (first, bad, last):
        assert math.isfinite(result.usd + result.seconds) and min(result.usd, result.seconds) >= 0


@pytest.mark.parametrize("kind", SHARED)
@pytest.mark.parametrize("card", [CARD, PAID])
def test_what_is_paid_for_is_not_asked_again(kind: str, card: Card) -> None:
    expert = Once(card, kind)
    results = ran(expert, remote=True)
    assert expert.calls == 1 and all(result.failure for result in results)


@pytest.mark.parametrize("kind", SINGLE)
def test_the_others_of_a_paid_list_keep_their_pictures(kind: str) -> None:
    expert = Once(PAID, kind)
    results = ran(expert, remote=True)
    assert expert.calls == 1 and [result.image is not None for result in results] == [True, False, True]


@pytest.mark.parametrize("kind", ["costs NaN", "costs infinity", "costs less than nothing", "costs text"])
def test_a_cost_that_is_no_number_counts_as_declared(kind: str) -> None:
    result = ran(Once(PAID, kind), remote=True)[1]
    assert result.image is not None and result.usd == 0.5
    assert any("counted as declared: 0.5 USD" in note for note in result.notes)


def test_a_failure_keeps_a_known_kind_and_a_finite_wait() -> None:
    failure = ran(Once(CARD, "a failure of no kind"))[1].failure
    assert failure and failure.kind == "broken" and failure.retry_after is None and "\\x07" in failure.message


def test_only_an_interrupt_is_raised() -> None:
    class Interrupted(FakeExpert):
        def __call__(self, requests: Sequence[Request]) -> list[Result]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ran(Interrupted(CARD))


@pytest.mark.parametrize("change", ["paste", "putpixel", "draw"])
def test_a_picture_is_hashed_once_until_it_changes(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageDraw

    image = Image.new("RGB", (8, 8), "red")
    before = image_digest(image)
    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "tobytes", lambda *_: pytest.fail("hashed again"))
        assert image_digest(image) == image_digest(copied(image)) == before
    if change == "paste":
        image.paste("blue", (0, 0, 2, 2))
    elif change == "putpixel":
        image.putpixel((1, 1), (0, 0, 255))
    else:
        ImageDraw.Draw(image).point((1, 1), "blue")
    assert image_digest(image) != before
    assert image_digest(Image.new("RGB", (8, 8), "red")) == before
