"""`Residency`: what is in RAM, what of it is on the device, and when it moves."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakKeyDictionary

from cachetools import LRUCache

from experts.failures import boundary
from experts.memory.devices import GIB, Device, Limits
from experts.memory.in_ram import Event, InRam, Log, Model, NoRoom, total
from experts.memory.on_device import Candidate, OnDevice, ReadAhead, evictions

if TYPE_CHECKING:
    from experts.memory.weights import WeightStore

T = TypeVar("T")


class EmbeddingCache(LRUCache[Hashable, dict[Hashable, Any]]):
    """Answers of text encoders: prompt -> name of a field -> tensor. Full, it forgets the least recently used prompts.

    `limit`: bytes. `passes`: prompts that an encoder computed so far.
    """

    def __init__(self, limit: float) -> None:
        super().__init__(limit, lambda fields: sum(getattr(value, "nbytes", 0) for value in fields.values()))
        self.passes = 0

    def put(self, prompt: Hashable, field: Hashable, value: Any) -> None:
        """Keeps one field of a prompt, unless the prompt alone would then be larger than the limit."""
        with contextlib.suppress(ValueError):
            self[prompt] = {**self.get(prompt, {}), field: value}


class DeviceLock:
    """Lock: one model runs per device, because schedulers hold state and memory is shared.

    `relieve`: makes room on the device after a call ran out of memory; returns whether that gave memory back, so that
    it is worth trying the call again.
    """

    def __init__(self, relieve: Callable[[], bool] = lambda: False) -> None:
        self.relieve = relieve
        self._lock = RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()


class Residency(Limits):
    """Keeps models in RAM and on one device.

    RAM holds every model once, equal weights shared. Loading on the device copies each block of weights once; eviction
    copies nothing back, because weights are read-only.

    A model is brought to the device by `acquire` and stays there at least until the next `acquire`: whoever calls it
    holds `running` from before the one until after the call.

    Attributes:
        running: held while a model is brought in and runs.
        pinned: keys of models that are never evicted; they need not be loaded yet.
        log: every load and move, oldest first.
        prompts: text embeddings. `read_ahead`: reads weight files in the background.

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
        self._reads_ahead, self._clock = read_ahead, 0
        self._contents: WeakKeyDictionary[Any, tuple[list[int], str]] = WeakKeyDictionary()
        self.log = Log(maxlen=100_000)
        self._ram = InRam(self, self.log)
        self._on_device = OnDevice(self, self._ram, self.log)
        self.pinned = self._on_device.pinned
        self.prompts, self.read_ahead = EmbeddingCache(prompts_gib * GIB), ReadAhead()
        self.running = DeviceLock(self.relieve)

    @property
    def store(self) -> WeightStore:
        """The weights in RAM."""
        return self._ram.store

    @property
    def resident(self) -> tuple[str, ...]:
        """Keys of the models on the device, least recently used first."""
        if not self.backend.separate:
            return self.kept
        return tuple(key for key, model in list(self._on_device.models.items()) if not model.transient)

    @property
    def kept(self) -> tuple[str, ...]:
        """Keys of the models in RAM, on the device or not, least recently used first."""
        return tuple(self._ram.models)

    @property
    def used_gib(self) -> float:
        """What all models on the device weigh, GiB; shared weights count once."""
        return (self._on_device.used if self.backend.separate else self._ram.bytes) / GIB

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
            self._on_device.current = key
            if key not in self._ram.models:
                self._load(key, load, gib)
            self._clock += key not in self._on_device.wanted
            if self.backend.separate:
                self._enter(self._ram.use(key, self._clock), "asked for")
                return cast(T, self._ram.models[key].loaded)
            model = self._ram.models[key] = self._ram.models.pop(key)
            model.used = self._clock
            return cast(T, model.loaded)

    def make_room(self, bytes: int) -> None:
        """Room on the device for a library that loads straight to it: others leave.

        Raises:
            NoRoom: more than the limit, or than what is not pinned.
        """
        with self.running:
            if self.backend.separate:
                key = self._on_device.current
                self._on_device.make_room(Model(f"{key}, which is loaded to the device,", gib=bytes / GIB))

    def component(self, path: str | Path, loader: Callable[[], T]) -> T:
        """A part that models share (VAE, text encoder, tokenizer): loaded once per (resolved path, dtype).

        It stays while a model that asked for it during its own loading is in RAM; asked for outside of any loading, it
        stays for good.
        """
        with self.running:
            return cast(T, self._ram.component(path, loader))

    def expect(self, keys: Iterable[str]) -> None:
        """Names the models that waiting calls need: they are evicted last, and count as used at the same time."""
        self._on_device.wanted = frozenset(keys)
        self._clock += 1

    def bytes_to_copy(self, key: str, gib: float) -> int:
        """Bytes that bringing a model in would copy; of one that is not in RAM, the `gib` that it declares."""
        if key not in self._ram.models:
            return int(gib * GIB)
        if not self.backend.separate:
            return 0
        there = {block for model in self._on_device.models.values() for block in model.device_sizes}
        return sum(size for block, size in self._ram.models[key].device_sizes.items() if block not in there)

    def prefetch(self, key: str, needs: Iterable[str] = ()) -> None:
        """This model is needed next: its weights are copied while another runs, where nobody that is wanted must leave.

        One that is not in RAM cannot be built while another runs (see `ReadAhead`): its files are read, so that
        building it finds them in the system's cache. `needs`: these files' folders or hub ids.
        """
        with self.running:
            if key in self._ram.models:
                if self.backend.separate and key not in self._on_device.models:
                    self._on_device.prefetch(self._ram.models[key])
            elif self._reads_ahead if self._reads_ahead is not None else self.device != "cpu":
                self.read_ahead(needs)

    def lend(self, module: Any) -> None:
        """This module comes to the device only inside of `using`, not with the models that have it."""
        self._ram.lent.add(module)

    @contextlib.contextmanager
    def using(self, module: Any) -> Iterator[None]:
        """A lent module's weights are on the device inside; afterwards it is the first to leave.

        Where it does not fit beside the model that runs, that one goes to RAM and comes back afterwards.
        """
        part = self._ram.find(module) if self.backend.separate else None
        if part is None:
            yield
            return
        with self.running:
            key = self._on_device.current
            self.store.refresh(part)
            name = f"{type(module).__name__} {part.content[:8]} {id(module):x}"  # equal ones leave one by one
            reserve = self.reserve_gib * GIB
            encoder = Model(name, None, 0, reserve, {id(module): part}, used=self._clock, transient=True)
            self._enter(encoder, f"for {key}")
            try:
                yield
            finally:
                if key in self._ram.models:
                    self._enter(self._ram.models[key], "its prompts are encoded")

    def content(self, module: Any) -> str:
        """Equal for modules that compute the same: sha256 of class, configuration and weights; of one that its library
        moves, a name of its own. '' where it is in no model here (yet)."""
        tensors = [*map(id, module.parameters()), *map(id, module.buffers())]
        known = self._contents.get(module)
        if known is None or known[0] != tensors:
            part = self._ram.find(module)
            if part is None:
                return ""
            self.store.refresh(part)
            known = self._contents[module] = tensors, part.content
        return known[1]

    def evict(self, key: str, reason: str = "asked to") -> None:
        """A model leaves the device; RAM too, where it cannot move. Unknown keys are let be, and on a CPU all are."""
        with self.running:
            self._on_device.evict(key, reason)

    def drop(self, key: str, reason: str = "asked to") -> None:
        """A model leaves RAM, and so do the parts that no other model uses. Unknown keys are let be."""
        with self.running:
            self._on_device.evict(key, reason)
            if key in self._ram.models:
                before = self._ram.bytes
                self._ram.forget(key)
                self.log.append(Event("drop", key, before - self._ram.bytes, reason))

    def relieve(self) -> bool:
        """After a call ran out of memory: everything leaves the device that neither runs nor is pinned.

        Returns whether that gave memory back, so that it is worth trying the call again.
        """
        with self.running:
            if self.backend.separate:
                return self._on_device.relieve()
            before = self._ram.bytes
            for key in self.kept:
                if key not in self.pinned and key != self._on_device.current:
                    self.drop(key, "a call ran out of memory")
            return self._ram.bytes < before

    def _load(self, key: str, load: Callable[[], Any], gib: float) -> None:
        """Into RAM; others leave RAM where its limit asks for it. Only what is there can be weighed."""
        limit = self.ram_gib
        if not self.backend.separate and gib > self.vram_gib:
            raise NoRoom(
                f"{key} needs {gib:.3g} GiB and the limit is {self.vram_gib:.3g} GiB: raise vram_gib or drop it"
            )
        try:
            self._ram.load(key, load, gib)
        except Exception as error:
            if isinstance(error, NoRoom) or boundary(error).kind != "memory" or not self.relieve():
                raise
            self._ram.load(key, load, gib)
        if self._ram.bytes <= limit * GIB:
            return
        going = evictions(self._in_ram(key), {}, limit * GIB)
        if going is None:
            needs = total(self._ram.models[key].ram_sizes) / GIB
            self._ram.forget(key)
            pinned = ", ".join(other for other in self.kept if other in self.pinned)
            remedy = f" beside the pinned {pinned}: unpin one or raise" if pinned else ": raise"
            raise NoRoom(f"{key} takes {needs:.3g} GiB of RAM and the limit is {limit:.3g} GiB{remedy} ram_gib")
        for other in going:
            self.drop(other, f"room in RAM for {key}")

    def _in_ram(self, held: str) -> list[Candidate]:
        """Who may be evicted from RAM."""
        wanted = self._on_device.wanted
        return [
            Candidate(
                one.key,
                one.ram_sizes,
                one.used,
                held=one.key == held or one.key in self.pinned,
                wanted=one.key in wanted,
            )
            for one in self._ram.weighed
        ]

    def _enter(self, model: Model, reason: str) -> None:
        """Brings it in; where the device has less room than we know of, once more with everybody else gone."""
        try:
            self._on_device.enter(model, reason)
        except Exception as error:
            if isinstance(error, NoRoom) or boundary(error).kind != "memory" or not self._on_device.relieve():
                self._on_device.forget_homeless(model.key)
                raise
            self._on_device.enter(model, reason)
