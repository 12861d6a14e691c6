"""Small models and a device that copies: what the residency's tests share."""

from __future__ import annotations

from typing import Any

import torch

from experts.memory import Mirror, Residency


class Model:
    """A model of named parts."""

    def __init__(self, **parts: Any) -> None:
        self.parts = parts


def layers(seed: int, *sizes: int) -> torch.nn.Module:
    """Linear layers with random weights."""
    torch.manual_seed(seed)
    return torch.nn.Sequential(*(torch.nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)))


def mirror(**limits: Any) -> tuple[Residency, Mirror]:
    """A residency over a device that copies and counts."""
    device = Mirror()
    return Residency(device, **limits), device


def spots(module: torch.nn.Module) -> set[int]:
    """Where its tensors lie."""
    return {tensor.data_ptr() for tensor in (*module.parameters(), *module.buffers())}
