"""Weights in RAM, each once: tensors are hashed, equal ones become views of one copy, the rest of one flat buffer.

A module's parameters and buffers are only ever re-pointed (`tensor.data = view`): the objects stay, so tied weights
stay tied and a compiled graph finds what it was compiled for. Whoever shares weights must not write into them.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from experts.residency._blocks import Block, Piece, Placed, tensors_of
from experts.residency.devices import Device

ALIGN = 64
"""Bytes that a tensor's start in a block is a multiple of."""
SHARED = 0.5
"""A block is used by another module that needs at least this part of it. Below, the few equal tensors (zeros, ones) are
kept twice: they would bring the whole block to the device with them, and keep it there."""
THREADED = 2**26
"""Bytes of a module from which its tensors are hashed in several threads."""


class Store:
    """The blocks in RAM. `back`: bytes copied from the device to RAM so far."""

    def __init__(self, device: Device) -> None:
        self.device, self.back = device, 0
        self._users = Counter[Block]()
        self._known: dict[str, list[Piece]] = {}

    @property
    def bytes(self) -> int:
        """Of all buffers."""
        return sum(block.host.nbytes for block in self._users)

    @property
    def weight(self) -> int:
        """Bytes of all different tensors."""
        return sum(block.weight for block in self._users)

    @property
    def pinned(self) -> int:
        """Bytes that the device can copy from without staging."""
        return sum(block.pinned for block in self._users)

    def place(self, module: torch.nn.Module) -> Placed:
        """Points a module at blocks in RAM, made where there are none yet."""
        placed = Placed(module, self._pieces(module, {}))
        self._use(placed)
        return placed

    def refresh(self, placed: Placed) -> None:
        """Takes in the tensors that a module got since it was placed; it points at RAM afterwards where there are any.

        Such tensors are copied back where they stand on the device.
        """
        if not placed.stale:
            return
        self.back += placed.go()
        old = placed.blocks
        placed.become(self._pieces(placed.module, placed.pieces))
        self._use(placed)
        self._release(old)

    def leave(self, placed: Placed) -> None:
        """Points a module at RAM, where it pointed at the device."""
        self.refresh(placed)
        self.back += placed.go()

    def forget(self, placed: Placed) -> None:
        """The module needs its blocks no longer; those that nobody needs are given back."""
        self._release(placed.blocks)

    def _pieces(self, module: torch.nn.Module, known: Mapping[int, Piece]) -> dict[int, Piece]:
        """A place for each tensor, by its id; only those that are not `known` are hashed and moved."""
        tensors = tensors_of(module)
        pieces = {id(tensor): known[id(tensor)] for tensor in tensors if id(tensor) in known}
        new = [tensor for tensor in tensors if id(tensor) not in pieces]
        self.back += sum(tensor.nbytes for tensor in new if known and tensor.device.type != "cpu")
        digests = dict(zip(map(id, new), _digests(new), strict=True))
        # what a forward may write into (buffers) keeps a place of its own
        keys: dict[int, Hashable] = {id(t): digests[id(t)] if isinstance(t, torch.nn.Parameter) else id(t) for t in new}
        places = self._found(keys.values())
        places |= _settled({key: t for t in new if (key := keys[id(t)]) not in places}, digests)
        for key, piece in places.items():
            if isinstance(key, str) and piece not in self._known.setdefault(key, []):
                self._known[key].append(piece)
        return pieces | {id(tensor): places[keys[id(tensor)]] for tensor in new}

    def _use(self, placed: Placed) -> None:
        for block in placed.blocks:
            if self.device.apart and block not in self._users:
                block.pinned = self.device.pin(block.host)
            self._users[block] += 1

    def _release(self, blocks: Iterable[Block]) -> None:
        gone = set()
        for block in blocks:
            self._users[block] -= 1
            if not self._users[block]:
                del self._users[block]
                gone.add(block)
                block.go(self.device)
                if block.pinned:
                    self.device.unpin(block.host)
        if gone:
            left = {key: [piece for piece in pieces if piece.block not in gone] for key, pieces in self._known.items()}
            self._known = {key: pieces for key, pieces in left.items() if pieces}

    def _found(self, keys: Iterable[Hashable]) -> dict[Hashable, Piece]:
        """Places of equal weights, in blocks of which enough is needed."""
        candidates = {key: self._known[key] for key in keys if isinstance(key, str) and key in self._known}
        needed = Counter[Block]()
        for pieces in candidates.values():
            for piece in pieces:
                needed[piece.block] += piece.bytes
        found: dict[Hashable, Piece] = {}
        for key, pieces in candidates.items():
            for piece in pieces:
                if needed[piece.block] >= SHARED * piece.block.weight:
                    found.setdefault(key, piece)
        return found


@torch.inference_mode(False)
def _settled(tensors: Mapping[Hashable, torch.Tensor], digests: Mapping[int, str]) -> dict[Hashable, Piece]:
    """One block of these tensors; each is pointed at its place at once, so that its old memory is free."""
    if not tensors:
        return {}
    starts, end = [], 0
    for tensor in tensors.values():
        starts.append(end)
        end += -(-tensor.nbytes // ALIGN) * ALIGN
    block = Block(torch.empty(end, dtype=torch.uint8), sum(tensor.nbytes for tensor in tensors.values()))
    places: dict[Hashable, Piece] = {}
    for (key, tensor), start in zip(tensors.items(), starts, strict=True):
        shape = tuple(tensor.shape)
        piece = places[key] = Piece(block, start, tensor.nbytes, tensor.dtype, shape, digests[id(tensor)])
        view = piece.of(block.host)
        view.copy_(tensor.detach())
        tensor.data = view
    return places


def _digests(tensors: Sequence[torch.Tensor]) -> list[str]:
    """sha256 of each (dtype, shape, values), hexadecimal."""
    if sum(tensor.nbytes for tensor in tensors) < THREADED:
        return [_digest(tensor) for tensor in tensors]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1), "hash") as threads:
        return list(threads.map(_digest, tensors))


def _digest(tensor: torch.Tensor) -> str:
    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    made = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    made.update(flat.numpy())
    return made.hexdigest()
