"""A lesson: say what is in each cell, before an edit and after it. What says it is thrown away after training.

The diffusion loss alone takes long to find out which words mean which item of the picture. The twin of reading
captions before drawing (`text`): a linear head on the network's own hidden vectors, one a grid cell, names the contents
of the source and of the target.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from experts.poster.scene import COLOURS, SHAPES, SIZES
from experts.poster.train.family import CHANGED

CELLS = 9
SPLIT = (len(SHAPES) + 1, len(COLOURS) + 1, len(SIZES) + 1, len(COLOURS))
"""Classes of a cell's shape, colour and size (0: nothing there) and of the background."""


class Lesson(nn.Module):
    """A network and the head that is trained with it.

    `inside` are layers of `network` that give one vector a cell: [B, width, 3, 3], or tokens [B, 9 or 18, width], alone
    or last in a tuple, where the second nine belong to the source; with each its width.
    """

    def __init__(self, network: nn.Module, inside: Sequence[tuple[nn.Module, int]]) -> None:
        super().__init__()
        self.network = network
        self.heads = nn.ModuleList(_Head(width) for _, width in inside)
        self._seen: list[torch.Tensor] = []
        for layer, _ in inside:
            layer.register_forward_hook(self._look)

    def _look(self, layer: nn.Module, given: Any, made: Any) -> None:
        if torch.is_grad_enabled():
            hidden = made[-1] if isinstance(made, tuple) else made
            self._seen.append(hidden.flatten(2).transpose(1, 2) if hidden.dim() == 4 else hidden)

    def forward(self, before: torch.Tensor | None, after: torch.Tensor) -> torch.Tensor:
        """Mean cross entropy of naming `before` (None: no source) and `after`, [B, 28] `bank.facts`, in the last
        forward pass of the network."""
        if len(self._seen) != len(self.heads):
            raise RuntimeError(
                f"{len(self._seen)} layers seen, not {len(self.heads)}: one forward pass of the network first"
            )
        seen, self._seen = self._seen, []
        weight = torch.ones(len(after), CELLS, device=after.device)
        if before is not None:
            weight = weight + CHANGED * (before != after)[:, :27].view(-1, CELLS, 3).any(dim=2)
        weight = weight / weight.sum()
        told = [head(hidden, before, after, weight) for head, hidden in zip(self.heads, seen, strict=True)]
        return torch.stack(told).mean()


class _Head(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.before, self.after = nn.Linear(width, sum(SPLIT)), nn.Linear(width, sum(SPLIT))

    def forward(
        self, hidden: torch.Tensor, before: torch.Tensor | None, after: torch.Tensor, weight: torch.Tensor
    ) -> torch.Tensor:
        hidden = self.norm(hidden)
        told = _named(self.after(hidden[:, :CELLS]), after, weight)
        return told if before is None else told + _named(self.before(hidden[:, -CELLS:]), before, weight)


def _named(logits: torch.Tensor, facts: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    parts = logits.split(SPLIT, dim=2)
    cells = facts[:, :27].view(-1, CELLS, 3)
    error = F.cross_entropy(parts[3].mean(dim=1), facts[:, 27])
    for part, wanted in zip(parts[:3], cells.unbind(dim=2), strict=True):
        error = error + (weight * F.cross_entropy(part.transpose(1, 2), wanted, reduction="none")).sum()
    return error / 4
