"""Limits of RAM and device, what comes ahead, who leaves when memory runs out, encoders that are lent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from experts.memory import GIB, Mirror, NoRoom, Residency
from tests.experts.memory_world import Model, layers, mirror, spots  # noqa: E402


def test_a_model_in_ram_can_be_dropped_and_its_blocks_with_it() -> None:
    home, device = mirror()
    shared = layers(1, 32, 32)
    for key, seed in (("one", 2), ("two", 3)):
        home.acquire(key, lambda seed=seed: Model(shared=shared, own=layers(seed, 16, 16)), 0)
    home.drop("one")
    assert home.kept == ("two",) and home.log[-1].kind == "drop" and home.log[-1].bytes == (16 * 16 + 16) * 4
    home.drop("two")
    assert home.kept == () and home.store.bytes == 0 and device.pinned == 0


def test_nothing_leaves_ram_below_the_limit_and_the_least_used_leaves_above_it() -> None:
    size = 64 * 64 * 4 + 64 * 4
    home, _ = mirror(ram_gib=2.5 * size / GIB)
    for seed, key in enumerate("ab"):
        home.acquire(key, lambda seed=seed: layers(seed, 64, 64), 0)
    assert home.kept == ("a", "b")
    home.acquire("a", lambda: pytest.fail("it is in RAM"), 0)
    home.pinned.add("a")
    home.acquire("c", lambda: layers(3, 64, 64), 0)
    assert home.kept == ("a", "c") and "room in RAM for c" in next(e.reason for e in home.log if e.kind == "drop")
    home.pinned.add("c")
    with pytest.raises(
        NoRoom,
        match="^d takes .* GiB of RAM and the limit is .* GiB beside the pinned a, c: unpin one or raise ram_gib",
    ):
        home.acquire("d", lambda: layers(4, 64, 64), 0)
    assert home.kept == ("a", "c")


def test_the_card_says_what_a_call_needs_beyond_the_weights() -> None:
    home, _ = mirror(vram_gib=3.0)
    for seed, key in enumerate("ab"):
        home.acquire(key, lambda seed=seed: layers(seed, 8, 8), 2.5)
    assert home.resident == ("a", "b")  # weights are small, and only one of them runs
    tight, _ = mirror(vram_gib=3.0, reserve_gib=3.0)
    with pytest.raises(NoRoom, match="raise vram_gib"):
        tight.acquire("a", lambda: layers(1, 8, 8), 2.5)


def test_what_comes_next_comes_while_the_first_runs() -> None:
    home, device = mirror()
    for seed, key in enumerate("ab"):
        home.acquire(key, lambda seed=seed: layers(seed, 8, 8), 0)
    home.evict("b")
    home.acquire("a", lambda: pytest.fail("it is in RAM"), 0)
    copies = device.copies
    home.prefetch("b")
    assert device.copies == copies + 1 and home.log[-1].reason == "next after a"
    home.acquire("b", lambda: pytest.fail("it is in RAM"), 0)
    assert device.copies == copies + 1


def test_what_is_next_pushes_out_neither_who_runs_nor_who_is_wanted() -> None:
    size = (64 * 64 + 64) * 4
    home, device = mirror(vram_gib=2.2 * size / GIB)
    for seed, key in enumerate("abc"):
        home.acquire(key, lambda seed=seed: layers(seed, 64, 64), 0)
    assert home.resident == ("b", "c")
    home.expect(["b"])
    home.prefetch("a")
    assert home.resident == ("b", "c")
    home.expect([])
    home.prefetch("a")
    assert home.resident == ("c", "a")


def test_files_are_read_ahead_only_where_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "model.safetensors").write_bytes(b"x" * 1000)
    (tmp_path / "whole.safetensors").write_bytes(b"x" * 50)
    (tmp_path / "model_index.json").write_text("{}")
    for asked, count in ((None, 0), (True, 2000)):
        home = Residency("cpu", read_ahead=asked)
        home.prefetch("m", [str(tmp_path), "owner/nothing-here", str(tmp_path / "part" / "model.safetensors")])
        home.read_ahead.join()
        assert home.read_ahead.bytes == count
    home.prefetch("m", [str(tmp_path)])
    home.read_ahead.join()
    assert home.read_ahead.bytes == 2000


def test_files_of_the_hub_cache_are_read_without_a_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--owner--model"
    part = folder / "snapshots" / ("a" * 40) / "unet"
    part.mkdir(parents=True)
    (part / "model.safetensors").write_bytes(b"x" * 300)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("a" * 40)
    home = Residency("cpu", read_ahead=True)
    home.prefetch("m", ["owner/model/unet", "owner/model/vae", f"owner/model@{'b' * 40}"])
    home.read_ahead.join()
    assert home.read_ahead.bytes == 300


def test_relief_leaves_who_runs_and_who_is_pinned() -> None:
    home, _ = mirror()
    for seed, key in enumerate("abc"):
        home.acquire(key, lambda seed=seed: layers(seed, 8, 8), 0)
    home.pinned.add("a")
    assert home.running.relieve() and home.resident == ("a", "c")
    assert not home.running.relieve()


class Full(Mirror):
    """A device that has less room than it says: the second model does not fit beside the first."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Any] = []

    def send(self, buffer: Any) -> Any:
        import gc
        import weakref

        gc.collect()
        if any(ref() is not None for ref in self.taken):
            raise torch.OutOfMemoryError("CUDA out of memory")
        sent = super().send(buffer)
        self.taken.append(weakref.ref(sent.buffer))
        return sent


