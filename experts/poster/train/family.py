"""What the families of the embedded experts share: a batch, frozen parts, the loss and the noise schedule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, DiffusionPipeline
from transformers import CLIPTextModel, T5EncoderModel

from experts.poster.train.bank import load_vae
from experts.poster.train.loop import device
from experts.poster.train.store import WEIGHTS
from experts.poster.train.vocabulary import tokenizer

CHANNELS, EDGE, WIDTH = 16, 6, 128
CAPTION, COMMAND = 40, 28
"""Tokens that the transformer families are handed: a caption, a command."""


@dataclass(frozen=True)
class Batch:
    """target, source: [B, 16, 6, 6] raw latents (source None for text-to-image); ids, mask: [B, 48], full scenes 72."""

    target: torch.Tensor
    source: torch.Tensor | None
    ids: torch.Tensor
    mask: torch.Tensor


@lru_cache
def shared(part: str) -> Any:
    """A frozen part that several families use: 'vae', 'clip', 't5' or 'tokenizer'."""
    if part == "tokenizer":
        return tokenizer()
    if part == "vae":
        return load_vae()
    kind = CLIPTextModel if part == "clip" else T5EncoderModel
    module = kind.from_pretrained(WEIGHTS / part, dtype=torch.float32)
    return module.to(device()).requires_grad_(False).eval()


Inside = list[tuple[torch.nn.Module, int]]


class Family(Protocol):
    """One architecture."""

    def build(self) -> torch.nn.Module:
        """A fresh network."""
        ...

    def loss(self, module: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """The diffusion loss of one batch."""
        ...

    def inside(self, module: torch.nn.Module) -> Inside:
        """Layers whose outputs hold one vector a grid cell, and how wide they are (see `lesson`)."""
        ...

    def pipeline(self, module: torch.nn.Module) -> DiffusionPipeline:
        """The pipeline around a trained network; shared parts are the ones of `shared()`."""
        ...


def noise_schedule() -> DDPMScheduler:
    """Squared cosine, velocity prediction."""
    return DDPMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
        timestep_spacing="trailing",  # a run starts at pure noise, as training did; 'leading' would not
        steps_offset=1,
    )


def flow(target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logit-normal sigma [B], noisy latents, and the velocity noise - data that the network is to predict."""
    sigma = torch.sigmoid(torch.randn(len(target), device=target.device))
    noise = torch.randn_like(target)
    weight = sigma[:, None, None, None]
    return sigma, (1 - weight) * target + weight * noise, noise - target


CHANGED = 4.0
"""How much more a grid cell that an edit changes weighs in the loss than one that is only to be copied."""


def error(made: torch.Tensor, wanted: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Mean squared error of [B, C, H, W]; with a source, cells that differ from it weigh 1 + CHANGED, mean weight 1."""
    if batch.source is None:
        return F.mse_loss(made, wanted)
    moved = F.max_pool2d((batch.target - batch.source).abs().amax(dim=1, keepdim=True), 2) > 0.5
    weight = 1 + CHANGED * F.interpolate(moved.float(), scale_factor=2)
    return (weight / weight.mean(dim=(1, 2, 3), keepdim=True) * (made - wanted) ** 2).mean()
