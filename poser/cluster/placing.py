"""Which worker stands on which machine: worked out beforehand, so that nothing waits for ever. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from poser.cluster.settings import Place

EPSILON = 1e-6
"""Below Ray's own resolution of a resource, 1e-4."""
Room = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Node:
    """A machine of the cluster: its name, what it has, and what of that nobody has taken."""

    name: str
    has: Mapping[str, float]
    free: Mapping[str, float]


@dataclass(frozen=True)
class Planned:
    """Where the replicas of each place would stand (names of nodes), and why the others cannot, a line each."""

    where: tuple[tuple[str, ...], ...]
    lacks: tuple[str, ...] = ()


def planned(places: Sequence[Place], nodes: Sequence[Node]) -> Planned:
    """First fit, the most demanding place first; places that take as many as there is room for come last."""
    room: Room = {node.name: dict(node.free) for node in nodes}
    where: list[list[str]] = [[] for _ in places]
    for k in sorted(range(len(places)), key=lambda k: (not places[k].replicas, -_share(places[k], nodes))):
        where[k] = _stand(places[k], places[k].replicas or _most(places[k], nodes), room)
    short = [k for k, place in enumerate(places) if len(where[k]) < (place.replicas or 1)]
    return Planned(tuple(map(tuple, where)), tuple(_lack(k, places[k], len(where[k]), nodes) for k in short))


def _share(place: Place, nodes: Sequence[Node]) -> float:
    """How much of the cluster's scarcest resource one replica takes, [0, 1]."""
    totals = {name: sum(node.has.get(name, 0.0) for node in nodes) for name in place.demand}
    return max((amount / totals[name] if totals[name] else 1.0 for name, amount in place.demand.items()), default=0.0)


def _most(place: Place, nodes: Sequence[Node]) -> int:
    """Replicas of a place that asks for as many as there is room for: one for each GPU (or part), else one a node."""
    if place.gpus:
        return max(1, sum(int(node.has.get("GPU", 0.0) / place.gpus + EPSILON) for node in nodes))
    return max(1, sum(_fits(place.demand, node.has) for node in nodes))


def _stand(place: Place, count: int, room: Room) -> list[str]:
    """The nodes of up to `count` replicas, whose room they take: evenly over the nodes, the roomiest first."""
    names: list[str] = []

    def order(name: str) -> tuple[int, float]:
        return names.count(name), -min((room[name][r] - a for r, a in place.demand.items()), default=0.0)

    while len(names) < count:
        name = min((name for name in room if _fits(place.demand, room[name])), key=order, default=None)
        if name is None:
            break
        for resource, amount in place.demand.items():
            room[name][resource] -= amount
        names.append(name)
    return names


def _fits(demand: Mapping[str, float], room: Mapping[str, float]) -> bool:
    return all(room.get(name, 0.0) >= amount - EPSILON for name, amount in demand.items())


def told(amounts: Mapping[str, float]) -> str:
    """'1 CPU, 0.25 GPU'; 'nothing'."""
    return ", ".join(f"{amount:g} {name}" for name, amount in amounts.items()) or "nothing"


def named(k: int, place: Place) -> str:
    """'places[0] (flux-dev, sdxl, critic)'."""
    held = [*(place.experts or ()), *(["critic"] if place.critic else [])]
    return f"places[{k}] ({', '.join(held[:3])}{', ...' if len(held) > 3 else ''})"


def _lack(k: int, place: Place, found: int, nodes: Sequence[Node]) -> str:
    """What a place asks for that the cluster has not, or has not free."""
    count = place.replicas or 1
    empty = len(_stand(place, count, {node.name: dict(node.has) for node in nodes}))
    most = {name: max((node.has.get(name, 0.0) for node in nodes), default=0.0) for name in place.demand}
    why = "others have taken the rest" if empty == count else f"{len(nodes)} nodes have at most {told(most)} each"
    asked = f"{count} x {told(place.demand)}"
    return f"engine: {named(k, place)} asks for {asked} and {found} of {count} fit: {why}; ask for less, or add nodes"
