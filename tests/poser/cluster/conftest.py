"""One cluster for all tests of this folder, on loopback, of two nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.reliability import world
from poser.agent import Poser
from tests.poser.cluster.loopback import cluster


@pytest.fixture(scope="session")
def two_nodes() -> Iterator[Any]:
    """Its address; tests connect to it, once."""
    with cluster() as found:
        yield found


@pytest.fixture
def far(two_nodes: Any, tmp_path: Any) -> Iterator[Any]:
    """Makes agents of the fast world on the cluster: settings of the engine, seconds of a call -> agent."""
    made: list[Poser] = []

    def agent(seconds: float = 0.0, **engine: Any) -> Poser:
        preset = world.preset(tmp_path, seconds)
        places = [{"replicas": 1, **place} for place in engine.pop("places", [{}])]
        data = {"name": "ray", "address": two_nodes.address, "timeout": 120, "places": places, **engine}
        made.append(Poser.from_pretrained(preset, overrides={"engine": data}))
        return made[-1]

    yield agent
    for one in made:
        one.close(0)
