"""Measurements of a training run to a tracker, beside the log in its folder: Weights & Biases, or trackio.

Both have the same functions (`init`, `log`, `finish`); where they write and with which key is theirs to say
(WANDB_MODE, WANDB_API_KEY, TRACKIO_DIR).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from poser.types import PoserError

TRACKERS = ("wandb", "trackio")
PROJECT = "poser"


@contextmanager
def tracked(name: str, run: str, config: Mapping[str, Any]) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Gives a function that logs a row of measurements, its 'calls' as the step; '' tracks nothing.

    Args:
        name: one of `TRACKERS`, or ''.
        run: the run's name there; config: what it was given.

    Raises `PoserError` for another tracker, or one that is not installed or refuses.
    """
    if not name:
        yield lambda row: None
        return
    if name not in TRACKERS:
        raise PoserError(f"no tracker {name!r}; give {' or '.join(TRACKERS)}")
    try:
        tracker = importlib.import_module(name)
    except ModuleNotFoundError:
        raise PoserError(f"{name} is not installed; type: pip install {name}, or leave out --track") from None
    try:
        tracker.init(project=PROJECT, name=run, config=dict(config))
    except Exception as error:  # a service's own errors, of any kind
        raise PoserError(f"{name} does not begin a run ({error!s:.160}); leave out --track") from None
    try:
        yield lambda row: tracker.log({k: v for k, v in row.items() if k != "calls"}, step=int(row["calls"]))
    finally:
        tracker.finish()
