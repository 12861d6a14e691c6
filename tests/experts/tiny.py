"""Real pipelines of every family with random weights, built offline: a few kB each, saved as trained ones are.

Shared parts (VAE, text encoders, tokenizer) are saved once; each pipeline's folder lacks them.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxKontextPipeline,
    FluxPipeline,
    FluxTransformer2DModel,
    PixArtAlphaPipeline,
    PixArtTransformer2DModel,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast, T5Config, T5EncoderModel

TOKENS = 12
SIDE = 64
WORDS = ["<pad>", "<eos>", "<unk>", "a", "red", "blue", "star", "circle", "make", "it", "on", "white", "green"]


def tokenizer() -> PreTrainedTokenizerFast:
    """Word-level, with an end token, 12 tokens."""
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=words, model_max_length=TOKENS, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )


def vae() -> AutoencoderKL:
    """96x96 px to 6x6 latents of 16 channels, as the trained one."""
    levels = (4, 4, 4, 4, 8)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(levels),
        up_block_types=("UpDecoderBlock2D",) * len(levels),
        block_out_channels=levels,
        latent_channels=16,
        norm_num_groups=1,
        mid_block_add_attention=False,
        use_quant_conv=False,
        use_post_quant_conv=False,
        sample_size=SIDE,
        scaling_factor=0.9,
        shift_factor=0.1,
    )


def clip() -> CLIPTextModel:
    """One layer, 16 wide."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(WORDS),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=TOKENS,
            projection_dim=16,
            eos_token_id=1,
            pad_token_id=0,
            bos_token_id=2,
        )
    )


def t5() -> T5EncoderModel:
    """One layer, 16 wide."""
    return T5EncoderModel(T5Config(vocab_size=len(WORDS), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2))


def unet(channels: int) -> UNet2DConditionModel:
    """Two levels."""
    return UNet2DConditionModel(
        sample_size=SIDE // 16,
        in_channels=channels,
        out_channels=16,
        block_out_channels=(8, 8),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
        norm_num_groups=4,
    )


def pixart() -> PixArtTransformer2DModel:
    """One block."""
    return PixArtTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=16,
        out_channels=16,
        num_layers=1,
        cross_attention_dim=16,
        caption_channels=16,
        sample_size=SIDE // 16,
        patch_size=2,
        norm_type="ada_norm_single",
        use_additional_conditions=False,
    )


def flux() -> FluxTransformer2DModel:
    """One double block, one single block."""
    return FluxTransformer2DModel(
        patch_size=1,
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=16,
        pooled_projection_dim=16,
        guidance_embeds=False,
        axes_dims_rope=(2, 2, 4),
    )


def build(folder: Path) -> dict[str, dict[str, Any]]:
    """Writes parts and pipelines below `folder`; returns the config entries that describe them."""
    torch.manual_seed(0)
    parts: dict[str, Any] = {"vae": vae(), "clip": clip(), "t5": t5(), "tokenizer": tokenizer()}
    for name, part in parts.items():
        (part if name == "tokenizer" else part.half()).save_pretrained(folder / "parts" / name)
    sd = {"vae": "vae", "text_encoder": "clip", "tokenizer": "tokenizer"}
    t5_only = {"vae": "vae", "text_encoder": "t5", "tokenizer": "tokenizer"}
    both = {**sd, "text_encoder_2": "t5", "tokenizer_2": "tokenizer"}
    ddim, flow = DDIMScheduler(clip_sample=False, steps_offset=1), FlowMatchEulerDiscreteScheduler()
    unsafe = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipelines: dict[str, tuple[Any, dict[str, str], dict[str, Any]]] = {
        "stable_diffusion": (StableDiffusionPipeline, sd, {"unet": unet(16), "scheduler": ddim, **unsafe}),
        "instruct_pix2pix": (
            StableDiffusionInstructPix2PixPipeline,
            sd,
            {"unet": unet(32), "scheduler": ddim, **unsafe},
        ),
        "generic": (StableDiffusionImg2ImgPipeline, sd, {"unet": unet(16), "scheduler": ddim, **unsafe}),
        "pixart": (PixArtAlphaPipeline, t5_only, {"transformer": pixart(), "scheduler": ddim}),
        "flux": (FluxPipeline, both, {"transformer": flux(), "scheduler": flow}),
        "flux_kontext": (FluxKontextPipeline, both, {"transformer": flux(), "scheduler": flow}),
    }
    entries = {}
    for family, (kind, shared, own) in pipelines.items():
        for part in own.values():
            if isinstance(part, torch.nn.Module):
                part.half()
        kind(**{name: parts[part] for name, part in shared.items()}, **own).save_pretrained(folder / family)
        for name in shared:
            shutil.rmtree(folder / family / name)
        entries[f"tiny-{family}"] = _entry(family, shared)
    return entries


def _entry(family: str, shared: dict[str, str]) -> dict[str, Any]:
    edits = family in ("instruct_pix2pix", "flux_kontext", "generic")
    params: dict[str, Any] = {"steps": 2, "guidance": 3.0}
    if family == "instruct_pix2pix":
        params |= {"image_guidance": 1.5}
    if family == "generic":
        params |= {"steps": 4, "strength": 0.5}
    if family in ("pixart", "flux", "flux_kontext"):
        params |= {"max_sequence_length": TOKENS}
    if family in ("stable_diffusion", "instruct_pix2pix"):
        params |= {"sampler": "ddim", "negative_prompt": ""}
    card = {
        "mode": "image-to-image" if edits else "text-to-image",
        "description": f"Random weights, {family}.",
        "min_side": 64,
        "max_side": 96,
        "multiple": 32,
        "max_batch": 3,
        "vram_gib": 1.0,
        "usd": 0.5,
        "params": params,
    }
    components = {name: f"parts/{part}" for name, part in shared.items()}
    return {"family": family, "weights": f"./{family}", "components": components, "card": card}
