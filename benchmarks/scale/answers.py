"""What a pool of so many GPUs would do with so many prompts, for every placement."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.scale import placements
from benchmarks.scale.placements import Workload
from benchmarks.scale.simulation import simulated
from benchmarks.scale.types import CRITIC, Machine, Model, Outcome, Setup
from experts.registry import Registry
from poser.cluster.settings import Place

TURNS = 2.5
"""Episodes that are simulated for each seat at most; what comes after them goes on at their steady rate."""
LEAST = 1000
"""Episodes that are simulated before anything is left out."""


@dataclass(frozen=True)
class Pool:
    """What is assumed.

    Attributes:
        models: with the critic; work: what is asked; machine: of a worker.
        seats: of a driver; share: GPUs for each driver.
        whole: a group goes to one worker; sending, step: as in `Setup`.
        hour: USD of a GPU and hour.
    """

    models: Mapping[str, Model]
    work: Workload
    machine: Machine
    seats: int = 32
    share: int = 8
    whole: bool = True
    sending: float = 0.0
    step: float = 0.0
    hour: float = 0.0

    def setup(self, workers: tuple[tuple[str, ...], ...], drivers: int | None = None) -> Setup:
        """For the simulation; `drivers`: None: one for each `share` GPUs."""
        count = drivers or -(-len(workers) // self.share)
        return Setup(self.models, workers, count, self.seats, self.whole, self.machine, self.sending, self.step)


def models_of(registry: Registry, seconds: float, gib: float) -> dict[str, Model]:
    """The experts of a registry as their cards declare them, and a critic of so many seconds a picture and GiB; an
    expert that asks a service is held by no worker."""
    cards = [entry.card for entry in registry.values() if not entry.gone]
    found = {card.id: Model(card.id, card.seconds, 0.0, card.vram_gib, 0.0, card.usd) for card in cards}
    return found | {CRITIC: Model(CRITIC, seconds, 0.0, gib)}


def even(registry: Registry, steps: Mapping[int, float]) -> Workload:
    """Every expert of a mode is asked as often as the others: what makes most switches."""
    cards = [entry.card for entry in registry.values() if not entry.gone]
    first, later = (
        {card.id: 1.0 for card in cards if card.mode == mode} for mode in ("text-to-image", "image-to-image")
    )
    return Workload(steps, first, later)


def options(pool: Pool, gpus: int) -> Iterator[tuple[str, tuple[Place, ...]]]:
    """Names and places; those for which there are too few GPUs are left out."""
    held = {name: model for name, model in pool.models.items() if not model.usd}
    demand = pool.work.demand(pool.models)
    yield "everything everywhere", placements.everywhere(held)
    for name, places in (
        ("what fits together", placements.together(held, demand, gpus, pool.machine.room)),
        ("one model a GPU", placements.alone(held, demand, gpus)),
    ):
        if places:
            yield name, places


def answered(
    pool: Pool, places: Sequence[Place], gpus: int, prompts: Sequence[int], drivers: int | None = None
) -> list[dict[str, Any]]:
    """Figures for each number of prompts."""
    setup = pool.setup(placements.workers(places, gpus), drivers)
    most = max(LEAST, int(TURNS * setup.drivers * setup.seats))
    rows: list[dict[str, Any]] = []
    known: dict[int, Outcome] = {}
    for count in prompts:
        played = min(count, most)
        found = known[played] = known.get(played) or simulated(setup, pool.work.scripts(played))
        seconds = found.seconds + (count - played) / found.rate
        times = count / played
        waits = sorted(found.waits)
        rows.append(
            {
                "gpus": gpus,
                "prompts": count,
                "simulated": played,
                "drivers": setup.drivers,
                "whole": setup.whole,
                "seconds": seconds,
                "an_hour": 3600 * count / seconds,
                "used": found.used,
                "wait_s": statistics.fmean(waits),
                "wait_95_s": waits[int(0.95 * (len(waits) - 1))],
                "stay_s": statistics.fmean(found.stays),
                "switches_a_prompt": found.switches / played,
                "loading": found.loading / max(1e-9, sum(found.busy)),
                "usd": gpus * seconds / 3600 * pool.hour + found.usd * times,
            }
        )
    return rows
