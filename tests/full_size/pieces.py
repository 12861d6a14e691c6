"""Tiny pipelines with random weights whose text encoders know the vocabularies of `words`, and what guides them."""

from __future__ import annotations

import copy
from typing import Any

import diffusers as d
import torch
import transformers as t

from tests.experts import tiny, tiny_guided, tiny_talking, tiny_wide


def regrown(reader: Any, size: int, ids: dict[str, int] | None = None) -> Any:
    """The same text encoder for a vocabulary of `size`; `ids`: of special tokens."""
    config = copy.deepcopy(reader.config)
    text = getattr(config, "text_config", config)
    text.vocab_size = size
    if isinstance(config, t.CLIPTextConfig):  # 2: the older repositories' way to say 'the largest id'
        config.max_position_embeddings, config.eos_token_id = 77, 2
    for name, word in (("image_token_id", "<|image_pad|>"), ("video_token_id", "<|video_pad|>")):
        if ids and hasattr(config, name):
            setattr(config, name, ids[word])
    if ids and hasattr(config, "vision_start_token_id"):
        config.vision_start_token_id, config.vision_end_token_id = ids["<|vision_start|>"], ids["<|vision_end|>"]
    return type(reader)(config)


def _scaled() -> dict[str, Any]:
    return {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1}


def _checker() -> Any:
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker

    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = t.CLIPConfig(vision_config={**size, "image_size": 32, "patch_size": 8}, projection_dim=16)
    return StableDiffusionSafetyChecker(config)


def _looker() -> Any:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    return CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})


def stable_diffusion(kind: Any = d.StableDiffusionPipeline, channels: int = 4, checked: bool = True) -> Any:
    """Stable Diffusion 1 or 2; `checked`: with its safety checker."""
    parts: dict[str, Any] = {"vae": tiny_guided.vae(), "unet": tiny_guided.unet(channels, False)}
    parts |= {"text_encoder": tiny.clip(), "tokenizer": tiny.tokenizer(), "feature_extractor": _looker()}
    scheduler = d.PNDMScheduler(skip_prk_steps=True, **_scaled())
    return kind(**parts, scheduler=scheduler, safety_checker=_checker() if checked else None)


def sdxl_inpainting() -> Any:
    """SDXL's U-Net with nine channels."""
    parts = tiny_wide.sdxl().components
    kept = {name: parts[name] for name in ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")}
    return d.StableDiffusionXLInpaintPipeline(**kept, scheduler=tiny_wide.euler(), unet=_nine_channels())


def _nine_channels() -> Any:
    config = {**tiny_wide.wide_unet(32, 6).config, "in_channels": 9}
    return d.UNet2DConditionModel.from_config(config)


def pixart(kind: Any) -> Any:
    """PixArt-alpha or -Sigma."""
    parts = {"tokenizer": tiny.tokenizer(), "text_encoder": tiny.t5(), "vae": tiny.vae(), "transformer": tiny.pixart()}
    return kind(**parts, scheduler=d.DPMSolverMultistepScheduler(**_scaled()))


def flux(kind: Any) -> Any:
    """FLUX.1 or Kontext."""
    parts = {"text_encoder": tiny.clip(), "text_encoder_2": tiny.t5(), "vae": tiny.vae(), "transformer": tiny.flux()}
    words = {"tokenizer": tiny.tokenizer(), "tokenizer_2": tiny.tokenizer()}
    return kind(**parts, **words, scheduler=d.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True))


def z_image() -> Any:
    """Z-Image with room for the 512 tokens of its card."""
    pipe = tiny_talking.z_image()
    config = {**pipe.transformer.config, "axes_lens": [2048, 128, 128]}
    pipe.register_modules(transformer=d.ZImageTransformer2DModel.from_config(config))
    return pipe


def qwen_edit(kind: Any) -> Any:
    """Qwen-Image-Edit or its successors."""
    return kind(**tiny_talking.qwen_parts(), processor=None)


def looker_of_qwen() -> Any:
    """The image processor of Qwen2-VL, for pictures of few patches."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    return Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28, "longest_edge": 56 * 56})


def control(xl: bool) -> Any:
    """A ControlNet for `stable_diffusion()` or `tiny_wide.sdxl()`."""
    torch.manual_seed(3)
    return tiny_guided.control(tiny_wide.wide_unet(32, 6) if xl else tiny_guided.unet(4, False))
