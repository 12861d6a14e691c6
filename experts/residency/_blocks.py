"""A module's tensors as views of flat buffers: one in RAM, one on the device while it is there."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from experts.residency.devices import Device, Sent

_plain = torch.inference_mode(False)
"""A tensor made in inference mode could not be used outside of it: whoever asks first must not decide that."""


class Block:
    """Weights that come and go together.

    `host`: the flat buffer in RAM, uint8; `weight`: bytes of its tensors (the buffer is larger by what aligns them);
    `pinned`: bytes that are pinned; `sent`: the copy on the device, None while there is none.
    """

    def __init__(self, host: torch.Tensor, weight: int) -> None:
        self.host, self.weight, self.pinned = host, weight, 0
        self.sent: Sent | None = None
        self._arrived = False

    @property
    def here(self) -> torch.Tensor:
        """The buffer to compute with."""
        return self.host if self.sent is None else self.sent.buffer

    @_plain
    def come(self, device: Device) -> int:
        """Starts its copy to the device where there is none; returns the bytes of it."""
        if self.sent is not None:
            return 0
        self.sent, self._arrived = device.send(self.host), False
        return self.host.nbytes

    def arrive(self, device: Device) -> None:
        """What is computed from now on may read the copy."""
        if self.sent is not None and not self._arrived:
            device.arrive(self.sent)
            self._arrived = True

    def go(self, device: Device) -> None:
        """Lets the copy on the device go. (One that is still on its way is waited for: its memory is used again.)"""
        self.arrive(device)
        self.sent = None


class Piece(NamedTuple):
    """A tensor's place in a block, and sha256 of what it held when it was placed."""

    block: Block
    start: int
    bytes: int
    dtype: torch.dtype
    shape: tuple[int, ...]
    digest: str

    def of(self, buffer: torch.Tensor) -> torch.Tensor:
        """The tensor, as a view of a buffer of its block."""
        return buffer[self.start : self.start + self.bytes].view(self.dtype).view(self.shape)


class Placed:
    """A module whose tensors are views of blocks.

    Attributes:
        pieces: id of a tensor -> its place.
        blocks: what it needs.
        content: sha256 of its class, configuration and weights, hexadecimal: equal for modules that compute the same.
        here: it points at the copies on the device.
    """

    def __init__(self, module: torch.nn.Module, pieces: Mapping[int, Piece]) -> None:
        self.module = module
        self._versions: dict[int, int | None] = {}
        self.become(pieces)

    @_plain
    def become(self, pieces: Mapping[int, Piece]) -> None:
        """Points at these places in RAM."""
        self.pieces = pieces
        self.blocks = frozenset(piece.block for piece in pieces.values())
        self.content = _content(self.module, pieces)
        self._tensors = tensors_of(self.module)
        self._point(there=False)

    @property
    def stale(self) -> bool:
        """The module has other tensors than it had: an adapter was loaded, a buffer registered anew."""
        return [id(tensor) for tensor in tensors_of(self.module)] != [id(tensor) for tensor in self._tensors]

    @property
    def weight(self) -> int:
        """Bytes of its tensors; those that share their memory count once."""
        return sum({(id(piece.block), piece.start): piece.bytes for piece in self.pieces.values()}.values())

    @_plain
    def come(self, device: Device) -> None:
        """Points at the copies on the device."""
        for block in self.blocks:
            block.arrive(device)
        self._point(there=True)

    @_plain
    def go(self) -> int:
        """Points at RAM again; what was written into a buffer meanwhile is copied back. Returns those bytes."""
        written = [tensor for tensor in self._tensors if self.here and self._written(tensor)]
        for tensor in written:
            piece = self.pieces[id(tensor)]
            piece.of(piece.block.host).copy_(tensor)
        self._point(there=False)
        return sum(tensor.nbytes for tensor in written)

    def _written(self, tensor: torch.Tensor) -> bool:
        if isinstance(tensor, torch.nn.Parameter):
            return False
        version = _version(tensor)
        return version is None or version != self._versions[id(tensor)]

    def _point(self, there: bool) -> None:
        self.here = there
        for tensor in self._tensors:
            piece = self.pieces[id(tensor)]
            tensor.data = piece.of(piece.block.here if there else piece.block.host)
            self._versions[id(tensor)] = _version(tensor)


class Apart:
    """A module that another library moves (quantised, offloaded by groups): only weighed. `ram`, `device`: bytes."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module
        sizes: Counter[bool] = Counter()
        for tensor in tensors_of(module):
            sizes[tensor.device.type == "cpu"] += tensor.nbytes
        self.ram, self.device = sizes[True], sizes[False]


def _version(tensor: torch.Tensor) -> int | None:
    """How often it was written into; None where nobody counts (it was made in inference mode)."""
    try:
        return tensor._version
    except RuntimeError:
        return None


def tensors_of(module: torch.nn.Module) -> list[torch.Tensor]:
    """Parameters and buffers, non-persistent ones too, each object once."""
    return [*module.parameters(), *module.buffers()]


def is_apart(module: torch.nn.Module) -> bool:
    """Whether the module is to be left to the library that loaded it."""
    if getattr(module, "hf_quantizer", None) is not None or getattr(module, "is_quantized", False):
        return True
    plain = (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer)
    if any(type(tensor) not in plain or tensor.is_meta for tensor in tensors_of(module)):
        return True
    groups = sys.modules.get("diffusers.hooks.group_offloading")
    return groups is not None and bool(groups._is_group_offload_enabled(module))


def _content(module: torch.nn.Module, pieces: Mapping[int, Piece]) -> str:
    made = hashlib.sha256(f"{type(module).__module__}.{type(module).__qualname__}".encode())
    made.update(_settings(getattr(module, "config", None)).encode())
    named = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    for name, tensor in sorted(named, key=lambda pair: pair[0]):
        made.update(f"{name} {pieces[id(tensor)].digest} ".encode())
    return made.hexdigest()


def _settings(config: Any) -> str:
    """A configuration without the names of files and libraries."""
    if hasattr(config, "to_dict"):
        config = config.to_dict()
    if not isinstance(config, Mapping):
        return ""
    names = {"transformers_version", "architectures", "dtype", "torch_dtype"}
    kept = {str(k): v for k, v in config.items() if not str(k).startswith("_") and k not in names}
    return json.dumps(kept, sort_keys=True, default=str)
