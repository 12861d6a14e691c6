"""The models in RAM: what each consists of, and who leaves RAM when it is full."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from experts.residency.components import Components
from experts.residency.devices import Device
from experts.residency.events import Log, NoRoom
from experts.residency.leaving import Stay, leavers, total
from experts.residency.stage import Guest
from experts.residency.weights import GIB, parts_of, weight_bytes

if TYPE_CHECKING:
    from experts.residency._blocks import Apart, Placed
    from experts.residency._store import Store


@dataclass
class Kept:
    """A model in RAM.

    Attributes:
        model: what its loader gave.
        gib: what it declares to need on the device, GiB.
        placed: its torch modules by their id; `apart`: those that another library moves.
        used: when it was last used.
    """

    model: Any
    gib: float
    placed: Mapping[int, Placed]
    apart: tuple[Apart, ...]
    used: int = 0

    @property
    def movable(self) -> bool:
        """Whether it can leave the device and stay in RAM."""
        return bool(self.placed) and not any(part.device for part in self.apart)

    @property
    def ram(self) -> dict[Hashable, int]:
        """Its blocks in RAM and their bytes."""
        sizes: dict[Hashable, int] = {block: block.host.nbytes for p in self.placed.values() for block in p.blocks}
        return sizes | {part: part.ram for part in self.apart}


class Shelf:
    """Models by key, least recently used first.

    Attributes:
        components: parts that they share.
        lent: modules that do not come to the device with their models.
    """

    def __init__(self, device: Callable[[], Device], log: Log) -> None:
        self.models: dict[str, Kept] = {}
        self.components = Components()
        self.lent: WeakSet[Any] = WeakSet()
        self._device, self._log = device, log

    @cached_property
    def store(self) -> Store:
        """The weights of all torch modules."""
        from experts.residency._store import Store

        return Store(self._device())

    @property
    def bytes(self) -> int:
        """What all weights in RAM take, shared ones once."""
        return total(*(kept.ram for kept in self.models.values()))

    def load(self, key: str, load: Callable[[], Any], gib: float) -> Kept:
        """Loads a model and puts its weights in blocks."""
        start = time.perf_counter()
        with self.components.owner(key):
            model = load()
            placed, apart = self._take(model)
        self.models[key] = Kept(model, gib, placed, apart)
        self._log.note("load", key, weight_bytes(model), "asked for", start)
        return self.models[key]

    def _take(self, model: Any) -> tuple[dict[int, Placed], tuple[Apart, ...]]:
        parts = parts_of(model)
        if not parts:
            return {}, ()
        from experts.residency._blocks import Apart, is_apart

        placed: dict[int, Placed] = {}
        try:
            for part in parts.values():
                if not is_apart(part) and id(part) not in placed:
                    placed[id(part)] = self.find(part) or self.store.place(part)
        except BaseException:
            for one in placed.values():
                self._let_go(one)
            raise
        return placed, tuple(Apart(part) for part in parts.values() if is_apart(part))

    def find(self, module: Any) -> Placed | None:
        """Where a module is; None: in no model here."""
        return next((found for kept in self.models.values() if (found := kept.placed.get(id(module)))), None)

    def touch(self, key: str, used: int) -> None:
        """It is used now."""
        self.models[key] = self.models.pop(key)
        self.models[key].used = used
        for placed in self.models[key].placed.values() if self._device().apart else ():
            self.store.refresh(placed)

    def guest(self, key: str, reserve: float) -> Guest:
        """The model as the device sees it: without what is lent. `reserve`: bytes, the least that its calls need."""
        kept = self.models[key]
        placed = tuple(one for one in kept.placed.values() if one.module not in self.lent)
        fixed: dict[Hashable, int] = {part: part.device for part in kept.apart}
        if not kept.placed and not kept.apart:
            return Guest(key, fixed={key: int(kept.gib * GIB)}, used=kept.used)
        weights = sum(part.ram + part.device for part in kept.apart) + sum(one.weight for one in kept.placed.values())
        return Guest(key, placed, fixed, max(reserve, kept.gib * GIB - weights), kept.used)

    def leave(self, placed: Placed) -> None:
        """Points a module at RAM."""
        self.store.leave(placed)

    def left(self, key: str) -> None:
        """It left the device: what cannot move is gone."""
        if key in self.models and not self.models[key].movable:
            self.forget(key)

    def forget(self, key: str) -> None:
        """Drops a model, and the parts that no other model uses."""
        kept = self.models.pop(key)
        for placed in kept.placed.values():
            self._let_go(placed)
        modules = bool(kept.placed or kept.apart)
        del kept
        self.components.release(key)
        if modules or self._device().apart:  # pipelines hold themselves in circles
            gc.collect()
        self._device().free()

    def _let_go(self, placed: Placed) -> None:
        if self.find(placed.module) is None:
            self.store.forget(placed)

    def crowded(self, limit: float, key: str, pinned: set[str], wanted: frozenset[str]) -> list[str]:
        """Who leaves RAM so that all weights are below `limit` bytes; `key` has just come.

        Raises:
            NoRoom: all that may leave is not enough.
        """
        if self.bytes <= limit:
            return []
        stays = [
            Stay(name, kept.ram, kept.used, held=name == key or name in pinned, wanted=name in wanted)
            for name, kept in self.models.items()
            if kept.placed or kept.apart
        ]
        going = leavers(stays, {}, limit)
        if going is None:
            needs = total(self.models[key].ram) / GIB
            raise NoRoom(f"{key} takes {needs:.3g} GiB of RAM and the limit is {limit / GIB:.3g} GiB: raise ram_gib")
        return going
