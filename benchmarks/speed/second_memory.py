"""A device of torch for machines without a GPU: a second memory inside of RAM, of which every copy is counted.

`second_memory.cpp` is compiled by g++ against the torch that is here, once a version. It takes the name 'hpu', one that
torch knows and this build has no device for: torch re-points weights (`tensor.data = ...`) only between devices that it
knows (c10/core/TensorImpl.h). What it computes, the CPU computes in that memory, so that pictures are real.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

NAME = "hpu"


class Counts(NamedTuple):
    """Bytes: on the device now, most at once, copied to it, copied from it to RAM."""

    held: int
    peak: int
    to_device: int
    to_ram: int


class Memory:
    """The counters of the device, and how much of it there is.

    Attributes:
        room: bytes; what `mem_get_info` says is free is this less what is held. Nothing stops at it.
    """

    room = 2**40

    @property
    def counts(self) -> Counts:
        """Since the last `reset`."""
        import torch

        return Counts(*torch.ops.second_memory.counted())

    def reset(self) -> None:
        """Copies at 0, and the most at once what is there now."""
        import torch

        torch.ops.second_memory.reset()


def compiler() -> str | None:
    """The compiler that is here; None: there is none, and no such device."""
    return shutil.which("g++")


@cache
def device() -> Memory:
    """Makes torch know the device.

    Raises:
        OSError: no compiler, or it refused.
    """
    import torch

    torch.ops.load_library(_compiled())
    memory, module = Memory(), ModuleType("torch.hpu")
    told: dict[str, Any] = {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "_lazy_init": lambda: None,
        "_is_in_bad_fork": lambda: False,
        "manual_seed_all": lambda seed: None,
        "empty_cache": lambda: None,
        "synchronize": lambda device=None: None,
        "mem_get_info": lambda device=None: (memory.room - memory.counts.held, memory.room),
    }
    for name, value in told.items():
        setattr(module, name, value)
    torch._register_device_module(NAME, module)
    sys.modules["torch.hpu"] = module
    return memory


def _compiled() -> str:
    import torch

    source = Path(__file__).with_suffix(".cpp")
    key = hashlib.sha256(source.read_bytes() + torch.__version__.encode()).hexdigest()[:16]
    made = Path(tempfile.gettempdir()) / f"poser-second-memory-{os.getuid()}-{key}.so"
    if not made.is_file():
        found = compiler()
        if found is None:
            raise OSError("the second memory needs g++; type: apt-get install g++")
        home = Path(torch.__file__).parent
        new = made.with_suffix(f".{os.getpid()}")
        flags = ["-O1", "-std=c++20", "-shared", "-fPIC", f"-I{home}/include"]
        flags += [f"-I{home}/include/torch/csrc/api/include"]
        libraries = [f"-L{home}/lib", "-lc10", "-ltorch_cpu", f"-Wl,-rpath,{home}/lib"]
        done = subprocess.run([found, *flags, str(source), "-o", str(new), *libraries], capture_output=True, text=True)
        if done.returncode:
            raise OSError(f"g++ refused {source.name}: {done.stderr.splitlines()[0]}")
        new.replace(made)
    return str(made)
