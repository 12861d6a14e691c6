"""Who is in memory: models are loaded on demand, their shared parts once, and the least recently used leave when room
is needed. Experts and critics ask the same `Residency`."""

from __future__ import annotations

import gc
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any, Literal, TypeVar, cast

T = TypeVar("T")

GIB = 2**30
DTYPES = ("float32", "float16", "bfloat16")


class NoRoom(MemoryError):
    """A model that does not fit, whatever is evicted."""


@dataclass(frozen=True)
class Event:
    """A model or shared part that was loaded, or a model that was evicted.

    `bytes`: of its weights, shared parts included; `reason`: why; `seconds`: how long it took, s.
    """

    kind: Literal["load", "share", "evict"]
    key: str
    bytes: int
    reason: str
    seconds: float = 0.0


class Residency:
    """Keeps models in the memory of one device.

    Args:
        device: 'cpu', 'cuda' or 'cuda:N'; None: a GPU where there is one.
        vram_gib: room for all models together, GiB, as their cards declare it; None: the GPU's memory, no limit on CPU.
        dtype: 'float32', 'float16' or 'bfloat16'; None: float32 on CPU, bfloat16 on GPU.

    Raises:
        ValueError: an unknown dtype.
    """

    def __init__(self, device: str | None = None, vram_gib: float | None = None, dtype: str | None = None) -> None:
        if dtype is not None and dtype not in DTYPES:
            raise ValueError(f"no such dtype {dtype!r}; type one of {', '.join(DTYPES)}")
        self._device, self._limit, self._dtype = device, vram_gib, dtype
        self._models: OrderedDict[str, tuple[Any, float]] = OrderedDict()
        self._parts: dict[tuple[str, str], Any] = {}
        self._owners: dict[tuple[str, str], set[str]] = {}
        self._loading: list[str] = []
        self._pinned: set[str] = set()
        self._events: list[Event] = []
        self._lock = RLock()
        self.running = RLock()
        """Held while a model runs: one device, one model at a time (schedulers and tokenizers keep state)."""

    @cached_property
    def device(self) -> str:
        """The device's name, as torch knows it."""
        if self._device:
            return self._device
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    @property
    def dtype(self) -> str:
        """What weights are cast to when they are loaded."""
        return self._dtype or ("float32" if self.device == "cpu" else "bfloat16")

    @cached_property
    def vram_gib(self) -> float:
        """Room for all models together, GiB (inf: no limit)."""
        if self._limit is not None:
            return self._limit
        if not self.device.startswith("cuda"):
            return float("inf")
        import torch

        return float(torch.cuda.mem_get_info(self.device)[1]) / GIB

    @property
    def log(self) -> tuple[Event, ...]:
        """Every load and eviction, oldest first."""
        return tuple(self._events)

    @property
    def resident(self) -> tuple[str, ...]:
        """Keys of the models in memory, least recently used first."""
        return tuple(self._models)

    @property
    def used_gib(self) -> float:
        """Sum of the declared sizes of the models in memory, GiB."""
        return sum(gib for _, gib in self._models.values())

    def acquire(self, key: str, load: Callable[[], T], gib: float) -> T:
        """The model of that key, loaded where it is not in memory yet; others leave where its `gib` need the room.

        Raises:
            NoRoom: larger than the limit, or than what is not pinned.
            whatever `load` raises; nothing of the model stays then.
        """
        with self._lock:
            if key in self._models:
                self._models.move_to_end(key)
                return cast(T, self._models[key][0])
            self._make_room(key, gib)
            start = time.perf_counter()
            self._loading.append(key)
            try:
                model = load()
            except BaseException:
                self._release(key)
                raise
            finally:
                self._loading.pop()
            self._models[key] = (model, gib)
            self._note("load", key, model, "asked for", time.perf_counter() - start)
            return model

    def component(self, path: str | Path, loader: Callable[[], T]) -> T:
        """A part that models share (VAE, text encoder, tokenizer): loaded once per (resolved path, dtype).

        It stays while a model that asked for it during its own loading is in memory; asked for outside of any loading,
        it stays for good.
        """
        where = Path(path).expanduser()
        name = str(where.resolve()) if where.exists() else str(path)
        with self._lock:
            key = (name, self.dtype)
            if key not in self._parts:
                start = time.perf_counter()
                self._parts[key] = loader()
                reason = f"part of {self._loading[-1]}" if self._loading else "asked for"
                self._note("share", name, self._parts[key], reason, time.perf_counter() - start)
            self._owners.setdefault(key, set()).add(self._loading[-1] if self._loading else "")
            return cast(T, self._parts[key])

    def pin(self, key: str) -> None:
        """Never evict this model (it need not be loaded yet)."""
        self._pinned.add(key)

    def unpin(self, key: str) -> None:
        """Let this model be evicted again."""
        self._pinned.discard(key)

    def evict(self, key: str, reason: str = "asked to") -> None:
        """Drops a model, and the parts that no other model in memory uses. Unknown keys are let be."""
        with self._lock:
            if key not in self._models:
                return
            model, _ = self._models.pop(key)
            self._note("evict", key, model, reason)
            del model
            self._release(key)

    def _make_room(self, key: str, gib: float) -> None:
        if gib > self.vram_gib:
            raise NoRoom(f"{key} needs {gib:g} GiB and the limit is {self.vram_gib:g} GiB: raise vram_gib or drop it")
        while self.used_gib + gib > self.vram_gib:
            oldest = next((k for k in self._models if k not in self._pinned), None)
            if oldest is None:
                pinned = ", ".join(self._models)
                raise NoRoom(f"{key} needs {gib:g} GiB beside the pinned {pinned}: unpin one or raise vram_gib")
            self.evict(oldest, f"room for {key}: {gib:g} GiB, {self.vram_gib - self.used_gib:g} GiB free")

    def _release(self, owner: str) -> None:
        """Drops the parts that only `owner` used and gives the memory back."""
        for key in [k for k, owners in self._owners.items() if owner in owners]:
            self._owners[key].discard(owner)
            if not self._owners[key]:
                del self._owners[key]
                self._parts.pop(key, None)
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _note(
        self, kind: Literal["load", "share", "evict"], key: str, model: Any, reason: str, seconds: float = 0.0
    ) -> None:
        self._events.append(Event(kind, key, weight_bytes(model), reason, seconds))


def weight_bytes(model: Any) -> int:
    """Bytes of a model's weights: its own `weight_bytes`, or the tensors of a torch module; 0 for anything else."""
    known = getattr(model, "weight_bytes", None)
    if known is not None:
        return int(known)
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(model, torch.nn.Module):
        return 0
    return module_bytes([model])


def module_bytes(modules: list[Any]) -> int:
    """Bytes of the weights of several torch modules; tensors that they share count once."""
    storages = {}
    for module in modules:
        for tensor in (*module.parameters(), *module.buffers()):
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())
