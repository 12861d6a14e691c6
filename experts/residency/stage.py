"""The device's memory: who is on it, how they come in and leave."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from experts.residency.devices import Device
from experts.residency.events import Log, NoRoom
from experts.residency.leaving import Sizes, Stay, leavers, total
from experts.residency.weights import GIB

if TYPE_CHECKING:
    from experts.residency._blocks import Placed


@dataclass
class Guest:
    """A model on the device, or on its way.

    Attributes:
        placed: its modules, as far as they move.
        fixed: what cannot be moved and its bytes (a quantised part, a model without torch modules).
        work: bytes to be left free for its calls.
        used: when it was last used.
        lent: it is there for a moment.
    """

    key: str
    placed: tuple[Placed, ...] = ()
    fixed: Sizes = field(default_factory=dict)
    work: float = 0.0
    used: int = 0
    lent: bool = False

    @property
    def sizes(self) -> dict[Any, int]:
        """Blocks and their bytes."""
        return {block: block.weight for placed in self.placed for block in placed.blocks} | dict(self.fixed)


class Stage:
    """The memory of one device.

    Attributes:
        guests: who is there, least recently used first.
        pinned: keys that never leave; `wanted`: keys that waiting calls need; `current`: the key that runs.

    Args:
        limit: room, bytes.
        leave: points a module at RAM.
        left: told the key of whoever left.
    """

    def __init__(
        self,
        device: Callable[[], Device],
        limit: Callable[[], float],
        log: Log,
        leave: Callable[[Placed], None],
        left: Callable[[str], None],
    ) -> None:
        self.log, self._device = log, device
        self._limit, self._leave, self._left = limit, leave, left
        self.guests: OrderedDict[str, Guest] = OrderedDict()
        self.pinned: set[str] = set()
        self.wanted: frozenset[str] = frozenset()
        self.current = ""

    @property
    def device(self) -> Device:
        """The device."""
        return self._device()

    @property
    def used(self) -> int:
        """Bytes of everybody's weights."""
        return total(*(guest.sizes for guest in self.guests.values()))

    def missing(self, guest: Guest) -> int:
        """Bytes that its coming would copy."""
        there = {block for other in self.guests.values() for block in other.sizes}
        return sum(size for block, size in guest.sizes.items() if block not in there)

    def room(self, guest: Guest) -> None:
        """Makes room for it. Raises NoRoom, and then nobody has left."""
        incoming, limit = guest.sizes, self._limit()
        need = total(incoming) + guest.work
        if need > limit:
            words = f"{guest.key} needs {need / GIB:.3g} GiB and the limit is {limit / GIB:.3g} GiB"
            raise NoRoom(f"{words}: raise vram_gib or drop it")
        going = leavers(self._stays(guest), incoming, limit - guest.work)
        if going is None:
            held = ", ".join(stay.key for stay in self._stays(guest) if stay.held)
            raise NoRoom(
                f"{guest.key} needs {need / GIB:.3g} GiB beside the pinned {held}: unpin one or raise vram_gib"
            )
        for key in going:
            free = limit - self.used
            self.evict(key, f"room for {guest.key}: {need / GIB:.3g} GiB, {free / GIB:.3g} GiB free")

    def enter(self, guest: Guest, reason: str) -> None:
        """Brings it in, on top of the others; the newest."""
        self.room(guest)
        start, bytes = time.perf_counter(), 0
        self.guests[guest.key] = guest
        self.guests.move_to_end(guest.key)
        try:
            bytes = self._send(guest)
            if self.device.apart:
                for placed in guest.placed:
                    placed.come(self.device)
        except BaseException:
            self.evict(guest.key, "it did not come in whole")
            raise
        if bytes:
            self.log.note("enter", guest.key, bytes, reason, start)

    def ahead(self, guest: Guest, reason: str) -> bool:
        """Starts its copies while another runs, where nobody that is wanted has to leave; says whether it did."""
        working = self.guests.get(self.current)
        limit = self._limit() - max(guest.work, working.work if working else 0)
        going = leavers(self._stays(guest, self.current), guest.sizes, limit, spare_wanted=True)
        if going is None or not self.device.apart:
            return False
        for key in going:
            self.evict(key, f"room for {guest.key}, which is next")
        start = time.perf_counter()
        self.guests[guest.key] = guest
        try:
            bytes = self._send(guest)
        except Exception:  # less room than we know of: it comes when it is asked for
            self.evict(guest.key, "it did not come in whole")
            return False
        if bytes:
            self.log.note("enter", guest.key, bytes, reason, start)
        return True

    def evict(self, key: str, reason: str) -> None:
        """It leaves; what others use stays. Unknown keys are let be."""
        guest = self.guests.pop(key, None)
        if guest is None:
            return
        start = time.perf_counter()
        others = list(self.guests.values())
        used = {block for other in others for block in other.sizes}
        freed = sum(size for block, size in guest.sizes.items() if block not in used)
        for placed in guest.placed:
            if self.device.apart and not any(placed in other.placed for other in others):
                before = placed.blocks
                self._leave(placed)
                for block in before | placed.blocks:
                    if block not in used:
                        block.go(self.device)
        self.log.note("evict", key, freed, reason, start)
        self._left(key)

    def relieve(self) -> bool:
        """Everybody leaves but who runs and who is pinned; says whether that gave memory back."""
        going = [stay.key for stay in self._stays(hold=self.current) if not stay.held]
        before = self.used
        for key in going:
            self.evict(key, "a call ran out of memory")
        self.device.free()
        return self.used < before

    def _send(self, guest: Guest) -> int:
        if not self.device.apart:
            return 0
        blocks: Iterable[Any] = dict.fromkeys(block for placed in guest.placed for block in placed.blocks)
        return sum(block.come(self.device) for block in blocks)

    def _stays(self, guest: Guest | None = None, hold: str = "") -> list[Stay]:
        """The others, for the arithmetic. For a text encoder, the model that it encodes for leaves last."""
        running = self.current if guest is not None and guest.lent else ""
        return [
            Stay(
                other.key,
                other.sizes,
                other.used,
                held=other.key in self.pinned or other.key == hold,
                wanted=other.key in self.wanted or other.key == running,
                lent=other.lent,
            )
            for other in self.guests.values()
            if guest is None or other.key != guest.key
        ]
