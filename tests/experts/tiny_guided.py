"""Guided pipelines with random weights, built offline: Stable Diffusion 1.5 and SDXL in small, and what guides them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import save_file
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTImageProcessorPil,
)

from tests.experts.tiny import TOKENS, WORDS, tokenizer

WIDE = 16
UNSAFE = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


def clip(kind: type) -> Any:
    """One layer, 16 wide."""
    sizes = {"hidden_size": WIDE, "intermediate_size": WIDE, "num_hidden_layers": 1, "num_attention_heads": 2}
    words = {"vocab_size": len(WORDS), "max_position_embeddings": TOKENS, "projection_dim": WIDE}
    return kind(CLIPTextConfig(**sizes, **words, eos_token_id=1, pad_token_id=0, bos_token_id=2))


def vae() -> AutoencoderKL:
    """64x64 px to 8x8 latents of 4 channels."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        latent_channels=4,
        norm_num_groups=1,
        sample_size=64,
    )


def unet(channels: int, xl: bool) -> UNet2DConditionModel:
    """Two levels; SDXL's also sees sizes and the pooled words."""
    more: dict[str, Any] = {}
    if xl:
        more = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8}
        more |= {"projection_class_embeddings_input_dim": WIDE + 6 * 8}
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        out_channels=4,
        block_out_channels=(8, 8),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=2 * WIDE if xl else WIDE,
        attention_head_dim=4,
        norm_num_groups=4,
        **more,
    )


def control(model: UNet2DConditionModel) -> ControlNetModel:
    """The U-Net's copy; its outputs, zero before any training, are random."""
    net = ControlNetModel.from_unet(model, conditioning_embedding_out_channels=(4, 4, 4, 4))
    seen = [layer for layer in net.controlnet_cond_embedding.modules() if isinstance(layer, torch.nn.Conv2d)]
    for layer in (*net.controlnet_down_blocks, net.controlnet_mid_block, *seen):
        torch.nn.init.normal_(layer.weight, std=0.5)
    return net


def adapter(model: UNet2DConditionModel, file: Path) -> None:
    """An IP-Adapter's layers for that U-Net, in the layout of its authors' files."""
    words = model.config.cross_attention_dim
    layers = {
        "image_proj.proj.weight": torch.randn(4 * words, WIDE),
        "image_proj.proj.bias": torch.randn(4 * words),
        "image_proj.norm.weight": torch.ones(words),
        "image_proj.norm.bias": torch.zeros(words),
    }
    crossed = [name for name in model.attn_processors if "attn2" in name]
    for number in range(len(crossed)):
        for which in ("to_k_ip", "to_v_ip"):
            layers[f"ip_adapter.{2 * number + 1}.{which}.weight"] = torch.randn(8, words)
    save_file(layers, file)


def depth() -> DepthAnythingForDepthEstimation:
    """Depth-Anything, two patches a side; weights large enough for its maps to differ."""
    torch.manual_seed(1)
    back = Dinov2Config(
        hidden_size=WIDE,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=WIDE,
        image_size=28,
        patch_size=14,
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
    )
    model = DepthAnythingForDepthEstimation(
        DepthAnythingConfig(
            backbone_config=back,
            reassemble_hidden_size=WIDE,
            neck_hidden_sizes=[8, 8, 8, 8],
            fusion_hidden_size=8,
            head_hidden_size=4,
            patch_size=14,
        )
    )
    for tensor in model.parameters():
        if tensor.dim() > 1:
            tensor.data.mul_(5)
    return model


def sight() -> CLIPVisionModelWithProjection:
    """One layer, 16 wide, pictures of 32 px."""
    sizes = {"hidden_size": WIDE, "intermediate_size": WIDE, "num_hidden_layers": 1, "num_attention_heads": 2}
    return CLIPVisionModelWithProjection(CLIPVisionConfig(**sizes, image_size=32, patch_size=8, projection_dim=WIDE))


def build(folder: Path) -> dict[str, dict[str, Any]]:
    """Writes all of them; config entries, weights relative to `folder`."""
    torch.manual_seed(0)
    parts = folder / "parts"
    size = {"height": 28, "width": 28}
    depth().save_pretrained(parts / "depth")
    DPTImageProcessorPil(size=size, keep_aspect_ratio=True, ensure_multiple_of=14).save_pretrained(parts / "depth")
    sight().save_pretrained(parts / "sight")
    entries: dict[str, dict[str, Any]] = {}
    for xl in (False, True):
        name = "xl" if xl else "sd"
        whole = _save(folder, xl)
        control(whole.unet).save_pretrained(parts / f"control-{name}")
        adapter(whole.unet, parts / f"adapter-{name}.safetensors")
        controlled = {"controlnet": f"parts/control-{name}"}
        entries[f"canny-{name}"] = entry(
            "controlnet", name, controlled, {"strength": 1.0, "control": 1.0, "low": 50, "high": 100}
        )
        deep = controlled | {"depth_estimator": "parts/depth"}
        entries[f"depth-{name}"] = entry("controlnet", name, deep, {"strength": 0.8, "control": 0.7})
        adapted = {"ip_adapter": f"parts/adapter-{name}.safetensors", "image_encoder": "parts/sight"}
        entries[f"ip-{name}"] = entry("ip_adapter", name, adapted, {"likeness": 0.6})
        entries[f"inpaint-{name}"] = entry("inpainting", f"inpaint-{name}", {}, {"strength": 1.0, "whole": 0.6})
    return entries


def _save(folder: Path, xl: bool) -> Any:
    """Writes the text-to-image pipeline and the one that inpaints; gives the first."""
    parts: dict[str, Any] = {"vae": vae(), "text_encoder": clip(CLIPTextModel), "tokenizer": tokenizer()}
    parts["scheduler"] = DDIMScheduler(clip_sample=False, steps_offset=1)
    draws: Any = StableDiffusionPipeline
    paints: Any = StableDiffusionInpaintPipeline
    if xl:
        parts |= {"text_encoder_2": clip(CLIPTextModelWithProjection), "tokenizer_2": tokenizer()}
        draws, paints = StableDiffusionXLPipeline, StableDiffusionXLInpaintPipeline
    else:
        parts |= UNSAFE
    name = "xl" if xl else "sd"
    paints(**parts, unet=unet(9, xl)).save_pretrained(folder / f"inpaint-{name}")
    whole = draws(**parts, unet=unet(4, xl))
    whole.save_pretrained(folder / name)
    return whole


def entry(family: str, weights: str, components: dict[str, str], params: dict[str, Any]) -> dict[str, Any]:
    """A config entry: 4 steps; the draft takes 2."""
    card = {
        "mode": "image-to-image",
        "description": f"Random weights, {family}.",
        "min_side": 64,
        "max_side": 96,
        "multiple": 16,
        "max_batch": 3,
        "vram_gib": 1.0,
        "params": {"steps": 4, "guidance": 3.0, "negative_prompt": "", "sampler": "ddim", **params},
    }
    draft = {"params": {"steps": 2}, "seconds": 0.5}
    return {
        "family": family,
        "weights": f"./{weights}",
        "components": components,
        "card": card,
        "profiles": {"draft": draft},
    }
