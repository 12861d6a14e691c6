"""What every expert owes, owed by every service too: the contract's own tests, against the loopback server."""

from __future__ import annotations

import pytest

from experts.api._expert import RemoteExpert
from experts.memory import Residency
from experts.pool import Pool
from experts.registry import Entry, Registry
from experts.types import Job
from tests.experts import api_world
from tests.experts.api_world import (
    KINDS,
    loopback_server,  # noqa: F401
)
from tests.experts.loopback import Loopback
from tests.experts.test_contract import (  # noqa: F401
    asks,
    pixels,
    test_a_batch_is_its_items_one_by_one,
    test_costs_are_what_the_card_says,
    test_failure_is_a_value_and_harms_no_neighbour,
    test_length_order_and_size,
    test_the_same_request_gives_the_same_picture,
)
from tests.experts.test_contract import test_seed_and_words_matter as seed_and_words_matter


@pytest.fixture(params=KINDS)
def expert(request: pytest.FixtureRequest, server: Loopback) -> RemoteExpert:
    return api_world.expert(request.param, server)


def test_a_seed_is_sent_or_its_absence_is_noted(expert: RemoteExpert) -> None:
    if expert.card.seeded:
        seed_and_words_matter(expert)
    notes = [note for result in expert(asks(expert)) for note in result.notes]
    assert ("seed ignored" in notes) is not expert.card.seeded


def test_a_list_is_asked_for_at_once_but_no_wider_than_the_limit(server: Loopback) -> None:
    server.delay = 0.05
    expert = api_world.expert("openai", server, concurrency=3)
    assert len(pixels(expert(api_world.requests("openai", 9)))) == 9
    assert server.book.together == 3


def test_a_pool_runs_it_as_any_other(server: Loopback) -> None:
    expert = api_world.expert("compatible", server)
    pool = Pool(Registry([Entry(expert.card, lambda residency: expert)]), Residency("cpu"))
    request = api_world.requests("compatible", 1)[0]
    results = pool.run([Job("compatible", request), Job("compatible", request)])
    assert pixels(results).shape == (2, 64, 64, 3)
    assert server.book.bought == expert.line.ledger.totals.bought == 1 and results[1].cached
