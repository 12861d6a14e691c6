"""`Residency`: what is in RAM, what of it is on the device, and when it moves."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from experts.failures import boundary
from experts.residency.ahead import ReadAhead
from experts.residency.devices import Device
from experts.residency.events import Event, Log, NoRoom
from experts.residency.limits import Limits
from experts.residency.rows import Rows
from experts.residency.running import Running
from experts.residency.shelf import Shelf
from experts.residency.stage import Guest, Stage
from experts.residency.weights import GIB, weight_bytes

if TYPE_CHECKING:
    from experts.residency._store import Store

T = TypeVar("T")


class Residency(Limits):
    """Keeps models in RAM and on one device.

    A model is brought to the device by `acquire` and stays there at least until the next `acquire`: whoever calls it
    holds `running` from before the one until after the call.

    Attributes:
        running: held while a model is brought in and runs: one device, one model at a time.
        prompts: text embeddings; `ahead`: reads weight files in the background.

    Args:
        device: 'cpu', 'cuda', 'cuda:N', another device of torch, or a `Device`; None: a GPU where there is one.
        vram_gib: room on the device, GiB; None: the GPU's memory, no limit on CPU. Models with torch modules need what
            they weigh (what they share counts once) and, for the one that runs, what its card declares beyond that;
            others need what they declare.
        dtype: 'float32', 'float16' or 'bfloat16'; None: float32 on CPU, bfloat16 on GPU.
        ram_gib: room in RAM, GiB: nothing leaves RAM as long as all weights together are below it. None: four fifths
            of the machine's memory. On a CPU it is at most `vram_gib`.
        reserve_gib: least room on the device that weights leave to calls, GiB; None: 0 on CPU, else `CONTEXT_GIB`.
        prompts_gib: room in RAM for text embeddings, GiB.
        read_ahead: read weight files of what is needed next in the background; None: not on a CPU.

    Raises:
        ValueError: an unknown dtype.
    """

    def __init__(
        self,
        device: str | Device | None = None,
        vram_gib: float | None = None,
        dtype: str | None = None,
        *,
        ram_gib: float | None = None,
        reserve_gib: float | None = None,
        prompts_gib: float = 1.0,
        read_ahead: bool | None = None,
    ) -> None:
        super().__init__(device, vram_gib, dtype, ram_gib, reserve_gib)
        self._read_ahead = read_ahead
        self._log, self._clock = Log(), 0
        self._shelf = Shelf(lambda: self.on, self._log)
        self._stage = Stage(
            lambda: self.on, lambda: self.vram_gib * GIB, self._log, self._shelf.leave, self._shelf.left
        )
        self.prompts, self.ahead = Rows(prompts_gib * GIB), ReadAhead()
        self.running = Running(self.relieve)

    @property
    def store(self) -> Store:
        """The weights in RAM."""
        return self._shelf.store

    @property
    def log(self) -> tuple[Event, ...]:
        """Every load and move, oldest first."""
        return tuple(self._log.events)

    @property
    def resident(self) -> tuple[str, ...]:
        """Keys of the models on the device, least recently used first."""
        return tuple(key for key, guest in list(self._stage.guests.items()) if not guest.lent)

    @property
    def kept(self) -> tuple[str, ...]:
        """Keys of the models in RAM, on the device or not, least recently used first."""
        return tuple(self._shelf.models)

    @property
    def used_gib(self) -> float:
        """What all models on the device weigh, GiB; shared weights count once."""
        return self._stage.used / GIB

    def acquire(self, key: str, load: Callable[[], T], gib: float) -> T:
        """The model of that key on the device, loaded where it is not in RAM; others leave where it needs their room.

        Args:
            load: gives the model with its weights in RAM, in `dtype`. Its torch modules are `model.parts` (a mapping),
                or itself.
            gib: what it declares to need, GiB: all its weights and one call.

        Raises:
            NoRoom: larger than a limit, or than what is not pinned.
            whatever `load` raises; nothing of the model stays then.
        """
        with self.running:
            if key not in self._shelf.models:
                self._load(key, load, gib)
            self._clock += key not in self._stage.wanted
            self._stage.current = key
            self._shelf.touch(key, self._clock)
            model = self._shelf.models[key].model
            self._enter(self._guest(key), "asked for")
            return cast(T, model)

    def component(self, path: str | Path, loader: Callable[[], T]) -> T:
        """A part that models share (VAE, text encoder, tokenizer): loaded once per (resolved path, dtype).

        It stays while a model that asked for it during its own loading is in RAM; asked for outside of any loading, it
        stays for good.
        """
        where, parts = Path(path).expanduser(), self._shelf.components
        name = str(where.resolve()) if where.exists() else str(path)
        with self.running:
            if not parts.has(name, self.dtype):
                start, part = time.perf_counter(), loader()
                parts.put(name, self.dtype, part)
                self._log.note("share", name, weight_bytes(part), parts.reason, start)
            return cast(T, parts.get(name, self.dtype))

    def pin(self, key: str) -> None:
        """Never evict this model (it need not be loaded yet)."""
        self._stage.pinned.add(key)

    def unpin(self, key: str) -> None:
        """Let this model be evicted again."""
        self._stage.pinned.discard(key)

    def expect(self, keys: Iterable[str]) -> None:
        """What the waiting calls need: it leaves last, and counts as used at the same time."""
        self._stage.wanted = frozenset(keys)
        self._clock += 1

    def missing(self, key: str, gib: float = 0.0) -> int:
        """Bytes that bringing a model in would copy; of one that is not in RAM, the `gib` that it declares."""
        return self._stage.missing(self._guest(key)) if key in self._shelf.models else int(gib * GIB)

    def prefetch(self, key: str, needs: Iterable[str] = ()) -> None:
        """This model is needed next: its weights come in beside what runs, where nobody that is wanted must leave.

        One that is not in RAM cannot be built while another runs (see `ahead`): its files are read, so that building it
        finds them in the system's cache. `needs`: these files' folders or hub ids.
        """
        with self.running:
            if key in self._shelf.models:
                if key not in self._stage.guests:
                    self._stage.ahead(self._guest(key), f"next after {self._stage.current}")
            elif self._read_ahead if self._read_ahead is not None else self.device != "cpu":
                self.ahead(needs)

    def lend(self, module: Any) -> None:
        """This module comes to the device only inside of `using`, not with the models that have it."""
        self._shelf.lent.add(module)

    @contextlib.contextmanager
    def using(self, module: Any) -> Iterator[None]:
        """A lent module's weights are on the device inside; afterwards it is the first to leave.

        Where it does not fit beside the model that runs, that one goes to RAM and comes back afterwards.
        """
        placed = self._shelf.find(module)
        if placed is None or not self.on.apart:
            yield
            return
        with self.running:
            key = self._stage.current
            self.store.refresh(placed)
            name = f"{type(module).__name__} {placed.content[:8]}"
            self._enter(Guest(name, (placed,), work=self.reserve_gib * GIB, used=self._clock, lent=True), f"for {key}")
            try:
                yield
            finally:
                if key in self._shelf.models:
                    self._enter(self._guest(key), "its prompts are encoded")

    def content(self, module: Any) -> str:
        """sha256 of a module's class, configuration and weights; '' where it is in no model here (yet)."""
        placed = self._shelf.find(module)
        if placed is not None:
            self.store.refresh(placed)
        return placed.content if placed is not None else ""

    def evict(self, key: str, reason: str = "asked to") -> None:
        """A model leaves the device; RAM too, where it cannot move. Unknown keys are let be."""
        with self.running:
            self._stage.evict(key, reason)

    def drop(self, key: str, reason: str = "asked to") -> None:
        """A model leaves RAM, and so do the parts that no other model uses. Unknown keys are let be."""
        with self.running:
            self._stage.evict(key, reason)
            if key in self._shelf.models:
                start, before = time.perf_counter(), self._shelf.bytes
                self._shelf.forget(key)
                self._log.note("drop", key, before - self._shelf.bytes, reason, start)

    def relieve(self) -> bool:
        """After a call ran out of memory: everything leaves the device that neither runs nor is pinned.

        Returns whether that gave memory back, so that it is worth trying the call again.
        """
        with self.running:
            if self.on.apart:
                return self._stage.relieve()
            before = self._shelf.bytes
            for key in self.kept:
                if key not in self._stage.pinned and key != self._stage.current:
                    self.drop(key, "a call ran out of memory")
            return self._shelf.bytes < before

    def _load(self, key: str, load: Callable[[], Any], gib: float) -> None:
        declared = min(gib, self.vram_gib) if self.on.apart else gib  # only what is in RAM can be weighed: see `_guest`
        self._stage.room(Guest(key, fixed={key: int(declared * GIB)}))
        self._shelf.load(key, load, gib)
        try:
            for other in self._shelf.crowded(self.ram_gib * GIB, key, self._stage.pinned, self._stage.wanted):
                self.drop(other, f"room in RAM for {key}")
        except NoRoom:
            self._shelf.forget(key)
            raise

    def _guest(self, key: str) -> Guest:
        return self._shelf.guest(key, self.reserve_gib * GIB)

    def _enter(self, guest: Guest, reason: str) -> None:
        """Brings it in; where the device has less room than we know of, once more with everybody else gone."""
        try:
            self._stage.enter(guest, reason)
        except Exception as error:
            if isinstance(error, NoRoom) or boundary(error).kind != "memory" or not self._stage.relieve():
                self._shelf.left(guest.key)
                raise
            self._stage.enter(guest, reason)
