"""Pipelines whose words are read by CLIP or T5, with random weights: SDXL, SD 3, AuraFlow, MagicBrush."""

from __future__ import annotations

from typing import Any

import diffusers as d
import transformers as t

from tests.experts.tiny import SIDE, WORDS, clip, pixart, t5, tokenizer, unet, vae
from tests.experts.tiny_talking import flow


def four_channels() -> Any:
    """A VAE of 8x8 px a latent with 4 channels: SDXL's img2img takes nothing else as latents."""
    return d.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        latent_channels=4,
        norm_num_groups=1,
        mid_block_add_attention=False,
        sample_size=SIDE,
        scaling_factor=0.9,
    )


def projected() -> Any:
    """CLIP with its projection."""
    return t.CLIPTextModelWithProjection(clip().config)


def wide_unet(width: int, conditions: int) -> Any:
    """SDXL's U-Net: `width` of the words, `conditions` numbers beside the pooled words."""
    return d.UNet2DConditionModel(
        sample_size=SIDE // 8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(8, 8),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=width,
        attention_head_dim=4,
        norm_num_groups=4,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=16 + 8 * conditions,
        use_linear_projection=True,
    )


def euler() -> Any:
    """SDXL's scheduler."""
    return d.EulerDiscreteScheduler(beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1)


def sdxl() -> Any:
    return d.StableDiffusionXLPipeline(
        four_channels(), clip(), projected(), tokenizer(), tokenizer(), wide_unet(32, 6), euler()
    )


def refiner() -> Any:
    return d.StableDiffusionXLImg2ImgPipeline(
        four_channels(), None, projected(), None, tokenizer(), wide_unet(16, 5), euler(), requires_aesthetics_score=True
    )


def sd3() -> Any:
    transformer = d.SD3Transformer2DModel(
        sample_size=SIDE // 16,
        patch_size=2,
        in_channels=16,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=32,
        caption_projection_dim=16,
        pooled_projection_dim=32,
        out_channels=16,
        pos_embed_max_size=16,
    )
    wide = t.T5EncoderModel(t.T5Config(vocab_size=len(WORDS), d_model=32, d_kv=8, d_ff=16, num_layers=1, num_heads=2))
    words = [tokenizer() for _ in range(3)]
    return d.StableDiffusion3Pipeline(
        transformer, flow(shift=3.0), vae(), projected(), words[0], projected(), words[1], wide, words[2]
    )


def sd3_img2img() -> Any:
    parts = {
        name: part for name, part in sd3().components.items() if name not in ("image_encoder", "feature_extractor")
    }
    return d.StableDiffusion3Img2ImgPipeline(**parts)


def magicbrush() -> Any:
    """An editor's U-Net in a pipeline that draws, as it was published."""
    return d.StableDiffusionPipeline(
        vae(),
        clip(),
        tokenizer(),
        unet(32),
        d.DDIMScheduler(clip_sample=False, steps_offset=1),
        None,
        None,
        None,
        False,
    )


def pixart_sigma() -> Any:
    return d.PixArtSigmaPipeline(tokenizer(), t5(), vae(), pixart(), d.DDIMScheduler(clip_sample=False, steps_offset=1))


def aura_flow() -> Any:
    transformer = d.AuraFlowTransformer2DModel(
        sample_size=SIDE // 16,
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_mmdit_layers=1,
        num_single_dit_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=16,
        caption_projection_dim=16,
        pos_embed_max_size=64,
    )
    return d.AuraFlowPipeline(tokenizer(), t5(), vae(), transformer, flow(shift=1.73))
