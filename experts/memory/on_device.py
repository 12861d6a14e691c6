"""Models on the device: who is there, who is evicted when room is needed, what is fetched before it is asked for."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from experts import hub
from experts.memory.devices import GIB, Limits
from experts.memory.in_ram import Event, InRam, Log, Model, NoRoom, Sizes, total


@dataclass(frozen=True)
class Candidate:
    """Who may be evicted, from RAM or from the device.

    Attributes:
        key: who.
        sizes: what it uses.
        used, transient: see `Model`.
        held: it must not leave: it is pinned, or it runs.
        wanted: the calls that wait need it.
    """

    key: str
    sizes: Sizes
    used: int = 0
    held: bool = False
    wanted: bool = False
    transient: bool = False


def evictions(
    candidates: Sequence[Candidate], incoming: Sizes, limit: float, spare_wanted: bool = False
) -> list[str] | None:
    """Keys of those that leave so that the others and `incoming` weigh at most `limit` bytes; None: it cannot be.

    First what is transient, last what is wanted (never with `spare_wanted`); in between the least recently used, and of
    those the one whose return copies the fewest bytes. Nobody leaves whose leaving turns out not to be needed.
    """

    def weigh(leaving: Iterable[Candidate]) -> int:
        keys = {one.key for one in leaving}
        return total(incoming, *(one.sizes for one in candidates if one.key not in keys))

    def own(one: Candidate) -> int:
        others = {block for other in candidates if other.key != one.key for block in other.sizes}
        return sum(size for block, size in one.sizes.items() if block not in others)

    may = [one for one in candidates if not one.held and not (spare_wanted and one.wanted)]
    may.sort(key=lambda one: (not one.transient, one.wanted, one.used, own(one)))
    gone: list[Candidate] = []
    while weigh(gone) > limit:
        if not may:
            return None
        gone.append(may.pop(0))
    for one in reversed(gone[:-1]):
        fewer = [other for other in gone if other is not one]
        if weigh(fewer) <= limit:
            gone = fewer
    return [one.key for one in gone]


class OnDevice:
    """The memory of one device.

    Attributes:
        models: who is there, least recently used first.
        pinned: keys that are never evicted; `wanted`: keys that waiting calls need; `current`: the key that runs.
    """

    def __init__(self, limits: Limits, ram: InRam, log: Log) -> None:
        self._limits, self._ram, self._log = limits, ram, log
        self.models: OrderedDict[str, Model] = OrderedDict()
        self.pinned: set[str] = set()
        self.wanted: frozenset[str] = frozenset()
        self.current = ""

    @property
    def used(self) -> int:
        """Bytes of everybody's weights."""
        return total(*(model.device_sizes for model in self.models.values()))

    def make_room(self, model: Model) -> None:
        """Evicts whoever has to leave for it. Raises NoRoom, and then nobody has left."""
        incoming, limit = model.device_sizes, self._limits.vram_gib * GIB
        need = total(incoming) + model.work
        needs = f"{model.key} needs {need / GIB:.3g} GiB"
        if need > limit:
            raise NoRoom(f"{needs} and the limit is {limit / GIB:.3g} GiB: raise vram_gib or drop it")
        going = evictions(self._others(model), incoming, limit - model.work)
        if going is None:
            held = ", ".join(one.key for one in self._others(model) if one.held)
            raise NoRoom(f"{needs} beside the pinned {held}: unpin one or raise vram_gib")
        for key in going:
            free = limit - self.used
            self.evict(key, f"room for {model.key}: {need / GIB:.3g} GiB, {free / GIB:.3g} GiB free")

    def enter(self, model: Model, reason: str) -> None:
        """Brings it in, as the most recently used. Raises NoRoom, or what its copies raise; it is not there then."""
        self.make_room(model)
        self.models.pop(model.key, None)
        self._bring(model, reason)
        try:
            moved = sum(part.to_device(self._limits.backend) for part in model.moving)
        except BaseException:
            self.evict(model.key, "it did not come in whole")
            raise
        if moved:
            self._log.append(Event("enter", model.key, moved, reason))

    def prefetch(self, model: Model) -> None:
        """Starts its copies while another runs, where nobody that is wanted has to leave."""
        working = self.models.get(self.current)
        limit = self._limits.vram_gib * GIB - max(model.work, working.work if working else 0)
        going = evictions(self._others(model, self.current), model.device_sizes, limit, spare_wanted=True)
        if going is None:
            return
        for key in going:
            self.evict(key, f"room for {model.key}, which is next")
        with contextlib.suppress(Exception):  # less room than we know of: it comes when it is asked for
            self._bring(model, f"next after {self.current}")

    def evict(self, key: str, reason: str) -> None:
        """It leaves; what others use stays. What cannot stay in RAM is dropped. Unknown keys are let be."""
        model = self.models.pop(key, None)
        if model is None:
            return
        others = list(self.models.values())
        used = {block for other in others for block in other.device_sizes}
        freed = sum(size for block, size in model.device_sizes.items() if block not in used)
        staying = {part for other in others for part in other.moving}
        left = [part.leave(self._ram.store, used) for part in model.moving if part not in staying]
        self._log.append(Event("evict", key, freed, reason))
        kept = bool(model.parts) and all(left)
        del model
        if not kept and key in self._ram.models:
            self._ram.forget(key)

    def forget_homeless(self, key: str) -> None:
        """A model is not on the device: where it has no torch modules, it is nowhere."""
        if key in self._ram.models and not self._ram.models[key].parts:
            self._ram.forget(key)

    def relieve(self) -> bool:
        """Everybody leaves but who runs and who is pinned; returns whether that gave memory back."""
        before = self.used
        for key in [one.key for one in self._others(hold=self.current) if not one.held]:
            self.evict(key, "a call ran out of memory")
        self._limits.backend.free()
        return self.used < before

    def _bring(self, model: Model, reason: str) -> None:
        """Starts the copies that are lacking; where one fails, it leaves again."""
        self.models[model.key] = model
        try:
            bytes = sum(part.send(self._limits.backend) for part in model.moving)
        except BaseException:
            self.evict(model.key, "it did not come in whole")
            raise
        if bytes:
            self._log.append(Event("enter", model.key, bytes, reason))

    def _others(self, model: Model | None = None, hold: str = "") -> list[Candidate]:
        """Everybody else. For a text encoder, the model that it encodes for leaves last."""
        encodes_for = self.current if model is not None and model.transient else ""
        return [
            Candidate(
                other.key,
                other.device_sizes,
                other.used,
                held=other.key in self.pinned or other.key == hold,
                wanted=other.key in self.wanted or other.key == encodes_for,
                transient=other.transient,
            )
            for other in self.models.values()
            if model is None or other.key != model.key
        ]


