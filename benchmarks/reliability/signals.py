"""Ctrl-C and SIGTERM at random moments of `poser run` and `poser train`: a report, and a folder to go on with."""

from __future__ import annotations

import random
import signal
import time
from typing import Any

from benchmarks.reliability import kills, runs, trainings

USUAL = 20
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def measure(n: int, seed: int) -> dict[str, Any]:
    """`n` runs and `n` trainings, half of them with each signal."""
    draws, bad = random.Random(seed), list[tuple[str, Any]]()
    for part, kept in ((runs, "trajectory.jsonl"), (trainings, "checkpoint")):
        with part.place() as (home, preset):
            start = time.monotonic()
            kills.run(part.order(preset, "timed"), home)
            length = time.monotonic() - start
            for k in range(n):
                number, name = list(CODES)[k % 2], f"{kept[:2]}{k:03d}"
                said = home / f"{name}.said"
                code = kills.stopped(part.order(preset, name), draws.uniform(0.1, length), home, number, said)
                wrong: Any = [] if code in (CODES[number], 0, 3) else [f"exit code {code}"]
                begun = kept == "trajectory.jsonl" and (home / name / kept).exists()
                wrong += ["no report"] if begun and not (home / name / "report.html").exists() else []
                part.ended(preset, home, name, said)
                wrong += part.differences(home / name, home / "whole")
                wrong += ["traceback"] if "Traceback" in said.read_text(errors="replace") else []
                bad += [(name, wrong)] if wrong else []
    return {
        "test": f"Ctrl-C or SIGTERM at random moments of {n} runs and {n} trainings, then resumed",
        "found": f"{2 * n - len(bad)} of {2 * n}: a report of what was done, and the end of the uninterrupted one",
        "bad": bad[:5],
    }
