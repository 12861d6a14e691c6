"""The diffusion transformer of the embedded experts: PixArt."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers import DiffusionPipeline, DPMSolverMultistepScheduler, PixArtAlphaPipeline, PixArtTransformer2DModel

from experts.poster.train.family import CAPTION, CHANNELS, EDGE, WIDTH, Batch, Inside, flow, shared


@dataclass(frozen=True)
class PixArt:
    """PixArt-alpha: a diffusion transformer (AdaLN-single, cross attention), one token a grid cell, flow prediction.

    `caption`: tokens of a prompt that it is handed.
    """

    caption: int = CAPTION

    def build(self) -> torch.nn.Module:
        """A fresh transformer."""
        return PixArtTransformer2DModel(
            num_attention_heads=4,
            attention_head_dim=WIDTH // 4,
            in_channels=CHANNELS,
            out_channels=CHANNELS,
            num_layers=5,
            cross_attention_dim=WIDTH,
            caption_channels=WIDTH,
            sample_size=EDGE,
            patch_size=2,
            norm_type="ada_norm_single",
            use_additional_conditions=False,
        )

    def loss(self, module: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """Mean squared error of the velocity; the padding of the caption is masked."""
        ids, mask = batch.ids[:, : self.caption], batch.mask[:, : self.caption]
        with torch.no_grad():
            text = shared("t5")(input_ids=ids, attention_mask=mask).last_hidden_state
        sigma, noisy, wanted = flow(batch.target * shared("vae").config.scaling_factor)
        out = module(
            noisy,
            encoder_hidden_states=text,
            encoder_attention_mask=mask,
            timestep=sigma * 1000,
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
        ).sample
        return F.mse_loss(out, wanted)

    def inside(self, module: torch.nn.Module) -> Inside:
        """The last block."""
        return [(module.transformer_blocks[-1], WIDTH)]

    def pipeline(self, module: torch.nn.Module) -> DiffusionPipeline:
        """PixArtAlphaPipeline with DPM++ on flow sigmas."""
        return PixArtAlphaPipeline(
            tokenizer=shared("tokenizer"),
            text_encoder=shared("t5"),
            vae=shared("vae"),
            transformer=module,
            scheduler=DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True),
        )
