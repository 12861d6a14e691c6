"""The devices that models run on, in the few operations in which they differ, and how much of them may be used."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

GIB = 2**30
DTYPES = ("float32", "float16", "bfloat16")
CONTEXT_GIB = 2.0
"""Left free on a GPU unless a card asks for more: the driver's context, the caches of cuBLAS and cuDNN, fragments."""
RAM_SHARE = 0.8
"""Share of the machine's memory that weights may take unless a limit is given."""


class DeviceCopy(NamedTuple):
    """A copy of a buffer on the device; `event` is waited for before it is read (None: the copy is complete)."""

    buffer: Any
    event: Any = None


class Device:
    """The CPU, which computes with weights in RAM as they are. Other devices override what differs.

    Attributes:
        name: as torch knows it.
        separate: it has memory of its own, so that weights are copied to it.
    """

    name = "cpu"
    separate = False

    def memory(self) -> float:
        """Its memory, bytes (inf: no limit)."""
        return float("inf")

    def pin(self, buffer: Any) -> int:
        """Makes a buffer in RAM (uint8 [n]) fast to copy from; returns the bytes that this pinned."""
        return 0

    def unpin(self, buffer: Any) -> None:
        """Undoes `pin`, after the last copy."""

    def send(self, buffer: Any) -> DeviceCopy:
        """Starts one copy of a buffer in RAM (uint8 [n]) to the device."""
        return DeviceCopy(buffer)

    def wait(self, copy: DeviceCopy) -> None:
        """Computations that start from now on see the complete copy."""

    def take(self, module: Any, bytes: int) -> None:
        """Moves a module of that many bytes to the device as its library does it."""
        module.to(self.name)

    def free(self) -> None:
        """Gives unused memory back."""


class Mirror(Device):
    """A second memory inside of RAM: everything is really copied and counted. For tests and figures without a GPU.

    Attributes:
        copies, copied: copies to the device, and their bytes; `pinned`: bytes pinned at present.
    """

    separate = True

    def __init__(self) -> None:
        self.copies = self.copied = self.pinned = 0

    def pin(self, buffer: Any) -> int:
        """Counts."""
        self.pinned += buffer.nbytes
        return int(buffer.nbytes)

    def unpin(self, buffer: Any) -> None:
        """Counts."""
        self.pinned -= buffer.nbytes

    def send(self, buffer: Any) -> DeviceCopy:
        """Copies."""
        self.copies, self.copied = self.copies + 1, self.copied + buffer.nbytes
        return DeviceCopy(buffer.clone())

    def take(self, module: Any, bytes: int) -> None:
        """Counts."""
        self.copies, self.copied = self.copies + 1, self.copied + bytes


class Cuda(Device):
    """One NVIDIA GPU. Weights are copied on a stream of their own, while another model computes.

    Buffers are registered with the driver as they are (cudaHostRegister): torch's own pinned memory is rounded up to
    powers of two (pytorch#95823).
    """

    separate = True

    def __init__(self, name: str) -> None:
        self.name = name

    def memory(self) -> float:
        """Of the whole GPU, bytes."""
        import torch

        return float(torch.cuda.mem_get_info(self.name)[1])

    @cached_property
    def _stream(self) -> Any:
        import torch

        return torch.cuda.Stream(self.name)

    def pin(self, buffer: Any) -> int:
        """Registers the buffer; 0 where the driver refuses (copies are slower then, and as right)."""
        import torch

        runtime: Any = torch.cuda.cudart()
        portable = 1
        code = runtime.cudaHostRegister(buffer.data_ptr(), buffer.nbytes, portable)
        return int(buffer.nbytes) if code == runtime.cudaError.success else 0

    def unpin(self, buffer: Any) -> None:
        """Waits for copies under way."""
        import torch

        torch.cuda.synchronize(self.name)
        runtime: Any = torch.cuda.cudart()
        runtime.cudaHostUnregister(buffer.data_ptr())

    def send(self, buffer: Any) -> DeviceCopy:
        """Memory comes from the stream that computes; the copy waits for whatever used that memory before."""
        import torch

        with torch.cuda.device(self.name):
            here = torch.empty(buffer.nbytes, dtype=torch.uint8, device=self.name)
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                here.copy_(buffer, non_blocking=True)
            return DeviceCopy(here, self._stream.record_event())

    def wait(self, copy: DeviceCopy) -> None:
        """The stream that computes waits, not the caller."""
        import torch

        torch.cuda.current_stream(self.name).wait_event(copy.event)

    def free(self) -> None:
        """Empties torch's cache."""
        import torch

        torch.cuda.empty_cache()


class OtherDevice(Device):
    """Any other device of torch: copies are made at once, from memory that is not pinned."""

    separate = True

    def __init__(self, name: str) -> None:
        self.name = name

    def send(self, buffer: Any) -> DeviceCopy:
        """Copies."""
        return DeviceCopy(buffer.to(self.name))


@dataclass(eq=False, repr=False)
class Limits:
    """What may be used, as `Residency` is told; what is left open is decided at first use (torch is imported then).

    Raises:
        ValueError: an unknown dtype.
    """

    _device: str | Device | None
    _vram_gib: float | None
    _dtype: str | None
    _ram_gib: float | None
    _reserve_gib: float | None

    def __post_init__(self) -> None:
        if self._dtype is not None and self._dtype not in DTYPES:
            raise ValueError(f"no such dtype {self._dtype!r}; type one of {', '.join(DTYPES)}")

    @cached_property
    def backend(self) -> Device:
        """The device's operations."""
        name = self._device
        if name is None:
            import torch

            name = "cuda" if torch.cuda.is_available() else "cpu"
        if isinstance(name, Device) or name == "cpu":
            return name if isinstance(name, Device) else Device()
        return Cuda(name) if name.partition(":")[0] == "cuda" else OtherDevice(name)

    @cached_property
    def device(self) -> str:
        """The device's name, as torch knows it."""
        return self.backend.name

    @cached_property
    def dtype(self) -> str:
        """What weights are cast to when they are loaded."""
        return self._dtype or ("float32" if self.device == "cpu" else "bfloat16")

    @cached_property
    def vram_gib(self) -> float:
        """Room on the device, GiB (inf: no limit)."""
        return self._vram_gib if self._vram_gib is not None else self.backend.memory() / GIB

    @cached_property
    def ram_gib(self) -> float:
        """Room in RAM, GiB; on a device without memory of its own at most `vram_gib`."""
        if self._ram_gib is not None:
            room = self._ram_gib
        else:  # of the machine, or of the container that the process is in
            memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            with contextlib.suppress(OSError, ValueError):  # no such file; 'max'
                memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
            room = RAM_SHARE * memory / GIB
        return room if self.backend.separate else min(room, self.vram_gib)

    @cached_property
    def reserve_gib(self) -> float:
        """Least room on the device that weights leave to calls, GiB."""
        return self._reserve_gib if self._reserve_gib is not None else 0.0 if self.device == "cpu" else CONTEXT_GIB
