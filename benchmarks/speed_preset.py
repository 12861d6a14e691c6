"""The embedded preset: its experts alone and in batches, a whole run, the share of orchestration, the shell."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median
from typing import Any

import numpy as np
from tqdm import tqdm

from experts.poster.requests import trial
from experts.poster.tasks import EDITS, KINDS
from experts.types import Job, Request

DEMO = (
    "A poster with a big red star in the center and a small blue circle at the bottom left on a yellow background. "
    "Make the star green. Add a small black heart at the top right. Change the background to white."
)


def experts(pool: Any, names: list[str], repeats: int) -> dict[str, dict[str, float]]:
    """Seconds an image at default steps: alone, and in a batch of 16; medians over `repeats`."""
    figures = {}
    for name in tqdm(names, desc="experts", disable=None):
        kinds = KINDS if pool.registry[name].card.mode == "text-to-image" else EDITS
        rng = np.random.default_rng(7)
        trials = [trial(rng, kinds[k % len(kinds)], "test") for k in range(16)]

        def jobs(count: int, base: int, name: str = name, trials: list = trials) -> list[Job]:
            return [
                Job(name, Request(t.prompt, (t.image,) if t.image else (), size=(96, 96), seed=base + k))
                for k, t in enumerate(trials[:count])
            ]

        pool.run(jobs(1, 0))  # loads
        alone, batched = [], []
        for turn in range(repeats):
            alone.append(_timed(lambda turn=turn: pool.run(jobs(1, 100 * turn))))
            batched.append(_timed(lambda turn=turn: pool.run(jobs(16, 100 * turn))) / 16)
        figures[name] = {"alone": round(median(alone), 4), "batch_of_16": round(median(batched), 4)}
    return figures


def _timed(call: Any) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def whole_run(poser: Any, repeats: int) -> dict[str, float]:
    """Seconds of the 4-command demo after loading, and orchestration time over expert plus critic time."""
    poser(DEMO, seed=0)  # loads
    walls, shares = [], []
    for seed in range(1, repeats + 1):
        start = time.perf_counter()
        out = poser(DEMO, seed=seed)
        wall = time.perf_counter() - start
        models = out.trajectory.steps[-1].after.spent.seconds
        walls.append(wall)
        shares.append((wall - models) / models)
    return {"seconds": round(median(walls), 3), "orchestration_share": round(median(shares), 4)}


def shell(repeats: int) -> dict[str, float]:
    """Wall seconds of commands that load no model; medians."""
    figures = {}
    for name, arguments in (("poser --help", ["--help"]), ("poser experts", ["experts"])):
        command = [sys.executable, "-m", "poser", *arguments]
        times = [_timed(lambda c=command: subprocess.run(c, capture_output=True, check=True)) for _ in range(repeats)]
        figures[name] = round(median(times), 3)
    return figures


def figures(repeats: int) -> dict[str, Any]:
    """All of it."""
    from poser.agent import Poser

    poser = Poser.from_pretrained("poster")
    return {
        "shell": shell(repeats),
        "seconds_an_image": experts(poser.mdp.pool, list(poser.registry), repeats),
        "demo_run": whole_run(poser, repeats),
    }


def lines(found: dict[str, Any]) -> list[str]:
    """For the terminal."""
    said = [f"{name:34} {seconds:.2f} s   (limit 0.5)" for name, seconds in found["shell"].items()]
    for name, row in found["seconds_an_image"].items():
        alone, batch = row["alone"], row["batch_of_16"]
        said.append(f"{name:34} {alone:.2f} s alone (limit 1), {batch:.3f} s in a batch of 16 (limit 0.25)")
    demo = found["demo_run"]
    said.append(f"{'4-command run':34} {demo['seconds']:.1f} s (limit 20)")
    said.append(f"{'orchestration / (experts + critic)':34} {demo['orchestration_share']:.3f} (limit 0.05)")
    return said
