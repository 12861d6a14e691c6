"""What every benchmark writes: figures with the command, versions, machine and seed that made them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from poser.versions import versions

RESULTS = Path(__file__).parent / "results"


def _commit() -> str:
    try:
        asked = ["git", "rev-parse", "--short", "HEAD"]
        return subprocess.run(
            asked, capture_output=True, text=True, cwd=Path(__file__).parent, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def with_origin(figures: dict[str, Any], module: str) -> dict[str, Any]:
    """The figures, preceded by what is needed to repeat them."""
    command = " ".join(["python -m", module, *sys.argv[1:]])
    machine = {"processor": platform.machine(), "cores": os.cpu_count(), "platform": platform.system()}
    return {"command": command, "commit": _commit(), "versions": versions(), "machine": machine} | figures


def save(name: str, figures: dict[str, Any]) -> Path:
    """Writes `benchmarks/results/NAME.json`, whole or not at all."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(figures, indent=1) + "\n")
    part.replace(path)
    return path
