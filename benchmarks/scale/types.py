"""What the model of a pool is given, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

CRITIC = "critic"


@dataclass(frozen=True)
class Model:
    """An expert, or the critic.

    Attributes:
        id: its name.
        seconds: a picture; call: each call beside that, however many pictures, s.
        gib: on the device; load: s of bringing it into memory, beside reading its bytes.
        usd: price of a picture, USD.
    """

    id: str
    seconds: float
    call: float = 0.0
    gib: float = 0.0
    load: float = 0.0
    usd: float = 0.0


@dataclass(frozen=True)
class Machine:
    """What a worker has: GiB on the device and in RAM, GiB/s from disk to RAM and from RAM to the device; `separate`:
    whether the device has a memory of its own."""

    room: float = inf
    ram: float = inf
    disk: float = inf
    bus: float = inf
    separate: bool = True


@dataclass(frozen=True)
class Setup:
    """A pool.

    Attributes:
        models: by name; who is held by no worker is a service.
        workers: names of the models that each holds.
        drivers: processes that play; seats: episodes that each steps together.
        whole: a group goes to one worker (`engine.reproducible`).
        sending: s that a call spends on its way, both ways together.
        step: s that a driver computes for each episode and step, what it does to send and receive pictures included.
    """

    models: Mapping[str, Model]
    workers: tuple[tuple[str, ...], ...]
    drivers: int = 1
    seats: int = 16
    whole: bool = True
    machine: Machine = Machine()
    sending: float = 0.0
    step: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        episodes: that ended; seconds: until the last did; seated: when the last took its seat, s.
        ends: when each ended; stays: how long each had its seat; waits: of each picture or verdict for its turn, s.
        busy: s that each worker ran or loaded.
        pictures: asked of experts; calls: of models by workers; switches: calls of another expert than before.
        loads: models that came to a device; loading: s of that.
        usd: paid for pictures.
    """

    episodes: int
    seconds: float
    seated: float
    ends: tuple[float, ...]
    stays: tuple[float, ...]
    waits: tuple[float, ...]
    busy: tuple[float, ...]
    pictures: int
    calls: int
    switches: int
    loads: int
    loading: float
    usd: float

    @property
    def rate(self) -> float:
        """Episodes a second while all seats are taken: from when a quarter has ended until the last is seated; of a
        run that is shorter, of all of it."""
        first = sorted(self.ends)[len(self.ends) // 4] if self.ends else 0.0
        steady = sum(first < end <= self.seated for end in self.ends)
        return (
            steady / (self.seated - first) if steady >= 100 else self.episodes / self.seconds if self.seconds else 0.0
        )

    @property
    def used(self) -> float:
        """Share of the workers' time that they ran or loaded, [0, 1]."""
        return sum(self.busy) / (len(self.busy) * self.seconds) if self.busy and self.seconds else 0.0
