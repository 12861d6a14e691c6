"""The contract, asked of the larger families: real pipeline classes with random weights, from_config -> pool.run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from experts.memory import Residency
from experts.pool import Pool
from experts.registry import Registry
from tests.experts.large_world import (  # noqa: F401
    FAMILIES,
    Recorder,
    digest,
    large_config,
    large_folder,
    large_pool,
    large_registry,
    one,
)
from tests.experts.test_contract import (  # noqa: F401
    asks,
    pixels,
    test_a_batch_is_its_items_one_by_one,
    test_costs_are_what_the_card_says,
    test_failure_is_a_value_and_harms_no_neighbour,
    test_length_order_and_size,
    test_seed_and_words_matter,
    test_the_same_request_gives_the_same_picture,
)


@pytest.fixture(scope="module", params=FAMILIES)
def expert(request: pytest.FixtureRequest, pool: Pool) -> Any:
    return pool.expert(f"tiny-{request.param}")


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a recorder around an expert's pipeline for this test."""

    def put(expert: Any) -> Recorder:
        recorder = Recorder(expert.pipe)
        monkeypatch.setattr(expert, "pipe", recorder)
        return recorder

    return put


def test_the_floats_of_a_batch_are_those_of_its_items(expert: Any, recorded: Any) -> None:
    recorder = recorded(expert)
    together = expert(asks(expert))
    calls = len(recorder.images)
    assert calls == (1 if expert.family.batch else 3) and all(result.image for result in together)
    for request in asks(expert):
        expert([request])
    batch = np.concatenate(recorder.images[:calls])
    assert np.abs(batch - np.concatenate(recorder.images[calls:])).max() <= 1e-5


@pytest.mark.parametrize("size", [(96, 96), (64, 96)])
def test_every_family_gives_the_wanted_size(expert: Any, size: tuple[int, int], pool: Pool) -> None:
    result = one(pool, expert.card.id.removeprefix("tiny-"), size=size)
    assert result.image and result.image.size == size and np.asarray(result.image).std() > 0


def test_params_and_words_reach_the_network(expert: Any, pool: Pool) -> None:
    name = expert.card.id.removeprefix("tiny-")
    first = digest(one(pool, name))
    assert first != digest(one(pool, name, "green circle on white"))
    assert first != digest(one(pool, name, params={"steps": 6}))
    for param, value in {"guidance": 8.0, "negative_prompt": "green"}.items():
        if param in expert.card.params:
            assert first != digest(one(pool, name, params={param: value})), param


def test_evicted_and_loaded_again_it_draws_the_same(registry: Registry) -> None:
    pool = Pool(registry, Residency("cpu", vram_gib=1.0))
    before = digest(one(pool, "flux2"))
    one(pool, "sdxl_refined")
    assert digest(one(pool, "flux2")) == before


def test_nothing_is_written_to_the_terminal(registry: Registry, capfd: pytest.CaptureFixture[str]) -> None:
    pool = Pool(registry, Residency("cpu"))
    for name in FAMILIES:
        if not name.startswith("qwen_image_edit"):  # a minute at their real size
            one(pool, name, "a red star " * 40)
    assert capfd.readouterr() == ("", "")
