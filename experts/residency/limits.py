"""What a residency may use: the device, the numbers, how weights are stored."""

from __future__ import annotations

from functools import cached_property

from experts.residency.devices import Device, device_of
from experts.residency.weights import GIB, machine_gib

DTYPES = ("float32", "float16", "bfloat16")
CONTEXT_GIB = 2.0
"""Left free on a GPU unless a card asks for more: the driver's context, the caches of cuBLAS and cuDNN, fragments."""
RAM_PART = 0.8
"""Part of the machine's memory that weights may take unless a limit is given."""


class Limits:
    """Device, dtype and limits; what was left open is decided when it is first asked for (torch is imported then).

    Raises:
        ValueError: an unknown dtype.
    """

    def __init__(
        self,
        device: str | Device | None,
        vram_gib: float | None,
        dtype: str | None,
        ram_gib: float | None,
        reserve_gib: float | None,
    ) -> None:
        if dtype is not None and dtype not in DTYPES:
            raise ValueError(f"no such dtype {dtype!r}; type one of {', '.join(DTYPES)}")
        self._device, self._dtype = device, dtype
        self._vram, self._ram, self._reserve = vram_gib, ram_gib, reserve_gib

    @cached_property
    def on(self) -> Device:
        """The device."""
        return device_of(self._device) if self._device is None or isinstance(self._device, str) else self._device

    @property
    def device(self) -> str:
        """The device's name, as torch knows it."""
        return self._device if isinstance(self._device, str) else self.on.name

    @property
    def dtype(self) -> str:
        """What weights are cast to when they are loaded."""
        return self._dtype or ("float32" if self.device == "cpu" else "bfloat16")

    @cached_property
    def vram_gib(self) -> float:
        """Room on the device, GiB (inf: no limit)."""
        return self._vram if self._vram is not None else self.on.total / GIB

    @cached_property
    def ram_gib(self) -> float:
        """Room in RAM, GiB."""
        room = self._ram if self._ram is not None else RAM_PART * machine_gib()
        return room if self.on.apart else min(room, self.vram_gib)

    @cached_property
    def reserve_gib(self) -> float:
        """Least room on the device that weights leave to calls, GiB."""
        return self._reserve if self._reserve is not None else 0.0 if self.device == "cpu" else CONTEXT_GIB
