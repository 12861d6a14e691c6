"""The figures of memory and scheduling: what they measure at full size runs here at a small one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import _results
from benchmarks.speed import __main__ as speed
from benchmarks.speed import gpu, models
from benchmarks.speed.figure import Figure
from experts.memory import Mirror, Residency


def tiny_part(name: str) -> Any:
    """A part of the same class, a few kB."""
    from tests.experts import tiny, tiny_wide

    torch.manual_seed(sum(name.encode()))
    kinds: dict[str, Any] = {
        "flux dev": tiny.flux,
        "flux schnell": tiny.flux,
        "sdxl": lambda: tiny_wide.wide_unet(32, 6),
        "unet sd15": lambda: tiny.unet(16),
        "pixart sigma": tiny.pixart,
        "clip-l": tiny.clip,
        "clip-g": tiny_wide.projected,
        "t5-xxl": tiny.t5,
        "vae flux": tiny.vae,
        "vae sd15": tiny.vae,
        "vae sdxl": tiny_wide.four_channels,
    }
    return kinds[name]().eval()


def test_five_experts_run_and_share(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Residency(Mirror())
    names = ["flux-dev", "flux-schnell", "sdxl", "sd15"]
    monkeypatch.setattr(gpu, "STEPS", 1)
    assert gpu.ours(names, tiny_part, home, dict.fromkeys(names, 64), tokens=12) > 0
    assert len(home.resident) == 4 and home.store.back == 0
    parts = {part for name in names for part in gpu.EXPERTS[name][2]}
    modules = [tiny_part(part) for part in parts]
    together = sum(tensor.nbytes for module in modules for tensor in (*module.parameters(), *module.buffers()))
    assert home.store.weight == pytest.approx(together, rel=0.02)


def test_a_switch_is_timed_against_its_bytes() -> None:
    found = gpu.switching(Residency(Mirror()), tiny_part, 1e9, lambda: None)
    assert [figure.name.rpartition(", ")[2] for figure in found] == list(gpu.SWITCHED)
    assert all(figure.value > 0 and figure.more["gb"] >= 0 for figure in found)


def test_parts_have_their_published_sizes() -> None:
    """Billions of parameters, from the models' papers and cards."""
    published = {"flux dev": 11.9, "sd35": 8.06, "sdxl": 2.57, "unet sd15": 0.860, "t5-xxl": 4.76, "clip-l": 0.123}
    for part, size in published.items():
        assert sum(models.sizes(part).values()) / 1e9 == pytest.approx(size, rel=0.01), part
    shared = {part for parts in models.EXPERTS.values() for part in parts}
    assert shared == set(models.PARTS) and len(models.EXPERTS) == 11


def test_a_figure_says_whether_it_is_met() -> None:
    low, high = Figure("a", 1.0, 0, 1.02, "x"), Figure("b", 13.0, 16, 14, "x", larger_is_better=True)
    assert low.met and not high.met and "NOT MET" in str(high) and "NOT MET" not in str(low)
    none = Figure("c", None, 1, 1.3, "skipped: no GPU")
    assert none.met is None and str(none).endswith("skipped: no GPU") and json.dumps(none.data())


def test_parts_that_are_not_run_stay_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_results, "RESULTS", tmp_path)
    (tmp_path / "speed.json").write_text(json.dumps({"command": "old", "shell": {"x": 1}, "pool": {"figures": [1]}}))
    now = {name: "new" for name in ("command", "commit", "versions", "machine")}
    kept = speed.merged({**now, "memory": {"figures": [2]}}, ["memory"])
    assert kept["command"] == "old" and kept["shell"] == {"x": 1} and kept["pool"] == {"figures": [1]}
    assert kept["memory"] == {"figures": [2], **now}
