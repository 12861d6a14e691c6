"""U-Nets of the embedded experts: Stable Diffusion, InstructPix2Pix, MagicBrush."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import (
    DiffusionPipeline,
    DPMSolverMultistepScheduler,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)

from experts.poster.train.family import CHANNELS, EDGE, WIDTH, Batch, Inside, error, noise_schedule, shared


def _unet(channels: int, widths: tuple[int, int]) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=EDGE,
        in_channels=channels,
        out_channels=CHANNELS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        block_out_channels=widths,
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
    )


@dataclass(frozen=True)
class UNet:
    """Stable Diffusion (U-Net, v-prediction on a cosine schedule) and, with `edits`, InstructPix2Pix."""

    edits: bool = False

    def build(self) -> torch.nn.Module:
        """A fresh U-Net: 6x6 convolutions, cross attention at 3x3, where a position is a grid cell."""
        unet = _unet(2 * CHANNELS, (64, 80)) if self.edits else _unet(CHANNELS, (64, 96))
        return unet.to(memory_format=torch.channels_last)

    def loss(self, module: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """Mean squared error of v; source latents are concatenated unscaled, as InstructPix2Pix does.

        Time steps are uniform; with a source late ones are favoured: what an edit does is decided while noise is high.
        """
        with torch.no_grad():
            text = shared("clip")(input_ids=batch.ids).last_hidden_state
        clean = batch.target * shared("vae").config.scaling_factor
        schedule = noise_schedule()
        share = torch.rand(len(clean), device=clean.device) ** (0.6 if self.edits else 1.0)
        steps = (share * schedule.config.num_train_timesteps).long().clamp(max=schedule.config.num_train_timesteps - 1)
        noise = torch.randn_like(clean)
        noisy, wanted = schedule.add_noise(clean, noise, steps), schedule.get_velocity(clean, noise, steps)
        if batch.source is not None:
            noisy = torch.cat([noisy, batch.source], dim=1)
        return error(module(noisy, steps, encoder_hidden_states=text).sample, wanted, batch)

    def inside(self, module: torch.nn.Module) -> Inside:
        """The middle block: 3x3."""
        return [(module.mid_block, module.config.block_out_channels[-1])]

    def pipeline(self, module: torch.nn.Module) -> DiffusionPipeline:
        """StableDiffusionPipeline or StableDiffusionInstructPix2PixPipeline with DPM++."""
        kind = StableDiffusionInstructPix2PixPipeline if self.edits else StableDiffusionPipeline
        config = {k: v for k, v in noise_schedule().config.items() if not k.startswith("_")}
        return kind(
            vae=shared("vae"),
            text_encoder=shared("clip"),
            tokenizer=shared("tokenizer"),
            unet=module,
            scheduler=DPMSolverMultistepScheduler.from_config(config, lambda_min_clipped=-5.1),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
