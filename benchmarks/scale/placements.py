"""Which models stand where: the ways that are compared, as places of a config."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.scale.types import CRITIC, Model
from poser.cluster.placing import Node, planned
from poser.cluster.settings import Place

A_NODE = 8
"""GPUs of a machine."""


@dataclass(frozen=True)
class Workload:
    """What prompts ask for: how often an episode has so many steps, and how often its first and its later steps go to
    each expert (weights of any sum)."""

    steps: Mapping[int, float]
    first: Mapping[str, float]
    later: Mapping[str, float]

    def scripts(self, count: int, seed: int = 0) -> Iterator[tuple[str, ...]]:
        """So many episodes, each as the experts that its steps ask."""
        draws = random.Random(seed)
        lengths = draws.choices([*self.steps], [*self.steps.values()], k=count)
        for length in lengths:
            later = draws.choices([*self.later], [*self.later.values()], k=length - 1) if length > 1 else []
            yield tuple(draws.choices([*self.first], [*self.first.values()]) + later)

    @classmethod
    def of(cls, scripts: Sequence[Sequence[str]]) -> Workload:
        """That of episodes which were played."""
        steps: dict[int, float] = {}
        first: dict[str, float] = {}
        later: dict[str, float] = {}
        for script in (script for script in scripts if script):
            steps[len(script)] = steps.get(len(script), 0) + 1
            first[script[0]] = first.get(script[0], 0) + 1
            for name in script[1:]:
                later[name] = later.get(name, 0) + 1
        return cls(steps, first, later)

    def demand(self, models: Mapping[str, Model]) -> dict[str, float]:
        """Seconds of each model that an episode needs on average."""
        of = sum(self.steps.values())
        length = sum(steps * weight for steps, weight in self.steps.items()) / of
        asked = {name: weight / sum(self.first.values()) for name, weight in self.first.items()}
        for name, weight in self.later.items():
            asked[name] = asked.get(name, 0.0) + (length - 1) * weight / sum(self.later.values())
        asked[CRITIC] = length
        return {name: asked.get(name, 0.0) * model.seconds for name, model in models.items()}


def everywhere(models: Mapping[str, Model]) -> tuple[Place, ...]:
    """One kind of worker that holds everything, one a GPU: what `engine: ray` does without places."""
    return (_place([*models], 0),)


def together(models: Mapping[str, Model], demand: Mapping[str, float], gpus: int, room: float) -> tuple[Place, ...]:
    """Models that fit on one GPU together, GPUs in proportion to what is asked; () where there are too few GPUs."""
    bins: list[list[str]] = []
    for name in sorted(models, key=lambda name: -models[name].gib):
        fits = [names for names in bins if sum(models[one].gib for one in (*names, name)) <= room]
        if fits:
            min(fits, key=lambda names: sum(demand[one] for one in names)).append(name)
        else:
            bins.append([name])
    return _places(bins, demand, gpus)


def alone(models: Mapping[str, Model], demand: Mapping[str, float], gpus: int) -> tuple[Place, ...]:
    """A model a GPU, GPUs in proportion to what is asked; () where there are too few GPUs."""
    return _places([[name] for name in models], demand, gpus)


def _places(groups: Sequence[Sequence[str]], demand: Mapping[str, float], gpus: int) -> tuple[Place, ...]:
    if gpus < len(groups):
        return ()
    weights = [sum(demand[name] for name in group) for group in groups]
    counts = [1] * len(groups)
    for _ in range(gpus - len(groups)):
        counts[max(range(len(groups)), key=lambda k: weights[k] / counts[k])] += 1
    return tuple(_place(group, count) for group, count in zip(groups, counts, strict=True))


def _place(names: Sequence[str], replicas: int) -> Place:
    experts = tuple(name for name in names if name != CRITIC)
    return Place(experts=experts, critic=CRITIC in names, replicas=replicas, gpus=1)


def workers(places: Sequence[Place], gpus: int) -> tuple[tuple[str, ...], ...]:
    """What each worker holds, on machines of 8 GPUs (the last may have fewer), as the driver of a cluster places them.

    Raises ValueError: a place for which there is no room.
    """
    sizes = [min(A_NODE, gpus - k) for k in range(0, gpus, A_NODE)]
    nodes = [
        Node(str(k), {"CPU": 16.0 * n, "GPU": float(n)}, {"CPU": 16.0 * n, "GPU": float(n)})
        for k, n in enumerate(sizes)
    ]
    plan = planned(places, nodes)
    if plan.lacks:
        raise ValueError(plan.lacks[0])
    held = [(*(place.experts or ()), *([CRITIC] if place.critic else [])) for place in places]
    return tuple(names for names, where in zip(held, plan.where, strict=True) for _ in where)
