"""First part of the critic's training: its vision tower alone, with throw-away heads that read every cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from experts.poster.scene import COLOURS, SHAPES, SIZES, UNKNOWN, Scene
from experts.poster.train.critic_data import Sample, rendered
from experts.poster.train.critic_model import WIDTH_VISION, build_model, build_tokenizer
from experts.poster.train.loop import FOLDER, Schedule, device
from experts.poster.train.vae import to_tensor

# 'place' is trivial to read and makes the tower say in every token which cell it is: without it the language model has
# to learn places from distances in the text, and did not within 600 steps.
HEADS = {
    "place": 9,
    "there": 2,
    "shape": len(SHAPES),
    "colour": len(COLOURS),
    "size": len(SIZES),
    "background": len(COLOURS),
}
IGNORED = -100


def targets(scenes: list[Scene]) -> dict[str, torch.Tensor]:
    """Class numbers [B, 9] a head; IGNORED where a cell has no such attribute."""
    names = list(COLOURS)
    table = {head: torch.full((len(scenes), 9), IGNORED) for head in HEADS}
    for row, scene in enumerate(scenes):
        table["place"][row] = torch.arange(9)
        table["there"][row] = 0
        table["background"][row] = names.index(scene.background)
        for item in scene.items:
            cell = (row, item.place)
            table["there"][cell] = 1
            table["colour"][cell] = names.index(item.colour)
            if item.shape != UNKNOWN:
                table["shape"][cell] = SHAPES.index(item.shape)
                table["size"][cell] = SIZES.index(item.size)
    return {head: numbers.to(device()) for head, numbers in table.items()}


class Eyes(nn.Module):
    """A CLIP vision tower and one linear layer that reads all heads out of each cell's token."""

    def __init__(self) -> None:
        super().__init__()
        self.tower: nn.Module = build_model(build_tokenizer()).model.vision_tower
        self.heads = nn.Linear(WIDTH_VISION, sum(HEADS.values()))

    def forward(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        """[B, 3, 96, 96] -> logits [B, 9, classes] a head."""
        tokens = self.tower(pixels, output_hidden_states=True).hidden_states[-1][:, 1:]
        return dict(zip(HEADS, self.heads(tokens).split(list(HEADS.values()), dim=-1), strict=True))


def reading_loss(read: dict[str, torch.Tensor], scenes: list[Scene]) -> torch.Tensor:
    """Sum of the heads' mean cross entropies (a scalar)."""
    total = torch.zeros((), device=device())
    for head, numbers in targets(scenes).items():
        if bool((numbers != IGNORED).any()):
            total = total + F.cross_entropy(read[head].flatten(0, 1), numbers.flatten(), ignore_index=IGNORED)
    return total


class CriticVision:
    """Training job of the vision tower."""

    name = "critic-vision"
    schedule = Schedule(steps=1200, batch=48, rate=1.5e-3, ema=0.995, evaluate_every=400)

    def __init__(self) -> None:
        self.module: nn.Module = Eyes()
        rng = np.random.default_rng(77)
        self.held_out: list[Sample] = rendered(rng, 200, "validation", worn=0.0)
        self.worn: list[Sample] = rendered(rng, 200, "validation", worn=1.0)

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        """What the heads read on a batch of fresh renders, four in ten degraded."""
        samples = rendered(rng, self.schedule.batch)
        read = self.module(to_tensor([s.picture for s in samples]).contiguous())
        return reading_loss(read, [s.scene for s in samples])

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Share of cells read right, by head, on clean renders; of whole items on clean and on degraded ones."""
        figures = {}
        for label, samples in (("", self.held_out), ("worn_", self.worn)):
            read = module(to_tensor([s.picture for s in samples]).contiguous())
            wanted = targets([s.scene for s in samples])
            right = {head: read[head].argmax(-1) == wanted[head] for head in HEADS}
            named = wanted["shape"] != IGNORED
            whole = right["there"] & right["shape"] & right["colour"] & right["size"]
            figures[label + "items"] = round(float(whole[named].float().mean()), 4)
            for head in HEADS if not label else ("there",):
                known = wanted[head] != IGNORED
                figures[label + head] = round(float(right[head][known].float().mean()), 4)
        return figures

    def save(self, module: nn.Module) -> None:
        """Keeps the tower for the second part; the heads go."""
        save_file({k: v.contiguous() for k, v in module.get_submodule("tower").state_dict().items()}, tower_path())


def tower_path() -> Path:
    """Where the trained tower waits for the second part."""
    return FOLDER / CriticVision.name / "tower.safetensors"


def load_tower(tower: nn.Module) -> None:
    """Puts the trained weights into a vision tower of the same shape."""
    tower.load_state_dict(load_file(tower_path()))
