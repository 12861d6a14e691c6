"""Models in RAM: what each weighs, and what they share."""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from weakref import WeakSet

from experts.memory.devices import GIB, Limits

if TYPE_CHECKING:
    from experts.memory.weights import Part, WeightStore

Sizes = Mapping[Hashable, int]
"""Blocks of weights and their bytes; a block that several models use is the same key in each."""


class NoRoom(MemoryError):
    """A model that does not fit, whatever is evicted."""


class Event(NamedTuple):
    """Something that was loaded or moved, and why.

    `kind`: load: disk to RAM · share: a part that models share was loaded · enter: RAM to device · evict: off the
    device · drop: out of RAM. `bytes`: load and share: of its weights, shared parts included; enter: copied; evict and
    drop: given back.
    """

    kind: Literal["load", "share", "enter", "evict", "drop"]
    key: str
    bytes: int
    reason: str


Log = deque[Event]


@dataclass(eq=False)
class Model:
    """A model in RAM; the same object stands for it on the device.

    Attributes:
        loaded: what its loader gave.
        gib: what it declares to need on the device, GiB: its weights and one call.
        reserve: least room on the device that its calls need, bytes.
        parts: its torch modules by their id.
        lent: modules that do not come to the device with it.
        used: when it was last used; larger is later, those of one round are equal.
        transient: it is on the device for a moment and the first to leave (a text encoder).
    """

    key: str
    loaded: Any = None
    gib: float = 0.0
    reserve: float = 0.0
    parts: Mapping[int, Part] = field(default_factory=dict)
    lent: Collection[Any] = ()
    used: int = 0
    transient: bool = False

    @property
    def moving(self) -> list[Part]:
        """Its modules that come to the device with it."""
        return [part for part in self.parts.values() if part.module not in self.lent]

    @property
    def ram_sizes(self) -> dict[Hashable, int]:
        """What it uses of RAM: block -> bytes; all that it declares where it has no torch modules."""
        return {block: size for part in self.parts.values() for block, size in part.ram_sizes.items()} or self._declared

    @property
    def device_sizes(self) -> dict[Hashable, int]:
        """What its weights use of the device: block -> bytes; all that it declares where it has no torch modules."""
        if not self.parts:
            return self._declared
        return {block: size for part in self.moving for block, size in part.device_sizes.items()}

    @property
    def _declared(self) -> dict[Hashable, int]:
        return {} if self.parts else {self.key: int(self.gib * GIB)}

    @property
    def work(self) -> float:
        """Bytes that its calls need beside its weights."""
        weights = sum(part.weight for part in self.parts.values())
        return max(self.reserve, self.gib * GIB - weights) if self.parts else 0.0


class InRam:
    """The models in RAM by key, least recently used first, and the parts that they share.

    `lent`: modules that do not come to the device with their models.
    """

    def __init__(self, limits: Limits, log: Log) -> None:
        self.models: dict[str, Model] = {}
        self.lent: WeakSet[Any] = WeakSet()
        self._limits, self._log = limits, log
        self._shared: dict[tuple[str, str], tuple[Any, set[str]]] = {}  # (source, dtype) -> part, keys of its users
        self._loading: list[str] = []

    @cached_property
    def store(self) -> WeightStore:
        """The weights of all torch modules."""
        from experts.memory.weights import WeightStore

        return WeightStore(self._limits.backend)

    @property
    def bytes(self) -> int:
        """What all weights in RAM take, shared ones once."""
        return total(*(model.ram_sizes for model in self.weighed))

    @property
    def weighed(self) -> list[Model]:
        """The models that use RAM: on a device with memory of its own, those without torch modules are there."""
        return [model for model in self.models.values() if model.parts or not self._limits.backend.separate]

    def load(self, key: str, load: Callable[[], Any], gib: float) -> None:
        """Loads a model and puts its weights in blocks; where that fails, nothing of it stays."""
        self._loading.append(key)
        try:
            loaded = load()
            parts = self._place(parts_of(loaded))
        except BaseException:
            self._release(key)
            raise
        finally:
            self._loading.pop()
        reserve = self._limits.reserve_gib * GIB
        self.models[key] = Model(key, loaded, gib, reserve, parts, self.lent)
        self._log.append(Event("load", key, module_bytes(parts_of(loaded)), "asked for"))

    def component(self, path: str | Path, loader: Callable[[], Any]) -> Any:
        """The part of that source in the present dtype; it belongs to the model that is being loaded."""
        where = Path(path).expanduser()
        name = (str(where.resolve()) if where.exists() else str(path), self._limits.dtype)
        user = self._loading[-1] if self._loading else ""
        if name not in self._shared:
            part = loader()
            self._shared[name] = part, set()
            reason = f"part of {user}" if user else "asked for"
            self._log.append(Event("share", name[0], module_bytes(parts_of(part)), reason))
        part, users = self._shared[name]
        users.add(user)
        return part

    def find(self, module: Any) -> Part | None:
        """Where a module is; None: in no model here."""
        return next((m.parts[id(module)] for m in self.models.values() if id(module) in m.parts), None)

    def use(self, key: str, when: int) -> Model:
        """The model, which is used now; tensors that it got meanwhile are taken in."""
        model = self.models[key] = self.models.pop(key)
        model.used = when
        for part in model.parts.values():
            self.store.refresh(part)
        return model

    def forget(self, key: str) -> None:
        """Drops a model, and the parts that no other model uses. No caller may hold the model."""
        model = self.models.pop(key)
        self._remove(model.parts.values())
        collect = bool(model.parts) or self._limits.backend.separate
        del model
        self._release(key)
        if collect:  # pipelines hold themselves in circles
            gc.collect()
        self._limits.backend.free()

    def _place(self, modules: Sequence[Any]) -> dict[int, Part]:
        parts: dict[int, Part] = {}
        try:
            for module in modules:
                if id(module) not in parts:
                    parts[id(module)] = self.find(module) or self.store.add(module)
        except BaseException:
            self._remove(parts.values())
            raise
        return parts

    def _remove(self, parts: Iterable[Part]) -> None:
        for part in parts:
            if self.find(part.module) is None:
                self.store.release(part.blocks)

    def _release(self, user: str) -> None:
        for name, (_, users) in list(self._shared.items()):
            users.discard(user)
            if not users:
                del self._shared[name]


def parts_of(model: Any) -> list[Any]:
    """The torch modules of a model: of its `parts` (a mapping), or itself; none where nobody imported torch."""
    torch = sys.modules.get("torch")
    if torch is None:
        return []
    parts = {"": model} if isinstance(model, torch.nn.Module) else getattr(model, "parts", None)
    return [part for part in parts.values() if isinstance(part, torch.nn.Module)] if isinstance(parts, Mapping) else []


def module_bytes(modules: Iterable[Any]) -> int:
    """Bytes of the weights of several torch modules; tensors that share their memory count once."""
    sizes: dict[Any, int] = {}
    for module in modules:
        for tensor in (*module.parameters(), *module.buffers()):
            where = id(tensor) if tensor.is_meta else (str(tensor.device), tensor.data_ptr())
            sizes[where] = max(sizes.get(where, 0), tensor.nbytes)
    return sum(sizes.values())


def total(*sizes: Sizes) -> int:
    """Bytes of all together, each block once."""
    return sum({block: size for each in sizes for block, size in each.items()}.values())
