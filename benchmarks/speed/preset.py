"""The embedded preset: its experts alone and in batches, a whole run, the share of orchestration, the shell."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from benchmarks._results import table, track
from benchmarks.experts import jobs, kinds_of
from experts.poster.requests import trial

DEMO = (
    "A poster with a big red star in the center and a small blue circle at the bottom left on a yellow background. "
    "Make the star green. Add a small black heart at the top right. Change the background to white."
)


def experts(pool: Any, names: list[str], repeats: int) -> dict[str, dict[str, float]]:
    """Seconds an image at default steps: alone, and in a batch of 16; medians over `repeats`."""
    found = {}
    for name in track(names, "experts"):
        kinds, rng = kinds_of(pool.registry[name].card), np.random.default_rng(7)
        trials = [trial(rng, kinds[k % len(kinds)], "test") for k in range(16)]
        pool.run(jobs(name, trials[:1]))  # loads
        alone, batched = [], []
        for turn in range(repeats):
            alone.append(_timed(partial(pool.run, jobs(name, trials[:1], 100 * turn))))
            batched.append(_timed(partial(pool.run, jobs(name, trials, 100 * turn))) / 16)
        found[name] = {"alone": round(median(alone), 4), "batch_of_16": round(median(batched), 4)}
    return found


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


def page(found: Mapping[str, Any]) -> str:
    """Seconds an image, a run, the shell."""
    rows = [[f"`{n}`", f"{r['alone']:.2f}", f"{r['batch_of_16']:.3f}"] for n, r in found["seconds_an_image"].items()]
    demo = found["demo_run"]
    return (
        f"On {found['machine']['cores']} CPU cores, at default steps:\n\n"
        + table(["expert", "one call, s (limit 1)", "batch of 16, s an image (limit 0.25)"], rows)
        + f"\n\nThe four-command run takes {demo['seconds']:.1f} s after loading (limit 20); orchestration adds "
        f"{100 * demo['orchestration_share']:.1f} % to experts and critic (limit 5 %). "
        + ", ".join(f"`{name}` {seconds:.2f} s" for name, seconds in found["shell"].items())
        + " (limit 0.5 s)."
    )
