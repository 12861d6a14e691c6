"""An agent's models in Ray actors: the registry and the critic that stand for them in the driver.

Config and ids travel, and each worker builds its own pool, memory and critic of them. The driver keeps policy,
planning, process, stored results, ledger, and what asks a service.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experts.failures import hint, plain_line
from experts.registry import Entry, Registry
from experts.types import Card, Expert, Failure, Job, Request, Result
from poser.cluster import placing
from poser.cluster.about import About, about, differences
from poser.cluster.pictures import register
from poser.cluster.replicas import Lost, Replica, Replicas, Work
from poser.cluster.session import connected, nodes
from poser.cluster.settings import Engine, Place
from poser.config import Config
from poser.plugins import requirements_of
from poser.protocols import Critic
from poser.types import Critique, Look, PoserError
from poser.verdicts import blank

CONCURRENT = 32
"""Calls that a worker takes at once; its pool lines them up, so that it knows which expert is needed next."""
BEGIN = 300.0
"""Seconds in which a worker whose place is free has to begin: it imports packages, and loads no weights."""


@dataclass(eq=False)
class RayExpert:
    """An expert that stands elsewhere; several threads may call it at once."""

    card: Card
    replicas: Replicas
    among: tuple[Replica, ...]

    def __call__(self, requests: Sequence[Request]) -> list[Result]:
        """Same length and order; what is lost is a `Failure`."""
        card = self.card
        work = Work("draw", card.id, f"expert {card.id}", card.seconds, card.vram_gib)
        answers = self.replicas.ask(self.among, work, [Job(card.id, request) for request in requests])
        return [
            Result(failure=Failure(one.kind, one.words, one.retry_after)) if isinstance(one, Lost) else one
            for one in answers
        ]


@dataclass(frozen=True)
class RayCritic:
    """A critic that stands elsewhere. What is lost has no verdict (NaN)."""

    id: str
    replicas: Replicas
    among: tuple[Replica, ...]

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """Same length and order."""
        answers = self.replicas.ask(self.among, Work("judge", "critic"), looks)
        return [
            dataclasses.replace(blank(look, f"no verdict ({one.words})"), critic=self.id)
            if isinstance(one, Lost)
            else one
            for look, one in zip(looks, answers, strict=True)
        ]


@dataclass(frozen=True)
class Standing:
    """Workers that were begun; it travels, so that several drivers may ask them.

    Attributes:
        places: theirs, with the experts by name; handles: the actors of each place.
        told: what each says of itself, by its name: 'PLACE.NUMBER'.
    """

    places: tuple[Place, ...]
    handles: tuple[tuple[Any, ...], ...]
    told: Mapping[str, About]


@dataclass(frozen=True)
class Joined:
    """What stands in the driver for models elsewhere.

    Attributes:
        registry, critic: proxies, and what stays here.
        workers: all of them, and how they are asked; standing: what another driver needs to ask them.
    """

    registry: Registry
    critic: Critic
    workers: tuple[Replica, ...]
    replicas: Replicas
    standing: Standing

    def close(self, grace: float = 20.0) -> None:
        """Ends the workers, at the latest after `grace` seconds in which calls may end."""
        self.replicas.end(self.workers, grace)


def places_of(engine: Engine, registry: Registry, critic: Critic) -> tuple[Place, ...]:
    """The places of a config, each with its experts by name; without any, one that holds all that can stand elsewhere.

    Raises PoserError: an expert that is not there or asks a service, no critic to hold.
    """
    movable = tuple(id for id, entry in registry.items() if not entry.remote and not entry.gone)
    asks = bool(requirements_of(critic).services)
    gpus = 1.0 if any(registry[id].card.vram_gib > 1 for id in movable) else 0.0
    found = engine.places or (Place(critic=not asks, replicas=0, gpus=gpus, experts=movable),)
    places = []
    for k, place in enumerate(found):
        experts = place.experts if place.experts is not None else () if place.critic else movable
        for id in experts:
            if id not in movable:
                known = id in registry
                why = (
                    "asks a service, and stays in the driver" if known else hint(id, movable, "experts of this config")
                )
                raise PoserError(f"engine.places.{k}.experts: {id!r}: {why}")
        if place.critic and asks:
            raise PoserError(f"engine.places.{k}.critic: the critic asks a service, and stays in the driver: drop it")
        places.append(place.model_copy(update={"experts": experts}))
    return tuple(places)


def begun(config: Config, registry: Registry, critic: Critic) -> Standing:
    """Begins the workers of a config.

    Raises PoserError: no cluster, a place that cannot be met, a worker that does not begin, versions that differ.
    """
    engine, places = config.engine, places_of(config.engine, registry, critic)
    ray = connected(engine)
    plan = placing.planned(places, nodes(ray))
    if plan.lacks and not engine.wait:
        raise PoserError(plan.lacks[0])
    handles = tuple(_begun(ray, config, place, len(plan.where[k])) for k, place in enumerate(places))
    named = {f"{k}.{n}": handle for k, group in enumerate(handles) for n, handle in enumerate(group)}
    told = _told(ray, named, engine)
    if differs := differences(about(registry, critic), told):
        for handle in named.values():
            ray.kill(handle)
        raise PoserError(f"engine: {differs[0]}; install the same everywhere, and the same weights")
    return Standing(places, handles, told)


def joined(config: Config, registry: Registry, critic: Critic, standing: Standing | None = None) -> Joined:
    """The proxies of a driver. `standing`: workers that another driver began; None: they are begun.

    Raises PoserError as `begun`.
    """
    standing = standing or begun(config, registry, critic)
    ray = connected(config.engine)
    register()
    groups = [
        [Replica(f"{k}.{n}", handle) for n, handle in enumerate(group)] for k, group in enumerate(standing.handles)
    ]
    replicas = Replicas(ray, config.engine.timeout, config.engine.reproducible)
    holding: dict[str, list[Replica]] = {}
    for place, group in zip(standing.places, groups, strict=True):
        for key in (*(place.experts or ()), *([""] if place.critic else [])):
            holding.setdefault(key, []).extend(group)
    judges = tuple(holding.pop("", ()))
    there = {id: _elsewhere(registry[id], standing.told, replicas, tuple(group)) for id, group in holding.items()}
    id = next((one.critic for one in standing.told.values() if one.critic), "")
    return Joined(
        Registry([there.get(id, entry) for id, entry in registry.items()]),
        RayCritic(id, replicas, judges) if judges else critic,
        tuple(worker for group in groups for worker in group),
        replicas,
        standing,
    )


def _begun(ray: Any, config: Config, place: Place, fits: int) -> tuple[Any, ...]:
    """The actors of a place."""
    from poser.cluster.worker import Worker

    data = config.model_copy(update={"engine": Engine(), "skills": None, "cache": None, "policy": "random"}).dump()
    options = {"num_cpus": place.cpus, "num_gpus": place.gpus, "resources": place.resources}
    calls = {"max_concurrency": CONCURRENT, "concurrency_groups": {"watch": 1}}
    actor = ray.remote(max_restarts=config.engine.restarts, **options, **calls)(Worker)
    share = place.gpus if 0 < place.gpus < 1 else 0.0
    count = place.replicas or max(1, fits)
    return tuple(actor.remote(data, place.experts, place.critic, share) for _ in range(count))


def _told(ray: Any, handles: Mapping[str, Any], engine: Engine) -> dict[str, About]:
    """What every worker says of itself, by its name. Raises PoserError: one did not begin."""
    found: dict[str, About] = {}
    refs = {name: handle.about.remote() for name, handle in handles.items()}
    for name, ref in refs.items():
        try:
            found[name] = ray.get(ref, timeout=engine.wait + BEGIN)
        except Exception as error:
            why = getattr(error, "cause", None) or error
            if isinstance(why, PoserError):
                raise why from None
            lines = [line for line in str(why).splitlines() if line.strip()]
            words = plain_line(f"{type(why).__name__}: {lines[-1] if lines else ''}", 200)
            raise PoserError(f"engine: worker {name} did not begin ({words}); try: poser doctor --engine") from None
    return found


def _elsewhere(entry: Entry, told: Mapping[str, About], replicas: Replicas, among: tuple[Replica, ...]) -> Entry:
    """The entry of an expert that these workers hold; where its weights are not here, its version is theirs."""
    card = entry.card
    theirs = {one.cards[card.id] for name, one in told.items() if card.id in one.cards and card.id not in one.lacks}
    if entry.missing() and theirs:
        card = dataclasses.replace(card, version=theirs.pop())
    expert: Expert = RayExpert(card, replicas, among)
    return dataclasses.replace(
        entry, card=card, load=lambda residency: expert, remote=True, needs=(), leaves={}, get=""
    )
