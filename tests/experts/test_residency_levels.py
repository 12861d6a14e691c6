"""Two levels: weights in RAM once, by content; to the device one copy a block; back nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from experts.memory import GIB, NoRoom, Residency, module_bytes
from tests.experts.memory_world import Model, layers, mirror, spots  # noqa: E402


class Copies(TorchDispatchMode):
    """Counts operations that move or copy tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += any(word in str(func) for word in ("copy", "clone", "_to_"))
        return func(*args, **(kwargs or {}))


def test_equal_weights_are_one_copy_whatever_their_names() -> None:
    home, device = mirror()
    one, two = Model(encoder=layers(1, 8, 8), own=layers(2, 8, 16)), Model(text=layers(1, 8, 8), own=layers(3, 8, 16))
    wanted = [two.parts["text"](torch.ones(8)), two.parts["own"](torch.ones(8))]
    home.acquire("one", lambda: one, 0)
    before = device.copied
    home.acquire("two", lambda: two, 0)
    assert spots(one.parts["encoder"]) == spots(two.parts["text"])
    assert device.copied - before == device.copied - before == home.log[-1].bytes == 16 * 8 * 4 + 16 * 4
    assert home.store.weight == module_bytes([one.parts["encoder"], one.parts["own"], two.parts["own"]])
    assert torch.equal(two.parts["text"](torch.ones(8)), wanted[0]) and torch.equal(
        two.parts["own"](torch.ones(8)), wanted[1]
    )


def test_weights_are_compared_after_the_cast() -> None:
    home, _ = mirror()
    exact = layers(1, 8, 8)
    half = layers(1, 8, 8).half().float()
    home.acquire("one", lambda: Model(a=exact.half()), 0)
    home.acquire("two", lambda: Model(a=half.half()), 0)
    assert home.store.weight == module_bytes([half.half()])


def test_a_few_equal_tensors_do_not_tie_two_models_together() -> None:
    home, device = mirror()
    one, two = layers(1, 64, 64), layers(2, 8, 64)
    for module in (one, two):
        torch.nn.init.zeros_(module[0].bias)
    home.acquire("one", lambda: one, 0)
    home.evict("one")
    before = device.copied
    home.acquire("two", lambda: two, 0)
    assert device.copied - before == two[0].weight.nbytes + two[0].bias.nbytes


def test_a_trunk_is_shared_and_what_goes_beyond_it_is_not() -> None:
    home, device = mirror()
    trunk, larger = layers(1, 32, 32), layers(1, 32, 32)
    larger.append(torch.nn.Linear(32, 16))
    home.acquire("trunk", lambda: trunk, 0)
    home.acquire("larger", lambda: larger, 0)
    assert spots(trunk) < spots(larger) and home.log[-1].bytes == module_bytes([larger[1]])
    assert home.store.pinned == device.pinned and device.pinned <= 1.02 * home.store.weight


def test_leaving_copies_nothing_and_coming_is_one_copy_a_block() -> None:
    home, device = mirror()
    model = Model(a=layers(1, 16, 32, 16), b=layers(2, 16, 16))
    wanted = model.parts["a"](torch.ones(16))
    home.acquire("m", lambda: model, 0)
    assert device.copies == 2 and torch.equal(model.parts["a"](torch.ones(16)), wanted)
    there = spots(model.parts["a"])
    with Copies() as copies:
        home.evict("m")
    assert copies.count == 0 and home.store.back == 0
    assert spots(model.parts["a"]).isdisjoint(there) and torch.equal(model.parts["a"](torch.ones(16)), wanted)
    home.acquire("m", lambda: pytest.fail("it is in RAM"), 0)
    assert device.copies == 4 and [event.kind for event in home.log] == ["load", "enter", "evict", "enter"]
    assert {event.bytes for event in home.log if event.kind != "load"} == {module_bytes(model.parts.values())}


def test_a_block_that_another_model_uses_stays() -> None:
    home, device = mirror()
    shared = layers(1, 32, 32)
    home.acquire("one", lambda: Model(shared=shared, own=layers(2, 16, 16)), 0)
    home.acquire("two", lambda: Model(shared=shared, own=layers(3, 16, 16)), 0)
    there = spots(shared)
    home.evict("one")
    assert home.log[-1].bytes == (16 * 16 + 16) * 4 and spots(shared) == there
    before = device.copied
    home.acquire("one", lambda: pytest.fail("it is in RAM"), 0)
    assert device.copied - before == (16 * 16 + 16) * 4


def test_on_a_cpu_nothing_is_copied() -> None:
    home, model = Residency("cpu"), layers(1, 16, 16)
    home.acquire("m", lambda: model, 0)
    there = spots(model)
    home.evict("m")
    assert home.resident == home.kept == ("m",)
    home.acquire("m", lambda: pytest.fail("it is in RAM"), 0)
    assert spots(model) == there and [event.kind for event in home.log] == ["load"]


