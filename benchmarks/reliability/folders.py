"""Two processes on one folder."""

from __future__ import annotations

from typing import Any

from benchmarks.reliability import kills, runs

USUAL = 20


def measure(n: int, seed: int) -> dict[str, Any]:
    """`n` pairs of runs that begin at once, each pair with one --out: one is carried out, the other refused."""
    good = 0
    with runs.place() as (home, preset):
        for k in range(n):
            said = [home / f"pair{k:03d}-{side}.said" for side in "ab"]
            pair = [kills.begun(runs.order(preset, f"pair{k:03d}"), home, file) for file in said]
            codes = sorted(kills.ended(process) for process in pair)
            lines = sorted(file.read_text().count("poser: ") for file in said)
            same = not runs.differences(home / f"pair{k:03d}", home / "whole")
            good += codes in ([0, 2], [2, 3]) and lines == [0, 1] and same
    return {
        "test": f"{n} pairs of `poser run` with one --out, begun at once",
        "found": f"{good} of {n}: one is carried out whole, the other is refused in one line, exit code 2",
        "pairs": n,
    }
