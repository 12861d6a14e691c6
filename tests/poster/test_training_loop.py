"""The training loop: it learns, and an interrupted training ends with the very weights of an uninterrupted one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from experts.poster.train import loop


class Line:
    """Learns y = 3x - 1; raises after `stop` batches, as Ctrl-C would."""

    name = "line"
    schedule = loop.Schedule(steps=120, batch=16, rate=0.05, warmup=5, ema=0.9, evaluate_every=40)

    def __init__(self, stop: int | None = None) -> None:
        torch.manual_seed(1)
        self.module: torch.nn.Module = torch.nn.Linear(1, 1)
        self.stop, self.saved = stop, {}

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        if self.stop == 0:
            raise KeyboardInterrupt
        self.stop = None if self.stop is None else self.stop - 1
        x = torch.from_numpy(rng.normal(size=(self.schedule.batch, 1))).float()
        return ((self.module(x) - (3 * x - 1) + 0.01 * torch.randn_like(x)) ** 2).mean()

    def evaluate(self, module: torch.nn.Module) -> dict[str, float]:
        return {"slope": float(module.weight)}  # type: ignore[arg-type]

    def save(self, module: torch.nn.Module) -> None:
        self.saved = {name: value.clone() for name, value in module.state_dict().items()}


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(loop, "FOLDER", tmp_path / "checkpoints")
    monkeypatch.setattr(loop, "LOGS", tmp_path / "logs")
    return tmp_path


def test_it_learns_and_says_how(folders: Path) -> None:
    job = Line()
    assert loop.fit(job)["slope"] == pytest.approx(3, abs=0.1)
    rows = [json.loads(line) for line in (folders / "logs" / "line.jsonl").read_text().splitlines()]
    assert rows[0]["parameters"] == 2 and [row["step"] for row in rows[1:]] == [40, 80, 120]


def test_an_interrupted_training_goes_on_to_the_same_weights() -> None:
    whole = Line()
    loop.fit(whole, fresh=True)
    first = Line(stop=57)
    with pytest.raises(KeyboardInterrupt):
        loop.fit(first, fresh=True)
    assert not first.saved
    second = Line()
    loop.fit(second)
    assert whole.saved.keys() == second.saved.keys()
    assert all(torch.equal(whole.saved[name], second.saved[name]) for name in whole.saved)


def test_rate_rises_then_falls() -> None:
    plan = Line.schedule
    rates = [loop.rate_at(step, plan) for step in range(plan.steps + 1)]
    assert (
        max(rates) == pytest.approx(plan.rate) and rates[0] < rates[4] and rates[-1] == pytest.approx(plan.rate * 0.02)
    )
