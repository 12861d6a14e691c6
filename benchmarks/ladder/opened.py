"""The register of test seeds: each may be opened once, `opened.json` beside this file says by what and at which commit.

Design is done on validation tasks. A test seed is opened when the code is frozen; a run that was cut off goes on in the
folder in which it was begun, and nobody else may use the seed again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experts.files import write_whole
from poser.types import PoserError

REGISTER = Path(__file__).parent / "opened.json"
CLAIM = "opened.json"
"""In the folder of the run: what it opened."""


def read(register: Path = REGISTER) -> list[dict[str, Any]]:
    """Every entry: 'seed', 'why', and for one that `opened` wrote the command, the commit and what was measured."""
    entries: list[dict[str, Any]] = json.loads(register.read_text("utf-8"))
    return entries


def opened(seed: int, about: Mapping[str, Any], folder: Path, register: Path = REGISTER) -> dict[str, Any]:
    """Writes the seed into the register, or finds it there as this folder's own run, which is not finished.

    Args:
        about: what is measured with it: tasks, classes, seeds, calls, rungs. It must not change when a run goes on.
        folder: of the run.

    Raises `PoserError` for a seed that was used, or is used for something else.
    """
    wanted = {"seed": seed, **json.loads(json.dumps(about))}
    entries, claim = read(register), folder / CLAIM
    same = [entry for entry in entries if entry["seed"] == seed]
    if same:
        own = json.loads(claim.read_text("utf-8")) if claim.is_file() else None
        if same[0] != wanted or own != wanted:
            free = max(entry["seed"] for entry in entries) + 1
            why = same[0].get("why") or same[0].get("command", "another run")
            raise PoserError(
                f"test seed {seed} was opened before ({why}); give one that nobody used: --open-test {free}"
            )
        return wanted
    write_whole(claim, (json.dumps(wanted) + "\n").encode())
    write_whole(register, (json.dumps([*entries, wanted], indent=1) + "\n").encode())
    return wanted


def finish(folder: Path) -> None:
    """A run is over: its folder may not go on with its seed either."""
    (folder / CLAIM).unlink(missing_ok=True)
