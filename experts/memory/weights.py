"""Weights in RAM, each once: equal tensors are views of one copy; a module's others share one flat buffer, its block.
What is quantised, cast by layers or offloaded by groups is `Entrusted`: its library moves it.

A module's parameters and buffers are only re-pointed (`tensor.data = view`): the tensor objects stay, so that tied
weights stay tied and compiled graphs stay valid. Whoever shares weights must not write into them.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import uuid
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

import torch

from experts.memory.devices import Device, DeviceCopy

ALIGN = 64
"""Bytes that a tensor's start in a block is a multiple of."""
SHARED = 0.5
"""A module uses an existing block if it needs at least this part of it. Below, the few equal tensors (zeros, ones) are
kept twice: they would bring the whole block to the device with them, and keep it there."""
NAMES = ("transformers_version", "architectures", "dtype", "torch_dtype")
"""Settings of a module's configuration that name libraries and files: they do not change what it computes."""

_normal_mode = torch.inference_mode(False)
"""A tensor made in inference mode could not be used outside of it: whoever loads a model first must not decide that."""


class View(NamedTuple):
    """A tensor's place in a block, and sha256 of what it held when it was put there."""

    block: Block
    start: int
    bytes: int
    dtype: torch.dtype
    shape: tuple[int, ...]
    digest: str

    def of(self, buffer: torch.Tensor) -> torch.Tensor:
        """The tensor, as a view of a buffer of its block."""
        return buffer[self.start : self.start + self.bytes].view(self.dtype).view(self.shape)


@dataclass(eq=False, repr=False)
class Block:
    """Weights that are copied to the device together.

    Attributes:
        host: flat buffer in RAM, uint8 [n].
        weight: bytes of its tensors, without what aligns them.
        pinned: bytes of `host` that are pinned.
        copy: the copy on the device, None while there is none.
        views: digest -> the parameter of that content.
    """

    host: torch.Tensor
    weight: int
    pinned: int = 0
    copy: DeviceCopy | None = None
    views: dict[str, View] = field(default_factory=dict)

    @_normal_mode
    def send(self, device: Device) -> int:
        """Starts its copy to the device where there is none; returns the bytes of it."""
        if self.copy is not None:
            return 0
        self.copy = device.send(self.host)
        return self.host.nbytes

    def free(self, device: Device) -> None:
        """Gives up the copy on the device; one under way is waited for, because its memory is used again."""
        if self.copy is not None:
            device.wait(self.copy)
            self.copy = None


class PlacedModule:
    """A module whose tensors are views of blocks.

    Attributes:
        tensors: those that it had when it was placed; `views`: id of a tensor -> its view.
        blocks: those of its tensors.
        content: sha256 of its class, configuration and weights, hexadecimal: equal for modules that compute the same.
    """

    def __init__(self, module: torch.nn.Module, views: Mapping[int, View]) -> None:
        self.module = module
        self.place(views)

    @_normal_mode
    def place(self, views: Mapping[int, View]) -> None:
        """Points the module's tensors at these views, in RAM."""
        self.views = views
        self.blocks = frozenset(view.block for view in views.values())
        self.content = _content(self.module, views)
        self.tensors = tensors_of(self.module)
        self._point(on_device=False)

    @property
    def weight(self) -> int:
        """Bytes of its tensors; those that share their memory count once."""
        return sum({(id(view.block), view.start): view.bytes for view in self.views.values()}.values())

    @property
    def ram_sizes(self) -> dict[Hashable, int]:
        """What it uses of RAM: block -> bytes."""
        return {block: block.host.nbytes for block in self.blocks}

    @property
    def device_sizes(self) -> dict[Hashable, int]:
        """What it uses of the device: block -> bytes."""
        return {block: block.weight for block in self.blocks}

    def send(self, device: Device) -> int:
        """Starts the copies of its blocks that are not on the device; returns their bytes."""
        return sum(block.send(device) for block in self.blocks)

    @_normal_mode
    def to_device(self, device: Device) -> int:
        """Points at the copies on the device, which are there or under way. Copies nothing itself."""
        for block in self.blocks:
            if block.copy is not None:
                device.wait(block.copy)
        self._point(on_device=True)
        return 0

    def leave(self, store: WeightStore, used: Collection[Hashable]) -> bool:
        """Points at RAM and gives up its blocks on the device but those that others use there."""
        before = self.blocks
        store.to_ram(self)
        for block in before | self.blocks:
            if block not in used:
                block.free(store.device)
        return True

    @_normal_mode
    def to_ram(self) -> int:
        """Points at RAM; buffers that a forward wrote into are copied back. Returns those bytes."""
        buffers = [t for t in self.tensors if self._on_device and not isinstance(t, torch.nn.Parameter)]
        written = [t for t in buffers if (version := _version(t)) is None or version != self._versions[id(t)]]
        for tensor in written:
            view = self.views[id(tensor)]
            view.of(view.block.host).copy_(tensor)
        self._point(on_device=False)
        return sum(tensor.nbytes for tensor in written)

    def _point(self, on_device: bool) -> None:
        self._on_device, self._versions = on_device, dict[int, int | None]()
        for tensor in self.tensors:
            view = self.views[id(tensor)]
            copy = view.block.copy if on_device else None
            tensor.data = view.of(view.block.host if copy is None else copy.buffer)
            self._versions[id(tensor)] = _version(tensor)


