"""Who is evicted: enough room, nobody that must stay, nobody in vain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from experts.memory.in_ram import total
from experts.memory.on_device import Candidate, evictions

sizes = st.dictionaries(st.sampled_from("uvwxyz"), st.integers(1, 1), max_size=4)
"""Blocks of one byte, so that a block has one size."""
stays = st.lists(
    st.builds(Candidate, st.uuids().map(str), sizes, st.integers(0, 3), st.booleans(), st.booleans(), st.booleans()),
    max_size=6,
)


@given(stays, sizes, st.integers(0, 8), st.booleans())
def test_there_is_room_afterwards_and_nobody_left_in_vain(
    there: list[Candidate], incoming: dict[str, int], limit: int, spare: bool
) -> None:
    gone = evictions(there, incoming, limit, spare)
    bound = [stay for stay in there if stay.held or (spare and stay.wanted)]
    if gone is None:
        assert total(incoming, *(stay.sizes for stay in bound)) > limit
        return
    assert not {stay.key for stay in bound} & set(gone)

    def left(keys: list[str]) -> int:
        return total(incoming, *(stay.sizes for stay in there if stay.key not in keys))

    assert left(gone) <= limit
    for key in gone:
        assert left([other for other in gone if other != key]) > limit or key == gone[-1]


def test_the_order() -> None:
    def stay(key: str, used: int = 0, size: int = 1, **more: bool) -> Candidate:
        return Candidate(key, {key: size}, used, **more)

    there = [stay("old", 1), stay("new", 2), stay("wanted", 0, wanted=True), stay("encoder", 9, transient=True)]
    for count, gone in enumerate((["encoder"], ["encoder", "old"], ["encoder", "old", "new"]), start=1):
        assert evictions(there, {}, len(there) - count) == gone
    assert evictions(there, {}, 0) == ["encoder", "old", "new", "wanted"]
    assert evictions([stay("large", 1, 5), stay("small", 1, 2)], {}, 5) == ["small"]
    assert evictions([stay("small", 1, 1), stay("large", 2, 5)], {}, 1) == ["large"]
    assert evictions([stay("a", held=True)], {"b": 1}, 1) is None
    assert evictions([Candidate("a", {"shared": 3})], {"shared": 3, "own": 1}, 4) == []
