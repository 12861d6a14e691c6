"""`poser train` that is stopped and resumed: weights, log and recorded episodes have to be the uninterrupted ones."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import poser.learning.evaluate
import poser.learning.train  # noqa: F401  (imported once for all forks)
from benchmarks.reliability import kills, world
from benchmarks.reliability.killing import Stop, Subject, at_each, at_random
from experts.files import write_whole
from poser.cli import main

USUAL = 50
SCORES = "scores.json"
SIZES = ("total_timesteps=48", "n_envs=4", "learning_starts=12", "hidden_size=8", "batch_size=8")


def order(preset: Path, name: str) -> kills.Work:
    """A short `poser train` into the folder `name`; it probes first where the preset's folder holds no scores."""
    words = ["train", "--preset", str(preset), "--out", name, "--eval-freq", "16", "--n-eval-tasks", "2", "--quiet"]
    words += [word for size in SIZES for word in ("--train-config", size)]
    scores = preset.parent / SCORES
    return lambda: _quickly([*words, *(("--skill-scores", str(scores)) if scores.exists() else ())])


def resume(name: str) -> kills.Work:
    """`poser train --resume`, which reads its own settings."""
    return lambda: _quickly(["train", "--out", name, "--resume", "--quiet"])


def _quickly(words: list[str]) -> int:
    """The command, whose curve is a file like any other, and not drawn: that takes longer than the training."""
    from poser.learning import evaluate

    def drawn(rows: Any, path: Path, title: str = "") -> Path:
        write_whole(path, repr(len(rows)).encode())
        return path

    evaluate.draw_curve = drawn
    return main(words)


def ended(preset: Path, home: Path, name: str, said: Path) -> int:
    """Resumes the training, or begins it once more where nothing was written."""
    code = kills.run(resume(name), home, said)
    return kills.run(order(preset, name), home, said) if code == 2 else code


def told(folder: Path) -> dict[str, Any]:
    """What a training leaves, without the seconds, which no two runs share; the curve and the checkpoint by name."""
    found: dict[str, Any] = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = re.sub(r"checkpoint/\d+", "checkpoint/N", str(file.relative_to(folder)))
        data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        if file.suffix in (".gz", ".jsonl", ".json") and "checkpoint" not in name:
            text = re.sub(r'"(seconds|time)": ?[^,}\]]*', "", data.decode())
            found[name] = text.replace(folder.name, "NAME")
        else:
            found[name] = data if file.name == "policy.safetensors" or name.endswith("model.safetensors") else b""
    return found


def differences(folder: Path, whole: Path) -> list[str]:
    """The files in which two trainings differ."""
    one, other = told(folder), told(whole)
    return [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]


def readable(folder: Path) -> bool:
    """Whether a policy that is there can be loaded: it is never half new."""
    from poser.learned import policy_file
    from poser.types import PoserError

    try:
        policy_file.load(folder)
    except PoserError as error:
        return "there is no policy.json" in str(error)
    return True


def trial(home: Path, preset: Path, name: str, stop: Stop, draws: random.Random, more: float) -> list[str]:
    """One training that `stop` stops, and perhaps its resumption too; gives what is wrong in the end."""
    said = home / f"{name}.said"
    stop(order(preset, name))
    wrong = [] if readable(home / name) else ["half a policy"]
    while draws.random() < more:
        stop(resume(name) if (home / name / "settings.json").exists() else order(preset, name))
        wrong += [] if readable(home / name) else ["half a policy"]
    ended(preset, home, name, said)
    words = said.read_text(errors="replace")
    return wrong + differences(home / name, home / "whole") + (["traceback"] if "Traceback" in words else [])


@contextmanager
def place(seconds: float = 0.0) -> Iterator[tuple[Path, Path]]:
    """A folder with the world's preset and its experts' scores, and the uninterrupted training in `whole`."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        preset = world.preset(home / "world", seconds)
        scores = str(preset.parent / SCORES)
        kills.run(lambda: main(["probe", "--preset", str(preset), "--calls", "1", "--out", scores]), home)
        if kills.run(order(preset, "whole"), home, home / "whole.said"):
            raise RuntimeError((home / "whole.said").read_text())
        yield home, preset


def measure(n: int, seed: int) -> dict[str, Any]:
    """`n` trainings, each killed (SIGKILL) at a moment drawn over its length, half of the resumptions too."""
    killed, bad = at_random(Subject(place, order, trial), n, seed)
    return {
        "test": f"`poser train`, {n} trainings killed at random moments, half of the resumptions too ({killed} kills)",
        "found": f"{n - len(bad)} of {n} end as the uninterrupted one: weights, log, recorded episodes",
        "runs": n,
        "kills": killed,
        "bad": bad[:5],
    }


def every(step: int = 1) -> dict[str, Any]:
    """A training killed at every `step`-th of its file operations."""
    count, tried, bad = at_each(Subject(place, order, trial), step)
    return {
        "test": f"`poser train` killed at each of {tried} file operations (of {count}), then resumed",
        "found": f"{tried - len(bad)} of {tried} end as the uninterrupted one: weights, log, episodes",
        "runs": tried,
        "bad": bad[:5],
    }
