"""The flow-matching transformers of the embedded experts: FLUX.1, and FLUX.1 Kontext that edits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import (
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    FluxKontextPipeline,
    FluxPipeline,
    FluxTransformer2DModel,
)

from experts.poster.train.family import CAPTION, CHANNELS, COMMAND, WIDTH, Batch, Inside, error, flow, shared


@dataclass(frozen=True)
class Flux:
    """FLUX.1 (double and single stream blocks, flow matching) and, with `edits`, FLUX.1 Kontext."""

    edits: bool = False

    def build(self) -> torch.nn.Module:
        """A fresh transformer."""
        return FluxTransformer2DModel(
            patch_size=1,
            in_channels=4 * CHANNELS,
            num_layers=2,
            num_single_layers=3,
            attention_head_dim=WIDTH // 4,
            num_attention_heads=4,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            guidance_embeds=False,
            axes_dims_rope=(8, 12, 12),
        )

    def loss(self, module: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """Mean squared error of the velocity; source tokens follow the noisy ones, their first rope axis is 1."""
        config, length = shared("vae").config, COMMAND if self.edits else CAPTION
        with torch.no_grad():
            text = shared("t5")(input_ids=batch.ids[:, :length]).last_hidden_state
            pooled = shared("clip")(input_ids=batch.ids).pooler_output
        sigma, noisy, wanted = flow((batch.target - config.shift_factor) * config.scaling_factor)
        tokens, places = _pack(noisy), _places(0, noisy)
        if batch.source is not None:
            source = (batch.source - config.shift_factor) * config.scaling_factor
            tokens, places = torch.cat([tokens, _pack(source)], dim=1), torch.cat([places, _places(1, source)])
        out = module(
            hidden_states=tokens,
            timestep=sigma,
            pooled_projections=pooled,
            encoder_hidden_states=text,
            txt_ids=torch.zeros(text.shape[1], 3, device=text.device),
            img_ids=places,
            return_dict=False,
        )[0]
        return error(_unpack(out[:, : _pack(wanted).shape[1]]), wanted, batch)

    def inside(self, module: torch.nn.Module) -> Inside:
        """The last blocks with two streams and with one."""
        return [(module.transformer_blocks[-1], WIDTH), (module.single_transformer_blocks[-1], WIDTH)]

    def pipeline(self, module: torch.nn.Module) -> DiffusionPipeline:
        """FluxPipeline or FluxKontextPipeline with Euler steps."""
        kind = FluxKontextPipeline if self.edits else FluxPipeline
        return kind(
            scheduler=FlowMatchEulerDiscreteScheduler(),
            vae=shared("vae"),
            text_encoder=shared("clip"),
            tokenizer=shared("tokenizer"),
            text_encoder_2=shared("t5"),
            tokenizer_2=shared("tokenizer"),
            transformer=module,
        )


def _pack(latents: torch.Tensor) -> torch.Tensor:
    """[B, C, H, W] -> [B, H/2 * W/2, 4C], as FLUX does."""
    batch, channels, height, width = latents.shape
    cells = latents.view(batch, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return cells.reshape(batch, height // 2 * (width // 2), channels * 4)


def _unpack(tokens: torch.Tensor) -> torch.Tensor:
    """The inverse of `_pack` for square latents."""
    batch, count, wide = tokens.shape
    edge = int(count**0.5)
    cells = tokens.view(batch, edge, edge, wide // 4, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return cells.reshape(batch, wide // 4, 2 * edge, 2 * edge)


def _places(axis: int, latents: torch.Tensor) -> torch.Tensor:
    """Rope ids [H/2 * W/2, 3]: (axis, row, column)."""
    rows, columns = latents.shape[2] // 2, latents.shape[3] // 2
    grid = torch.zeros(rows, columns, 3, device=latents.device)
    grid[..., 0], grid[..., 1], grid[..., 2] = axis, torch.arange(rows)[:, None], torch.arange(columns)[None, :]
    return grid.reshape(-1, 3)
