"""The model beside what runs: episodes of the local engine and of a Ray cluster of two nodes, experts that only wait.

The workload and a driver's own seconds come from other episodes, whose experts do not wait; the seconds of calls and
loads are those that the experts are told. Everything is on loopback, and nothing of it is left running.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.reliability import world
from benchmarks.scale.placements import Workload
from benchmarks.scale.simulation import simulated
from benchmarks.scale.types import Machine, Model, Setup
from poser.agent import Poser
from poser.rollout import rollout
from poser.types import Task

CALL, PICTURE, LOAD, FITS = 0.1, 0.05, 0.4, 2
"""Seconds of a call, of each picture in it and of a load, and how many of the four experts fit on a device."""
EXPERT = """
import time
from experts.fake import FakeExpert

class Waiting(FakeExpert):
    def __init__(self, card, call, picture):
        super().__init__(card)
        self.call, self.picture = call, picture

    def __call__(self, requests):
        time.sleep(self.call + self.picture * len(requests))
        return super().__call__(requests)

def load(settings, context):
    time.sleep(settings["load"])
    return Waiting(context.card, settings["call"], settings["picture"])
"""
DRAWS = 20
"""Workloads that a prediction is the mean of."""
HERE = ((1, 10), (4, 24), (16, 48))
"""Seats and episodes on the local engine."""
RAY = ((2, True), (2, False), (4, False))
"""Workers and whether groups stay whole, 16 seats and 32 episodes."""


def _preset(folder: Path, call: float, picture: float, load: float) -> Path:
    file = world.preset(folder)
    (folder / "expert.py").write_text(EXPERT)
    told = file.read_text().replace("{seconds: 0.0}", f"{{call: {call}, picture: {picture}, load: {load}}}")
    told = told.replace("description: Fake.", f"description: Fake., vram_gib: 1, seconds: {max(picture, 0.001)}")
    file.write_text(told.replace("policy: greedy", f"policy: random\nmemory: {{vram_gib: {FITS}.5}}"))
    return file


def _played(agent: Poser, episodes: int, seats: int, seed: int) -> tuple[list[tuple[str, ...]], float]:
    """The experts that each episode asked, and the seconds of all."""
    tasks = [Task(world.PROMPT, seed=seed + k) for k in range(episodes)]
    start = time.perf_counter()
    found = list(rollout(agent.mdp, agent.policy, tasks, seats=seats))
    seconds = time.perf_counter() - start
    return [tuple(s.action.expert for s in one.steps if s.action.expert) for _, one in found], seconds


@contextlib.contextmanager
def _agent(seconds: Sequence[float], **engine: Any) -> Iterator[Poser]:
    with tempfile.TemporaryDirectory() as folder:
        agent = Poser.from_pretrained(_preset(Path(folder), *seconds), overrides={"engine": engine} if engine else None)
        try:
            yield agent
        finally:
            if engine:
                agent.close(0)
                time.sleep(1)  # until its room is free


def row(name: str, setup: Setup, work: Workload, measured: tuple[list[tuple[str, ...]], float]) -> dict[str, Any]:
    """Pictures a second as predicted and as measured."""
    scripts, seconds = measured
    found = [simulated(setup, work.scripts(len(scripts), seed)) for seed in range(DRAWS)]
    predicted = statistics.mean(one.pictures / one.seconds for one in found)
    real = sum(map(len, scripts)) / seconds
    return {
        "engine": name,
        "workers": len(setup.workers),
        "seats": setup.seats,
        "whole": setup.whole,
        "episodes": len(scripts),
        "pictures": sum(map(len, scripts)),
        "seconds": round(seconds, 2),
        "step_ms": round(1000 * setup.step, 2),
        "measured": round(real, 3),
        "predicted": round(predicted, 3),
        "error": round(predicted / real - 1, 4),
    }


def _models() -> Mapping[str, Model]:
    names = ("draw-1", "draw-2", "tint-1", "tint-2")
    return {name: Model(name, PICTURE, CALL, gib=1.0, load=LOAD) for name in names}


def _setup(workers: int, seats: int, whole: bool, step: float) -> Setup:
    machine = Machine(room=FITS + 0.5, ram=FITS + 0.5, separate=False)
    return Setup(_models(), (tuple(_models()),) * workers, seats=seats, whole=whole, machine=machine, step=step)


def _step(agent: Poser, episodes: int, seats: int) -> tuple[Workload, float]:
    """What is asked, and a driver's seconds for each episode and step, where no expert waits."""
    _played(agent, 4, seats, 5000)
    scripts, seconds = _played(agent, episodes, seats, 6000)
    return Workload.of(scripts), seconds / sum(map(len, scripts))


def here() -> list[dict[str, Any]]:
    """Rows of the local engine."""
    rows = []
    for seats, episodes in HERE:
        with _agent((0, 0, 0)) as quick:
            work, step = _step(quick, 48, seats)
        with _agent((CALL, PICTURE, LOAD)) as agent:
            rows.append(row("here", _setup(1, seats, True, step), work, _played(agent, episodes, seats, 0)))
    return rows


def ray(seats: int = 16, episodes: int = 32) -> list[dict[str, Any]]:
    """Rows of two nodes of two CPUs, on which workers take half a CPU."""
    from tests.poser.cluster.loopback import cluster

    rows = []
    with cluster() as found:
        for workers, whole in RAY:
            places = [{"replicas": workers, "cpus": 0.5}, {"critic": True, "cpus": 0}]
            engine = {"name": "ray", "address": found.address, "places": places, "reproducible": whole}
            with _agent((0, 0, 0), **engine) as quick:
                work, step = _step(quick, 48, seats)
            with _agent((CALL, PICTURE, LOAD), **engine) as agent:
                rows.append(row("ray", _setup(workers, seats, whole, step), work, _played(agent, episodes, seats, 0)))
    return rows
