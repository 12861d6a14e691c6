"""Measurements reach a tracker, and one that is missing or refuses is one line."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from poser.learning.tracking import tracked
from poser.types import PoserError


class Tracker(ModuleType):
    """What wandb and trackio have in common."""

    def __init__(self) -> None:
        super().__init__("trackio")
        self.told: list[Any] = []

    def init(self, **about: Any) -> None:
        if about["name"] == "refused":
            raise RuntimeError("no key")
        self.told.append(about)

    def log(self, row: dict[str, Any], step: int) -> None:
        self.told.append((step, row))

    def finish(self) -> None:
        self.told.append("finished")


def test_a_run_begins_tells_its_rows_and_ends_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = Tracker()
    monkeypatch.setitem(sys.modules, "trackio", tracker)
    with pytest.raises(KeyboardInterrupt), tracked("trackio", "mine", {"gamma": 0.9}) as log:
        log({"calls": 60, "returns": 1.5})
        raise KeyboardInterrupt
    assert tracker.told == [
        {"project": "poser", "name": "mine", "config": {"gamma": 0.9}},
        (60, {"returns": 1.5}),
        "finished",
    ]
    with pytest.raises(PoserError, match="trackio does not begin a run .no key"), tracked("trackio", "refused", {}):
        pass


def test_one_that_is_missing_or_unknown_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(PoserError, match="wandb is not installed; type: pip install wandb"), tracked("wandb", "x", {}):
        pass
    with pytest.raises(PoserError, match="no tracker 'mlflow'"), tracked("mlflow", "x", {}):
        pass
    with tracked("", "x", {}) as log:
        log({"calls": 1})
