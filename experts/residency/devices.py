"""Where models run: the few calls in which one kind of device differs from another."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple, Protocol


class Sent(NamedTuple):
    """A block's copy on the device, and what to wait for before it is read (None: it is there)."""

    buffer: Any
    mark: Any = None


class Device(Protocol):
    """`name`: as torch knows it. `apart`: it has a memory of its own, so that weights are copied to it."""

    name: str
    apart: bool

    @property
    def total(self) -> float:
        """Its memory, bytes (inf: no limit)."""
        ...

    def pin(self, buffer: Any) -> int:
        """Makes a buffer in RAM fast to copy from; returns the bytes that this pinned."""
        ...

    def unpin(self, buffer: Any) -> None:
        """Undoes `pin`, after the last copy."""
        ...

    def send(self, buffer: Any) -> Sent:
        """Starts one copy of a buffer in RAM (uint8 [n]) to the device."""
        ...

    def arrive(self, sent: Sent) -> None:
        """What is computed from now on sees the copy whole."""
        ...

    def free(self) -> None:
        """Gives memory that nobody uses back."""
        ...


class Host:
    """The CPU: what is in RAM is on the device."""

    name = "cpu"
    apart = False
    total = float("inf")

    def pin(self, buffer: Any) -> int:
        """Nothing to do."""
        return 0

    def unpin(self, buffer: Any) -> None:
        """Nothing to do."""

    def send(self, buffer: Any) -> Sent:
        """Nothing is copied."""
        return Sent(buffer)

    def arrive(self, sent: Sent) -> None:
        """It is there."""

    def free(self) -> None:
        """Nothing to do."""


class Mirror(Host):
    """A second memory inside of RAM: everything is really copied and counted. For tests and figures without a GPU.

    Attributes:
        copies, copied: copies to the device, and their bytes; `pinned`: bytes pinned at present.
    """

    apart = True

    def __init__(self, total: float = float("inf")) -> None:
        self.total = total
        self.copies = self.copied = self.pinned = 0

    def pin(self, buffer: Any) -> int:
        """Counts."""
        self.pinned += buffer.nbytes
        return int(buffer.nbytes)

    def unpin(self, buffer: Any) -> None:
        """Counts."""
        self.pinned -= buffer.nbytes

    def send(self, buffer: Any) -> Sent:
        """Copies."""
        self.copies, self.copied = self.copies + 1, self.copied + buffer.nbytes
        return Sent(buffer.clone())


class Cuda:
    """One NVIDIA GPU. Weights come in on a stream of their own, beside what is computed.

    Buffers are registered with the driver as they are (cudaHostRegister): torch's own pinned memory is rounded up to
    powers of two (pytorch#95823).
    """

    apart = True

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def total(self) -> float:
        """Its memory, bytes."""
        import torch

        return float(torch.cuda.mem_get_info(self.name)[1])

    @cached_property
    def _stream(self) -> Any:
        import torch

        return torch.cuda.Stream(self.name)

    def pin(self, buffer: Any) -> int:
        """Registers; 0 where the driver refuses (copies are slower then, and as right)."""
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

    def send(self, buffer: Any) -> Sent:
        """Memory comes from the stream that computes; the copy waits for whatever used that memory before."""
        import torch

        with torch.cuda.device(self.name):
            here = torch.empty(buffer.nbytes, dtype=torch.uint8, device=self.name)
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                here.copy_(buffer, non_blocking=True)
            return Sent(here, self._stream.record_event())

    def arrive(self, sent: Sent) -> None:
        """The stream that computes waits, not the caller."""
        import torch

        if sent.mark is not None:
            torch.cuda.current_stream(self.name).wait_event(sent.mark)

    def free(self) -> None:
        """Empties torch's cache."""
        import torch

        torch.cuda.empty_cache()


class Plain(Host):
    """Any other device of torch: copies are made at once, from memory that is not pinned."""

    apart = True

    def __init__(self, name: str) -> None:
        self.name = name

    def send(self, buffer: Any) -> Sent:
        """Copies."""
        return Sent(buffer.to(self.name))


def device_of(name: str | None) -> Device:
    """The device that torch knows by that name; None: a GPU where there is one."""
    if name is None:
        import torch

        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return Host()
    return Cuda(name) if name.partition(":")[0] == "cuda" else Plain(name)
