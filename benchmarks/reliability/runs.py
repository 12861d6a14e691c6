"""`poser run` that is stopped and resumed: it has to end as the uninterrupted one, file by file."""

from __future__ import annotations

import contextlib
import random
import re
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import poser.agent  # noqa: F401  (imported once for all forks)
import poser.policies.greedy
import poser.runs.report  # noqa: F401
from benchmarks.reliability import kills, world
from benchmarks.reliability.killing import Stop, Subject, at_each, at_random
from poser.cli import main, progress  # noqa: F401

USUAL = 200
SECONDS = 0.02
"""Of a call, so that kills fall into them too."""


def order(preset: Path, name: str, *more: str) -> kills.Work:
    """`poser run` of the world's prompt into the folder `name`."""
    return lambda: main(["run", world.PROMPT, "--preset", str(preset), "--seed", "5", "--quiet", "--out", name, *more])


def resume(name: str) -> kills.Work:
    """`poser run --resume`."""
    return lambda: main(["run", "--resume", name, "--quiet"])


def ended(preset: Path, home: Path, name: str, said: Path) -> int:
    """Resumes the run, or begins it once more where nothing was recorded; gives the exit code, 2 where it was over."""
    code = kills.run(resume(name), home, said)
    return kills.run(order(preset, name), home, said) if code == 2 else code


def told(folder: Path) -> dict[str, str | bytes]:
    """Every file of a run; of the texts, without the seconds and the folder's name, which no two runs share."""
    found: dict[str, str | bytes] = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(file.relative_to(folder))
        data = file.read_bytes()
        if file.suffix in (".jsonl", ".html", ".yaml"):
            text = re.sub(r'"seconds": [^,}]*', "", data.decode())
            text = re.sub(r"\b\d+\.\d+ s\b", "", text)
            found[name] = text.replace(folder.name, "NAME")
        else:
            found[name] = data
    return found


def differences(folder: Path, whole: Path) -> list[str]:
    """The files in which two runs differ."""
    one, other = told(folder), told(whole)
    return [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]


def trial(home: Path, preset: Path, name: str, stop: Stop, draws: random.Random, more: float) -> list[str]:
    """One run that `stop` stops, and perhaps its resumption too; gives what is wrong in the end."""
    said = home / f"{name}.said"
    stop(order(preset, name))
    while draws.random() < more:
        stop(resume(name) if (home / name / "trajectory.jsonl").exists() else order(preset, name))
    ended(preset, home, name, said)
    words = said.read_text(errors="replace")
    return differences(home / name, home / "whole") + (["traceback"] if "Traceback" in words else [])


@contextlib.contextmanager
def place(seconds: float = SECONDS) -> Any:
    """A folder with the world's preset, and the uninterrupted run in `whole`."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        preset = world.preset(home / "world", seconds)
        if kills.run(order(preset, "whole"), home, home / "whole.said") not in (0, 3):
            raise RuntimeError((home / "whole.said").read_text())
        yield home, preset


def measure(n: int, seed: int) -> dict[str, Any]:
    """`n` runs, each killed (SIGKILL) at a moment drawn over its length, half of the resumptions too."""
    killed, bad = at_random(Subject(place, order, trial), n, seed)
    return {
        "test": f"`poser run`, {n} runs killed at random moments, half of the resumptions too ({killed} kills)",
        "found": f"{n - len(bad)} of {n} end as the uninterrupted run, every file",
        "runs": n,
        "kills": killed,
        "bad": bad[:5],
    }


def every(step: int = 1) -> dict[str, Any]:
    """A run killed at every `step`-th of its file operations, without a wait in its calls."""
    count, tried, bad = at_each(Subject(partial(place, 0.0), order, trial), step)
    return {
        "test": f"`poser run` killed at each of {tried} file operations (of {count}), then resumed",
        "found": f"{tried - len(bad)} of {tried} end as the uninterrupted run, every file",
        "runs": tried,
        "bad": bad[:5],
    }
