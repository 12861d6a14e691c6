"""`poser run` and `poser train`, killed at every file operation."""

from __future__ import annotations

from typing import Any

from benchmarks.reliability import runs, trainings

USUAL = 1


def measure(n: int, seed: int) -> dict[str, Any]:
    """Every `n`-th file operation of a short run and of a short training."""
    parts = {"run": runs.every(n), "train": trainings.every(n)}
    return {
        "test": "; ".join(str(part["test"]) for part in parts.values()),
        "found": "; ".join(str(part["found"]) for part in parts.values()),
        **parts,
    }