class Entrusted:
    """A module that its library moves: a quantised one or one that casts its layers while it computes as a whole, one
    that is offloaded by groups block by block.

    Attributes:
        weight: bytes of its tensors; `by_groups`: it comes to the device by itself, a part at a time.
        there: it is on the device as a whole.
        content: a name of its own: its weights are not compared with anybody's.
    """

    blocks: frozenset[Block] = frozenset()

    def __init__(self, module: torch.nn.Module) -> None:
        self.module, self.content = module, uuid.uuid4().hex
        self.by_groups = _by_groups(module)
        self.weight = sum(map(stored, tensors_of(module)))
        self.there = not self.by_groups and any(tensor.device.type != "cpu" for tensor in tensors_of(module))

    @property
    def ram_sizes(self) -> dict[Hashable, int]:
        """What it uses of RAM, or will once it is back there."""
        return {self: self.weight}

    @property
    def device_sizes(self) -> dict[Hashable, int]:
        """What it uses of the device."""
        return {} if self.by_groups else {self: self.weight}

    def send(self, device: Device) -> int:
        """Nothing comes ahead: its library waits for its copies."""
        return 0

    def to_device(self, device: Device) -> int:
        """Moves it there; returns the bytes that this copied."""
        if self.there or self.by_groups:
            return 0
        device.take(self.module, self.weight)
        self.there = True
        return self.weight

    def leave(self, store: WeightStore, used: Collection[Hashable]) -> bool:
        """Moves it to RAM; False where its library refuses (bitsandbytes before 0.43.2 for 4 bits, 0.48 for 8)."""
        if self.there:
            try:
                self.module.to("cpu")
            except (ValueError, RuntimeError, NotImplementedError):
                return False
            store.back += self.weight
            self.there = False
        return True


Part = PlacedModule | Entrusted


def stored(tensor: torch.Tensor) -> int:
    """Bytes of a tensor; of one that is packed, those of what it is made of (torchao's tells its size unpacked)."""
    if not hasattr(tensor, "__tensor_flatten__"):
        return tensor.nbytes
    return sum(stored(getattr(tensor, name)) for name in tensor.__tensor_flatten__()[0])


def _cast_by_layers(module: torch.nn.Module) -> bool:
    hooks = (getattr(part, "_diffusers_hook", None) for part in module.modules())
    return any(hook is not None and hook.get_hook("layerwise_casting") is not None for hook in hooks)


def _by_groups(module: torch.nn.Module) -> bool:
    groups = sys.modules.get("diffusers.hooks.group_offloading")
    return groups is not None and groups._is_group_offload_enabled(module)


def entrusted(module: torch.nn.Module) -> bool:
    """Whether a module has to be left to the library that loaded it."""
    plain = (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer)
    return (
        getattr(module, "hf_quantizer", None) is not None
        or bool(getattr(module, "is_quantized", False))
        or any(type(tensor) not in plain or tensor.is_meta for tensor in tensors_of(module))
        or _by_groups(module)
        or _cast_by_layers(module)
    )


