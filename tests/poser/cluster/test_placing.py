"""Who stands where is worked out before anything is begun."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from poser.cluster.placing import Node, planned
from poser.cluster.replicas import Replica, Work, shares, soonest
from poser.cluster.settings import Place


def node(name: str, taken: float = 0.0, **has: float) -> Node:
    return Node(name, has, {key: max(0.0, value - taken) for key, value in has.items()})


def test_replicas_spread_over_the_nodes():
    plan = planned([Place(replicas=4, gpus=1)], [node("a", CPU=8, GPU=2), node("b", CPU=8, GPU=2)])
    assert sorted(plan.where[0]) == ["a", "a", "b", "b"] and not plan.lacks


def test_as_many_as_there_is_room_for_comes_last():
    places = [Place(replicas=0, gpus=1, experts=("flux",)), Place(critic=True, gpus=0.5)]
    plan = planned(places, [node("a", CPU=8, GPU=3), node("b", CPU=8, GPU=1)])
    assert [len(names) for names in plan.where] == [3, 1] and not plan.lacks


def test_what_does_not_fit_is_one_line_with_the_reason():
    (lack,) = planned([Place(replicas=2, gpus=1, experts=("flux",))], [node("a", CPU=8, GPU=1)]).lacks
    assert lack.startswith("engine: places[0] (flux) asks for 2 x 1 CPU, 1 GPU and 1 of 2 fit: 1 nodes have at most")
    (lack,) = planned([Place(experts=("flux",))], [node("a", CPU=1, taken=1)]).lacks
    assert "others have taken the rest" in lack
    (lack,) = planned([Place(resources={"tpu": 1})], [node("a", CPU=1)]).lacks
    assert "1 tpu" in lack and "at most 1 CPU, 0 tpu" in lack
    assert planned([Place()], []).lacks


PLACES = st.lists(st.builds(Place, replicas=st.integers(1, 4), cpus=st.sampled_from([0.5, 1, 2])), max_size=4)
NODES = st.lists(st.integers(0, 6), max_size=4)


@given(PLACES, NODES)
def test_no_node_is_overfull(places, cpus):
    nodes = [node(str(k), CPU=count) for k, count in enumerate(cpus)]
    plan = planned(places, nodes)
    for one in nodes:
        used = sum(p.cpus * names.count(one.name) for p, names in zip(places, plan.where, strict=True))
        assert used <= one.has["CPU"] + 1e-6
    short = [p for p, names in zip(places, plan.where, strict=True) if len(names) < p.replicas]
    assert len(plan.lacks) == len(short)


@given(st.lists(st.integers(), max_size=40), st.integers(0, 9))
def test_shares_are_even_and_lose_nothing(items, workers):
    cut = shares(items, workers)
    assert [item for share in cut for item in share] == items and len(cut) <= max(1, workers)
    assert all(0 < len(share) <= -(-len(items) // max(1, workers)) for share in cut)


def test_a_call_goes_where_it_is_answered_first():
    work = Work("draw", "flux", "expert flux", 1.0, 30.0)
    busy, empty = Replica("busy", None, 20.0, resident=frozenset({"expert flux"})), Replica("empty", None)
    assert soonest([busy, empty], work, 100.0) is busy  # 20 s of work are less than loading 30 GiB
    busy.load = 40.0
    assert soonest([busy, empty], work, 100.0) is empty
    assert soonest([busy, empty], Work("judge", "critic"), 100.0) is empty
    empty.until = 200.0  # what other drivers asked of it
    assert soonest([busy, empty], Work("judge", "critic"), 100.0) is busy
    assert soonest([busy, empty], Work("judge", "critic"), 190.0) is empty
