"""The shared autoencoder: 96x96 px to 6x6 latents (f=16, 16 channels), two by two a grid cell."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from PIL import Image

from experts.poster.reader import read
from experts.poster.render import render
from experts.poster.scene import CELL, COLOURS, SHAPES, SIDE, SIZES, Item, Scene, match
from experts.poster.train.loop import Schedule, device

NOISE = 0.05
"""Standard deviation of the noise on latents in training, so that the decoder forgives small errors."""


def dense_scene(rng: np.random.Generator) -> Scene:
    """A scene of 3 to 9 items, any combination: what the autoencoder learns from."""
    names = list(COLOURS)
    background = str(rng.choice(names))
    inks = [name for name in names if name != background]
    places = rng.permutation(9)[: rng.integers(3, 10)]
    return Scene(
        background,
        tuple(Item(int(p), str(rng.choice(SHAPES)), str(rng.choice(inks)), str(rng.choice(SIZES))) for p in places),
    )


def to_tensor(pictures: list[Image.Image]) -> torch.Tensor:
    """RGB pictures -> [B, 3, H, W] in [-1, 1], channels last."""
    pixels = torch.from_numpy(np.stack([np.asarray(p) for p in pictures])).to(device())
    return (pixels.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def to_pictures(pixels: torch.Tensor) -> list[Image.Image]:
    """[B, 3, H, W] in [-1, 1] -> RGB pictures."""
    array = ((pixels.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(a) for a in array]


def weights(pixels: torch.Tensor) -> torch.Tensor:
    """Weight of each pixel [B, 1, H, W]: 1 on the background, 5 on big items, up to 13 on small ones."""
    corner = pixels[:, :, :1, :1]  # the background: no item reaches the corner
    ink = ((pixels - corner).abs().amax(dim=1, keepdim=True) > 0.05).float()
    area = F.avg_pool2d(ink, CELL) * CELL * CELL
    scale = (450 / area.clamp(min=1)).clamp(1, 3)
    return 1 + 4 * ink * F.interpolate(scale, scale_factor=CELL)


class Vae:
    """Training job of `AutoencoderKL` (L1 + L2/2, item pixels weighted, a hinge on the latents' second moment)."""

    name = "vae"
    schedule = Schedule(steps=7000, batch=16, rate=4e-3, floor=0.01, ema=0.998, evaluate_every=500)

    def __init__(self) -> None:
        torch.manual_seed(0)
        levels = (8, 16, 32, 64, 64)
        self.module = AutoencoderKL(
            in_channels=3,
            out_channels=3,
            down_block_types=("DownEncoderBlock2D",) * len(levels),
            up_block_types=("UpDecoderBlock2D",) * len(levels),
            block_out_channels=levels,
            layers_per_block=1,
            latent_channels=16,
            norm_num_groups=1,
            mid_block_add_attention=False,
            use_quant_conv=False,
            use_post_quant_conv=False,
            sample_size=SIDE,
        ).to(memory_format=torch.channels_last)
        rng = np.random.default_rng(991)
        self.held_out = [dense_scene(rng) for _ in range(100)]
        self.pictures = [render(scene, rng) for scene in self.held_out]

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        """Reconstruction of fresh dense scenes."""
        pixels = to_tensor([render(dense_scene(rng), rng) for _ in range(self.schedule.batch)])
        latents = self.module.encode(pixels).latent_dist.mode()
        again = self.module.decode(latents + NOISE * torch.randn_like(latents)).sample
        off, weight = again - pixels, weights(pixels)
        hinge = F.relu((latents**2).mean() - 1)
        return ((off.abs() + 0.5 * off**2) * weight).mean() + hinge

    def evaluate(self, module: torch.nn.Module) -> dict[str, float]:
        """Share of objects that the reader finds again after encode and decode; PSNR in dB."""
        pixels = to_tensor(self.pictures)
        again = module.decode(module.encode(pixels).latent_dist.mode()).sample
        matches = [match(read(p), s) for p, s in zip(to_pictures(again), self.held_out, strict=True)]
        error = float(((again.clamp(-1, 1) - pixels) ** 2).mean()) / 4
        return {
            "objects": round(sum(m.right for m in matches) / sum(m.wanted for m in matches), 4),
            "backgrounds": sum(m.background for m in matches) / len(matches),
            "psnr": round(-10 * float(np.log10(error)), 2),
        }

    def save(self, module: torch.nn.Module) -> None:
        """Measures the latents' scale, stores it in the config, writes fp16 weights."""
        from experts.poster.train.store import save_part

        rng = np.random.default_rng(5)
        with torch.no_grad():
            latents = module.encode(to_tensor([render(dense_scene(rng), rng) for _ in range(128)])).latent_dist.mode()
        shift, scale = float(latents.mean()), float(1 / latents.std())
        module.register_to_config(scaling_factor=scale, shift_factor=shift)
        save_part("vae", module)
