"""What a model weighs. Nothing here imports torch: where nobody did, there are no weights."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

GIB = 2**30


def parts_of(model: Any) -> dict[str, Any]:
    """The torch modules of a model by name: its `parts`, or itself where it is one; empty for anything else."""
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    if isinstance(model, torch.nn.Module):
        return {"": model}
    parts = getattr(model, "parts", None)
    if not isinstance(parts, Mapping):
        return {}
    return {name: part for name, part in parts.items() if isinstance(part, torch.nn.Module)}


def weight_bytes(model: Any) -> int:
    """Bytes of a model's weights: its own `weight_bytes`, or those of its torch modules; 0 for anything else."""
    known = getattr(model, "weight_bytes", None)
    return int(known) if known is not None else module_bytes(list(parts_of(model).values()))


def module_bytes(modules: Iterable[Any]) -> int:
    """Bytes of the weights of several torch modules; tensors that share their memory count once."""
    sizes: dict[Any, int] = {}
    for module in modules:
        for tensor in (*module.parameters(), *module.buffers()):
            where = id(tensor) if tensor.is_meta else (str(tensor.device), tensor.data_ptr())
            sizes[where] = max(sizes.get(where, 0), tensor.nbytes)
    return sum(sizes.values())


def machine_gib() -> float:
    """Memory of this machine, or of the container that the process is in, GiB."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text()
        machine = min(machine, int(limit))
    except (OSError, ValueError):  # no such file; 'max'
        pass
    return machine / GIB
