"""What a cluster has, what of a config would stand where, and what does not fit. No worker is begun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from poser import critics
from poser.cluster.joined import places_of
from poser.cluster.placing import Node, named, planned, told
from poser.cluster.session import connected, nodes
from poser.cluster.settings import Place
from poser.config import Config
from poser.plugins import named as part
from poser.roster import registry_of


@dataclass(frozen=True)
class Survey:
    """The nodes of a cluster, the places of a config, the nodes on which the replicas of each would stand, and what
    cannot be met, a line each."""

    nodes: tuple[Node, ...]
    places: tuple[Place, ...]
    where: tuple[tuple[str, ...], ...]
    lacks: tuple[str, ...]

    def lines(self) -> list[str]:
        """For people."""
        lines = [f"node      {node.name}: {told(_own(node.has))}; free: {told(_own(node.free))}" for node in self.nodes]
        for k, (place, names) in enumerate(zip(self.places, self.where, strict=True)):
            at = ", ".join(f"{names.count(name)} on {name}" for name in dict.fromkeys(names)) or "nowhere"
            lines.append(f"place     {named(k, place)}: {told(place.demand)} each: {at}")
        return [*lines, *(f"LACKS     {lack}" for lack in self.lacks)]


def _own(amounts: Mapping[str, float]) -> dict[str, float]:
    """Resources that a place can ask for: not Ray's own about itself, nor bytes."""
    return {n: a for n, a in sorted(amounts.items()) if ":" not in n and n not in ("memory", "object_store_memory")}


def survey(config: Config) -> Survey:
    """Looks. Raises PoserError: no cluster, a place that names what is not there."""
    registry = registry_of(config)
    places = places_of(config.engine, registry, critics.load(*part(config.critic)))
    there = nodes(connected(config.engine))
    plan = planned(places, there)
    return Survey(tuple(there), places, plan.where, plan.lacks)