def test_a_device_that_is_fuller_than_known_is_relieved_once() -> None:
    home = Residency(Full())
    for seed, key in enumerate("ab"):
        home.acquire(key, lambda seed=seed: layers(seed, 8, 8), 0)
    assert home.resident == ("b",)
    home.pinned.add("b")
    with pytest.raises(torch.OutOfMemoryError):
        home.acquire("c", lambda: layers(3, 8, 8), 0)
    assert home.resident == ("b",) and home.kept == ("a", "b", "c")


@pytest.fixture
def lent() -> Iterator[tuple[Residency, Mirror, Model]]:
    """A model whose encoder is lent."""
    home, device = mirror(vram_gib=1.5 * (64 * 64 + 64) * 4 / GIB)
    model = Model(encoder=layers(1, 64, 64), denoiser=layers(2, 64, 64))
    home.lend(model.parts["encoder"])
    home.acquire("m", lambda: model, 0)
    yield home, device, model


def test_a_lent_encoder_comes_only_when_it_is_used_and_its_model_comes_back(lent: Any) -> None:
    home, device, model = lent
    assert device.copies == 1 and home.resident == ("m",)
    with home.using(model.parts["encoder"]):
        assert device.copies == 2 and home.resident == ()  # both do not fit
    assert home.resident == ("m",) and device.copies == 3
    kinds = [(event.kind, event.key.split()[0]) for event in home.log]
    assert kinds[-4:] == [("evict", "m"), ("enter", "Sequential"), ("evict", "Sequential"), ("enter", "m")]
    assert home.store.back == 0


def test_equal_encoders_of_two_models_leave_both() -> None:
    """A module that still pointed at the device would keep its memory there."""
    size = (64 * 64 + 64) * 4
    home, device = mirror(vram_gib=2.5 * size / GIB)
    models = [Model(encoder=layers(1, 64, 64), denoiser=layers(2, 64, 64)) for _ in range(2)]
    for model in models:
        home.lend(model.parts["encoder"])
    for key, model in zip("ab", models, strict=True):
        home.acquire(key, lambda model=model: model, 0)
        with home.using(model.parts["encoder"]):
            pass
    home.acquire("c", lambda: layers(3, 64, 64, 64), 0)
    in_ram = {view.block.host.data_ptr() for view in home._ram.find(models[0].parts["encoder"]).views.values()}
    for model in models:
        assert min(spots(model.parts["encoder"])) in in_ram
    assert home.resident == ("c",)


def test_a_model_that_cannot_move_and_does_not_fit_leaves_nothing_behind() -> None:
    home, _ = mirror(vram_gib=2.0)
    with pytest.raises(NoRoom, match="^text needs 5 GiB and the limit is 2 GiB"):
        home.acquire("text", lambda: "a model without modules", 5)
    assert home.kept == home.resident == ()


def test_what_cannot_come_ahead_comes_when_it_is_asked_for() -> None:
    home = Residency(Full())
    for seed, key in enumerate("ab"):
        home.acquire(key, lambda seed=seed: layers(seed, 8, 8), 0)
    home.prefetch("a")
    assert home.resident == ("b",) and "did not come in whole" in home.log[-1].reason
    home.acquire("a", lambda: pytest.fail("it is in RAM"), 0)
    assert home.resident == ("a",)
