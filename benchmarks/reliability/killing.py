"""Something that is killed again and again and has to end as if nothing had happened: at random, or at each step."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.reliability import kills

Stop = Callable[[kills.Work], int]
Wrong = list[tuple[str, list[str]]]
"""Names of trials, with what was wrong in the end."""


class Subject(NamedTuple):
    """What is killed.

    Attributes:
        place: a folder with a preset, and the uninterrupted one in `whole`.
        order: (preset, name) -> the work that makes the folder `name`.
        trial: (home, preset, name, stop, draws, more) -> what is wrong after `stop` stopped it, its resumption too with
            probability `more`, and it was resumed to its end.
    """

    place: Callable[[], AbstractContextManager[tuple[Path, Path]]]
    order: Callable[[Path, str], kills.Work]
    trial: Callable[[Path, Path, str, Stop, random.Random, float], list[str]]


def at_random(subject: Subject, n: int, seed: int) -> tuple[int, Wrong]:
    """`n` trials, each killed (SIGKILL) at a moment drawn over its length, half of the resumptions too.

    Gives the number of kills, and the trials that went wrong.
    """
    draws, bad, killed = random.Random(seed), Wrong(), 0
    with subject.place() as (home, preset):
        start = time.monotonic()
        kills.run(subject.order(preset, "timed"), home)
        length = time.monotonic() - start

        def stop(work: kills.Work) -> int:
            nonlocal killed
            code = kills.stopped(work, draws.uniform(0, length), home)
            killed += code == -signal.SIGKILL
            return code

        for k in range(n):
            wrong = subject.trial(home, preset, f"r{k:04d}", stop, draws, 0.5)
            bad += [(f"r{k:04d}", wrong)] if wrong else []
    return killed, bad


def at_each(subject: Subject, step: int) -> tuple[int, int, Wrong]:
    """Killed at every `step`-th of its file operations.

    Gives how many operations there are, how many of them were tried, and the trials that went wrong.
    """
    bad = Wrong()
    with subject.place() as (home, preset):
        count = kills.operations(subject.order(preset, "counted"), home)
        places = range(1, count + 1, step)
        for k in places:
            stop = partial(kills.killed_at, k=k, folder=home)
            wrong = subject.trial(home, preset, f"k{k:04d}", stop, random.Random(0), 0.0)
            bad += [(f"k{k:04d}", wrong)] if wrong else []
    return count, len(places), bad