class WeightStore:
    """The blocks in RAM. `back`: bytes copied from the device to RAM so far."""

    def __init__(self, device: Device) -> None:
        self.device, self.back = device, 0
        self._users = Counter[Block]()

    @property
    def bytes(self) -> int:
        """Of all blocks."""
        return sum(block.host.nbytes for block in self._users)

    @property
    def weight(self) -> int:
        """Bytes of all different tensors."""
        return sum(block.weight for block in self._users)

    @property
    def pinned(self) -> int:
        """Bytes that the device can copy from without staging."""
        return sum(block.pinned for block in self._users)

    def add(self, module: torch.nn.Module) -> Part:
        """Points a module at blocks in RAM; what is in none yet gets one. What another library moves is let be."""
        if entrusted(module):
            return Entrusted(module)
        placed = PlacedModule(module, self._views(module, {}))
        self._use(placed.blocks)
        return placed

    def refresh(self, placed: Part) -> None:
        """Takes in the tensors that a module got since it was placed (an adapter was loaded, a buffer registered anew):
        those on the device are copied back, and the module points at RAM afterwards."""
        if isinstance(placed, PlacedModule) and list(map(id, tensors_of(placed.module))) != list(
            map(id, placed.tensors)
        ):
            self.back += placed.to_ram()
            old = placed.blocks
            placed.place(self._views(placed.module, placed.views))
            self._use(placed.blocks)
            self.release(old)

    def to_ram(self, placed: PlacedModule) -> None:
        """Points a module at RAM, where it pointed at the device."""
        self.refresh(placed)
        self.back += placed.to_ram()

    def _use(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            if self.device.separate and block not in self._users:
                block.pinned = self.device.pin(block.host)
            self._users[block] += 1

    def release(self, blocks: Iterable[Block]) -> None:
        """A module needs these no longer; those that nobody needs are given back."""
        for block in blocks:
            self._users[block] -= 1
            if not self._users[block]:
                del self._users[block]
                block.free(self.device)
                block.views.clear()  # they refer to the block: its memory would be given back late
                if block.pinned:
                    self.device.unpin(block.host)

    def _views(self, module: torch.nn.Module, known: Mapping[int, View]) -> dict[int, View]:
        """A view for each tensor, by its id; only those that are not `known` are hashed and moved."""
        tensors = tensors_of(module)
        new = [tensor for tensor in tensors if id(tensor) not in known]
        self.back += sum(tensor.nbytes for tensor in new if known and tensor.device.type != "cpu")
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1), "hash") as threads:
            digests = dict(zip(map(id, new), threads.map(digest_of, new), strict=True))
        # a forward may write into buffers: each keeps a view of its own
        keys: dict[int, Hashable] = {id(t): digests[id(t)] if isinstance(t, torch.nn.Parameter) else id(t) for t in new}
        views = self._existing({key for key in keys.values() if isinstance(key, str)})
        views |= _new_block({key: t for t in new if (key := keys[id(t)]) not in views}, digests)
        return {id(tensor): known.get(id(tensor)) or views[keys[id(tensor)]] for tensor in tensors}

    def _existing(self, digests: Iterable[str]) -> dict[Hashable, View]:
        """Existing copies of these tensors, from blocks of which this module uses at least half."""
        found: dict[Hashable, View] = {}
        for block in self._users:
            views: dict[Hashable, View] = {digest: block.views[digest] for digest in digests if digest in block.views}
            if sum(view.bytes for view in views.values()) >= SHARED * block.weight:
                found = {**views, **found}
        return found


def tensors_of(module: torch.nn.Module) -> list[torch.Tensor]:
    """Parameters and buffers, non-persistent ones too, each object once."""
    return [*module.parameters(), *module.buffers()]


@_normal_mode
def _new_block(tensors: Mapping[Hashable, torch.Tensor], digests: Mapping[int, str]) -> dict[Hashable, View]:
    """One block of these tensors; each is pointed at its view at once, so that its old memory is free."""
    if not tensors:
        return {}
    starts = [0, *accumulate(-(-tensor.nbytes // ALIGN) * ALIGN for tensor in tensors.values())]
    block = Block(torch.empty(starts[-1], dtype=torch.uint8), sum(tensor.nbytes for tensor in tensors.values()))
    views: dict[Hashable, View] = {}
    for (key, tensor), start in zip(tensors.items(), starts, strict=False):
        view = View(block, start, tensor.nbytes, tensor.dtype, tuple(tensor.shape), digests[id(tensor)])
        in_block = view.of(block.host)
        in_block.copy_(tensor.detach())
        tensor.data, views[key] = in_block, view
    block.views = {key: view for key, view in views.items() if isinstance(key, str)}
    return views


def _version(tensor: torch.Tensor) -> int | None:
    """How often it was written into; None where torch does not count (it was made in inference mode)."""
    try:
        return tensor._version
    except RuntimeError:
        return None


def _content(module: torch.nn.Module, views: Mapping[int, View]) -> str:
    config: Any = getattr(module, "config", None)
    config = config.to_dict() if hasattr(config, "to_dict") else config if isinstance(config, Mapping) else {}
    settings = {str(k): v for k, v in config.items() if not str(k).startswith("_") and k not in NAMES}
    tensors = dict([*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)])
    digests = {name: views[id(tensor)].digest for name, tensor in tensors.items()}
    content = [type(module).__module__, type(module).__qualname__, settings, digests]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def digest_of(tensor: torch.Tensor) -> str:
    """sha256 of type, shape and values, hexadecimal."""
    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    sha = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    sha.update(flat.numpy())
    return sha.hexdigest()