class ReadAhead:
    """Reads weight files before they are asked for, so that they come from the system's cache and not from the disk.

    Only bytes are read. Building a model in another thread would not be safe beside one that runs: `from_pretrained`
    sets torch's default dtype and replaces `nn.Module.register_parameter` for the whole process while it works.
    `bytes`: what was read so far.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._seen: set[Path] = set()
        self._thread: Thread | None = None

    def __call__(self, needs: Iterable[str]) -> None:
        """Starts reading what was not read before, in the background; does nothing while a read is under way."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._read, args=(tuple(needs),), name="read ahead", daemon=True)
            self._thread.start()

    def join(self) -> None:
        """Waits for the read that is under way."""
        if self._thread is not None:
            self._thread.join()

    def _read(self, needs: Iterable[str]) -> None:
        files = [file for need in needs for file in weight_files(need) if file not in self._seen]
        self._seen.update(files)
        buffer = bytearray(2**24)
        for path in files:
            with contextlib.suppress(OSError), path.open("rb", buffering=0) as file:  # whoever loads it says why
                while count := file.readinto(buffer):
                    self.bytes += count


def weight_files(need: str) -> list[Path]:
    """The safetensors files of a folder, a file or a hub id in the local hub cache; of a pipeline, those of its parts:
    a checkpoint beside them is not what is loaded."""
    if Path(need).is_absolute():
        place = Path(need)
    else:
        found = hub.snapshot(need)
        if found is None:
            return []
        place = found / hub.split(need)[1]
    files = [place] if place.suffix == ".safetensors" else sorted(place.rglob("*.safetensors"))
    pipeline = (place / "model_index.json").is_file()
    return [file for file in files if file.is_file() and not (pipeline and file.parent == place)]
