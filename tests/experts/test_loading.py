"""Denoisers quantised, offloaded in blocks, compiled: what is asked for reaches the library, what lacks is named."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experts.entries import Source
from experts.local import _loading
from experts.local._weights import read
from experts.memory import Mirror, Residency
from experts.pool import Pool
from experts.registry import from_config
from experts.types import Job, Request

HERE = importlib.util.find_spec("bitsandbytes") is not None


def drawn(config: dict[str, Any], folder: Path, id: str, home: Residency, load: dict[str, Any]) -> tuple[Any, Any]:
    """The picture of an entry loaded that way, and its expert."""
    pool = Pool(from_config({id: {**config[id], "load": load}}, folder), home)
    (result,) = pool.run([Job(id, Request("a red star", size=(64, 64)))])
    assert result.failure is None, result.failure
    return np.asarray(result.image, float), pool.expert(id)


@pytest.mark.skipif(HERE, reason="bitsandbytes is installed")
@pytest.mark.parametrize("way", ["nf4", "int8"])
def test_a_missing_package_is_named(way: str, tiny_config: dict[str, Any], tiny_folder: Path) -> None:
    entry = {**tiny_config["tiny-flux"], "load": {"quantise": way}}
    (result,) = Pool(from_config({"x": entry}, tiny_folder), Residency("cpu")).run([Job("x", Request("a"))])
    assert result.failure and result.failure.kind == "unavailable"
    assert (
        f"load.quantise {way} needs bitsandbytes, and a GPU; type: pip install bitsandbytes" in result.failure.message
    )


@pytest.mark.parametrize("way", ["nf4", "int8"])
def test_the_denoiser_alone_is_quantised(
    way: str, tiny_config: dict[str, Any], tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The config reaches `from_pretrained`: bitsandbytes itself needs a GPU."""
    from diffusers import DiffusionPipeline

    real = importlib.metadata.version
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.50.2" if name == "bitsandbytes" else real(name))
    seen: dict[str, Any] = {}

    def from_pretrained(weights: str, **options: Any) -> Any:
        seen.update(options)
        raise OSError("seen enough")

    monkeypatch.setattr(DiffusionPipeline, "from_pretrained", from_pretrained)
    weights = str(tiny_folder / "flux")
    with pytest.raises(OSError, match="seen enough"):
        read(Source(weights, loading={"quantise": way}), (), Residency("cpu"))
    (name, config), *others = seen["quantization_config"].quant_mapping.items()
    assert name == "transformer" and not others
    assert (config.load_in_4bit, config.load_in_8bit) == (way == "nf4", way == "int8")
    if way == "nf4":
        assert config.bnb_4bit_quant_type == "nf4" and config.bnb_4bit_compute_dtype == torch.float32


@pytest.mark.parametrize("id", ["tiny-flux", "tiny-stable_diffusion"])
@pytest.mark.parametrize("device", ["cpu", "mirror"])
def test_an_offloaded_denoiser_is_left_alone(
    id: str, device: str, tiny_config: dict[str, Any], tiny_folder: Path
) -> None:
    plain, _ = drawn(tiny_config, tiny_folder, id, Residency("cpu"), {})
    home = Residency(Mirror() if device == "mirror" else "cpu")
    made, expert = drawn(tiny_config, tiny_folder, id, home, {"offload": True})
    denoiser = getattr(expert.pipe, "transformer", None) or expert.pipe.unet
    left, moved = home._ram.find(denoiser), home._ram.find(expert.pipe.vae)
    assert left and moved and not left.device_sizes and moved.blocks
    assert np.abs(made - plain).max() <= 1.0
    home.evict(f"expert {id}")
    assert home.kept == (f"expert {id}",)


def test_repeated_blocks_are_compiled_where_the_class_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.experts import tiny

    compiled: list[str] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, *a, **k: compiled.append(type(self).__name__))
    flux, pixart = tiny.flux(), tiny.pixart()
    _loading.prepared(type("Pipe", (), {"transformer": flux})(), {"compile": True}, "cpu", "float32")
    assert compiled and set(compiled) <= set(flux._repeated_blocks)
    compiled.clear()
    pixart_class = dataclasses.make_dataclass("Pipe", ["transformer"])
    monkeypatch.setattr(type(pixart), "_repeated_blocks", None, raising=False)
    _loading.prepared(pixart_class(pixart), {"compile": True}, "cpu", "float32")
    assert compiled == [type(pixart).__name__]


@pytest.mark.slow
def test_a_compiled_denoiser_draws_the_same_before_and_after_it_left(
    tiny_config: dict[str, Any], tiny_folder: Path
) -> None:
    plain, _ = drawn(tiny_config, tiny_folder, "tiny-flux", Residency("cpu"), {})
    home = Residency(Mirror())
    made, expert = drawn(tiny_config, tiny_folder, "tiny-flux", home, {"compile": True})
    assert np.abs(made - plain).max() <= 1.0
    from torch._dynamo.utils import counters

    graphs = counters["stats"]["unique_graphs"]
    home.evict("expert tiny-flux")
    home.acquire("expert tiny-flux", lambda: pytest.fail("it is in RAM"), 0)
    (result,) = expert([Request("a red star", size=(64, 64))])
    assert np.array_equal(np.asarray(result.image, float), made) and graphs > 0
    assert counters["stats"]["unique_graphs"] == graphs
