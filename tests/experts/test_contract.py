"""What every expert owes, asked of every registered one: built in, fake, and one tiny pipeline a family.

A new expert is tested by being registered.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from experts.fake import fake_entries
from experts.memory import Residency
from experts.pool import Pool
from experts.registry import Registry, builtin
from experts.types import Expert, Request, Result

TINY = ("stable_diffusion", "instruct_pix2pix", "pixart", "flux", "flux_kontext", "generic")
LOCAL = {id: entry for id, entry in builtin().items() if not entry.env and not entry.gone}
ABSENT = [id for id, entry in LOCAL.items() if entry.missing()]
PROMPTS = ("a red star", "a blue circle on white", "make it green")


@pytest.fixture(scope="module")
def home(request: pytest.FixtureRequest) -> Iterator[Residency]:
    """One residency for all, so that shared parts are loaded once."""
    yield Residency("cpu")


@pytest.fixture(
    scope="module",
    params=[
        *(id for id in LOCAL if id not in ABSENT),
        *(card.id for card in Registry(fake_entries(1, 1)).cards),
        *(f"tiny-{name}" for name in TINY),
    ],
)
def expert(request: pytest.FixtureRequest, home: Residency) -> Expert:
    """Every registered expert whose weights are on this machine, loaded."""
    id: str = request.param
    registry = builtin() | Registry(fake_entries(1, 1))
    if id.startswith("tiny-"):
        registry = request.getfixturevalue("tiny")
    return Pool(registry, home).expert(id)


def test_what_is_shipped_is_asked() -> None:
    """The embedded experts' weights are in the repository: one that is not there is a fault, not a reason to skip."""
    shipped = [id for id in LOCAL if id.startswith("poster-")]
    assert shipped and not set(shipped) & set(ABSENT)


def asks(expert: Expert) -> list[Request]:
    """Three requests that the card allows and that differ in everything."""
    side = max(expert.card.min_side, min(96, expert.card.max_side // expert.card.multiple * expert.card.multiple))
    pictures = [Image.new("RGB", (side, side), colour) for colour in ("white", "red", "blue")]
    edits = expert.card.mode == "image-to-image"
    return [
        Request(prompt, (picture,) if edits else (), size=(side, side), seed=seed)
        for seed, (prompt, picture) in enumerate(zip(PROMPTS, pictures, strict=True))
    ]


def pixels(results: list[Result]) -> np.ndarray:
    """[N, H, W, 3] in [0, 1]; fails where there is no picture."""
    assert [result.failure for result in results] == [None] * len(results)
    return np.stack([np.asarray(result.image, dtype=np.float64) / 255 for result in results])


def test_length_order_and_size(expert: Expert) -> None:
    requests = asks(expert)
    assert expert([]) == []
    straight, back = pixels(expert(requests)), pixels(expert(requests[::-1]))
    assert straight.shape[1:3] == requests[0].size[::-1]
    assert np.abs(straight - back[::-1]).mean() <= 1e-5


def test_the_same_request_gives_the_same_picture(expert: Expert) -> None:
    if not expert.card.seeded:
        pytest.skip("the card says that it has no seed")
    assert (pixels(expert(asks(expert))) == pixels(expert(asks(expert)))).all()


def test_a_batch_is_its_items_one_by_one(expert: Expert) -> None:
    """An expert whose neighbours matter must say `max_batch=1`."""
    requests = asks(expert)
    together = pixels(expert(requests))
    alone = pixels([result for request in requests for result in expert([request])])
    assert np.abs(together - alone).mean() <= 1e-5
    assert np.abs(together - alone).max() <= 1.5 / 255


def test_seed_and_words_matter(expert: Expert) -> None:
    first = asks(expert)[0]
    other = Request(first.prompt, first.images, size=first.size, seed=first.seed + 1)
    one, two = pixels(expert([first, other]))
    assert (one != two).any()


def test_failure_is_a_value_and_harms_no_neighbour(expert: Expert) -> None:
    good, bad = asks(expert)[0], Request("x", size=(1, 1), params={"no such param": 1})
    results = expert([bad, good, bad])
    assert [result.failure.kind if result.failure else None for result in results] == [
        "unsupported",
        None,
        "unsupported",
    ]
    assert np.abs(pixels(results[1:2]) - pixels(expert([good]))).mean() <= 1e-5


def test_costs_are_what_the_card_says(expert: Expert) -> None:
    results = expert(asks(expert))
    assert all(result.usd == expert.card.usd and result.seconds >= 0 and not result.cached for result in results)