class Odd(torch.nn.Module):
    """Tied weights, buffers of both kinds, one that its forward writes into and one that it registers anew."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.register_buffer("table", torch.arange(4.0))
        self.register_buffer("twin", torch.arange(4.0), persistent=False)
        self.register_buffer("calls", torch.zeros(()), persistent=False)

    def forward(self, x: Any) -> Any:
        """Counts its calls."""
        self.calls += 1
        self.register_buffer("twin", self.twin * 2, persistent=False)
        return self.second(self.first(x)) + self.table + self.twin


def test_tied_weights_and_buffers() -> None:
    home, device = mirror()
    odd, plain = Odd(), Odd()
    home.acquire("odd", lambda: odd, 0)
    for turn in range(3):
        assert torch.equal(odd(torch.ones(4)), plain(torch.ones(4))), turn
        home.evict("odd")
        home.acquire("odd", lambda: pytest.fail("it is in RAM"), 0)
        assert odd.second.weight is odd.first.weight and odd.calls == plain.calls == turn + 1
        assert odd.table.data_ptr() != odd.twin.data_ptr()
    # a counter a turn is all that came back; the other buffer was made on this machine's one memory
    assert home.store.back == 3 * 4


def test_who_asks_in_inference_mode_binds_nobody() -> None:
    home, _ = mirror()
    odd = Odd()
    with torch.inference_mode():
        home.acquire("odd", lambda: odd, 0)
        odd(torch.ones(4))
    home.evict("odd")
    home.acquire("odd", lambda: pytest.fail("it is in RAM"), 0)
    assert not odd.first.weight.is_inference() and odd.calls == 1
    odd(torch.ones(4)).sum().backward()


def test_a_module_that_changed_is_placed_anew() -> None:
    home, _ = mirror()
    model = layers(1, 8, 8)
    home.acquire("m", lambda: model, 0)
    content = home.content(model)
    model.append(torch.nn.Linear(8, 2))
    home.evict("m")
    home.acquire("m", lambda: pytest.fail("it is in RAM"), 0)
    assert home.content(model) != content and home.used_gib * GIB == module_bytes([model])
    model(torch.ones(8))


def test_modules_that_compute_the_same_have_one_content() -> None:
    home = Residency("cpu")
    modules = [layers(1, 8, 8), layers(1, 8, 8), layers(2, 8, 8)]
    home.acquire("m", lambda: Model(a=modules[0], b=modules[1], c=modules[2]), 0)
    contents = [home.content(module) for module in modules]
    assert contents[0] == contents[1] != contents[2] and home.content(torch.nn.Linear(1, 1)) == ""


class Packed(torch.nn.Parameter):
    """As bitsandbytes stores 4 bits: a parameter of a class of its own."""


def quantised(seed: int, size: int = 8) -> torch.nn.Module:
    """A module of which one weight is packed."""
    module = layers(seed, size, size)
    module[0].weight = Packed(module[0].weight.data)
    return module


def test_quantised_modules_go_to_ram_and_come_back_as_their_library_moves_them() -> None:
    home, device = mirror()
    packed = quantised(1)
    there, size = spots(packed), module_bytes([packed])
    home.acquire("q", lambda: Model(denoiser=packed, vae=layers(1, 4, 4)), 0)
    assert spots(packed) == there and home.store.bytes == 128 and device.copied == 128 + size
    home.evict("q")
    assert home.resident == () and home.kept == ("q",) and home.store.back == size
    home.acquire("q", lambda: pytest.fail("it is in RAM"), 0)
    assert device.copied == 2 * (128 + size) and spots(packed) == there


class Fixed(torch.nn.Module):
    """Quantised by a library that refuses to move it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = quantised(1)

    def to(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError("`.to` is not supported for 8-bit models")


def test_what_its_library_does_not_move_is_dropped_when_it_leaves() -> None:
    home, _ = mirror()
    home.acquire("q", lambda: Model(denoiser=Fixed()), 0)
    home.evict("q")
    assert home.kept == home.resident == () and home.used_gib == 0


def test_a_quantised_part_that_two_models_share_stays_for_the_other() -> None:
    home, device = mirror()
    text = quantised(1)
    for key, seed in (("one", 2), ("two", 3)):
        home.acquire(key, lambda seed=seed: Model(text=text, own=layers(seed, 16, 16)), 0)
    size = module_bytes([text])
    assert device.copied == size + 2 * module_bytes([layers(2, 16, 16)])
    home.evict("one")
    assert home.store.back == 0
    home.evict("two")
    assert home.store.back == size


def test_room_is_made_for_what_is_missing_and_not_for_what_is_declared() -> None:
    """An editor with the weights of the model that draws, under a card that names all of them."""
    size = (64 * 64 + 64) * 4
    home, device = mirror(vram_gib=1.5 * size / GIB)
    home.acquire("draw", lambda: layers(1, 64, 64), 1.2 * size / GIB)
    home.acquire("edit", lambda: layers(1, 64, 64), 1.2 * size / GIB)
    assert home.resident == ("draw", "edit") and device.copied == size


def test_room_is_made_before_a_library_loads_straight_to_the_device() -> None:
    size = (64 * 64 + 64) * 4
    home, _ = mirror(vram_gib=1.5 * size / GIB)
    home.acquire("first", lambda: layers(1, 64, 64), 0)

    def load() -> Any:
        home.make_room(size)
        assert home.resident == ()
        return layers(2, 64, 64)

    home.acquire("second", load, 0)
    assert home.resident == ("second",)
    with pytest.raises(NoRoom, match="raise vram_gib"):
        home.make_room(10 * size)
