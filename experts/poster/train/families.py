"""The pipeline families of the embedded experts: network, training loss, and the true diffusers pipeline around it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from diffusers import (
    DDPMScheduler,
    DiffusionPipeline,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxKontextPipeline,
    FluxPipeline,
    FluxTransformer2DModel,
    PixArtAlphaPipeline,
    PixArtTransformer2DModel,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
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
    """target, source: [B, 16, 6, 6] raw latents (source None for text-to-image); ids, mask: [B, 48]."""

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


def _noise_schedule() -> DDPMScheduler:
    return DDPMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
        timestep_spacing="trailing",  # a run starts at pure noise, as training did; 'leading' would not
        steps_offset=1,
    )


def _flow(target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logit-normal sigma [B], noisy latents, and the velocity noise - data that the network is to predict."""
    sigma = torch.sigmoid(torch.randn(len(target), device=target.device))
    noise = torch.randn_like(target)
    weight = sigma[:, None, None, None]
    return sigma, (1 - weight) * target + weight * noise, noise - target


CHANGED = 4.0
"""How much more a grid cell that an edit changes weighs in the loss than one that is only to be copied."""


def _error(made: torch.Tensor, wanted: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Mean squared error of [B, C, H, W]; with a source, cells that differ from it weigh 1 + CHANGED, mean weight 1."""
    if batch.source is None:
        return F.mse_loss(made, wanted)
    moved = F.max_pool2d((batch.target - batch.source).abs().amax(dim=1, keepdim=True), 2) > 0.5
    weight = 1 + CHANGED * F.interpolate(moved.float(), scale_factor=2)
    return (weight / weight.mean(dim=(1, 2, 3), keepdim=True) * (made - wanted) ** 2).mean()


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
        schedule = _noise_schedule()
        share = torch.rand(len(clean), device=clean.device) ** (0.6 if self.edits else 1.0)
        steps = (share * schedule.config.num_train_timesteps).long().clamp(max=schedule.config.num_train_timesteps - 1)
        noise = torch.randn_like(clean)
        noisy, wanted = schedule.add_noise(clean, noise, steps), schedule.get_velocity(clean, noise, steps)
        if batch.source is not None:
            noisy = torch.cat([noisy, batch.source], dim=1)
        return _error(module(noisy, steps, encoder_hidden_states=text).sample, wanted, batch)

    def inside(self, module: torch.nn.Module) -> Inside:
        """The middle block: 3x3."""
        return [(module.mid_block, module.config.block_out_channels[-1])]

    def pipeline(self, module: torch.nn.Module) -> DiffusionPipeline:
        """StableDiffusionPipeline or StableDiffusionInstructPix2PixPipeline with DPM++."""
        kind = StableDiffusionInstructPix2PixPipeline if self.edits else StableDiffusionPipeline
        config = {k: v for k, v in _noise_schedule().config.items() if not k.startswith("_")}
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


@dataclass(frozen=True)
class PixArt:
    """PixArt-alpha: a diffusion transformer (AdaLN-single, cross attention), one token a grid cell, flow prediction."""

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
        ids, mask = batch.ids[:, :CAPTION], batch.mask[:, :CAPTION]
        with torch.no_grad():
            text = shared("t5")(input_ids=ids, attention_mask=mask).last_hidden_state
        sigma, noisy, wanted = _flow(batch.target * shared("vae").config.scaling_factor)
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
        sigma, noisy, wanted = _flow((batch.target - config.shift_factor) * config.scaling_factor)
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
        return _error(_unpack(out[:, : _pack(wanted).shape[1]]), wanted, batch)

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
