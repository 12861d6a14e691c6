"""The paper's registry without Qwen: the parts of its eleven experts, in their true classes and configurations.

Which parts are the same follows from the models' papers and cards; that equal weights are found is the residency's work
and is measured, with weights that are equal where the parts are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

EXPERTS: dict[str, tuple[str, ...]] = {
    "flux-dev": ("flux dev", "clip-l", "t5-xxl", "vae flux"),
    "flux-schnell": ("flux schnell", "clip-l", "t5-xxl", "vae flux"),
    "flux-kontext": ("flux kontext", "clip-l", "t5-xxl", "vae flux"),
    "sd35-large": ("sd35", "clip-l projected", "clip-g", "t5-xxl", "vae sd3"),
    "sdxl": ("sdxl", "clip-l", "clip-g", "vae sdxl"),
    "sd15": ("unet sd15", "clip-l", "vae sd15"),
    "instruct-pix2pix": ("unet ip2p", "clip-l", "vae sd15"),
    "magicbrush": ("unet magicbrush", "clip-l", "vae sd15"),
    "sd21": ("unet sd21", "clip-h", "vae sd21"),
    "pixart-alpha": ("pixart alpha", "t5-xxl", "vae alpha"),
    "pixart-sigma": ("pixart sigma", "t5-xxl", "vae sdxl"),
}
"""Expert -> its parts; a part of the same name has the same weights."""


def _flux(guidance: bool) -> Any:
    from diffusers import FluxTransformer2DModel

    return FluxTransformer2DModel(guidance_embeds=guidance)


def _sd35() -> Any:
    from diffusers import SD3Transformer2DModel

    return SD3Transformer2DModel(
        sample_size=128,
        num_layers=38,
        attention_head_dim=64,
        num_attention_heads=38,
        joint_attention_dim=4096,
        caption_projection_dim=2432,
        pooled_projection_dim=2048,
        out_channels=16,
        pos_embed_max_size=192,
        qk_norm="rms_norm",
    )


def _unet(channels: int = 4, width: int = 768, heads: Any = 8, linear: bool = False) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=64,
        in_channels=channels,
        cross_attention_dim=width,
        attention_head_dim=heads,
        use_linear_projection=linear,
    )


def _sdxl() -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=128,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(320, 640, 1280),
        transformer_layers_per_block=(1, 2, 10),
        attention_head_dim=(5, 10, 20),
        cross_attention_dim=2048,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )


def _pixart(alpha: bool) -> Any:
    from diffusers import PixArtTransformer2DModel

    return PixArtTransformer2DModel(
        sample_size=128,
        num_layers=28,
        caption_channels=4096,
        cross_attention_dim=1152,
        norm_type="ada_norm_single",
        use_additional_conditions=alpha,
    )


def _clip(width: int, layers: int, heads: int, projected: bool, projection: int = 0) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    sizes: dict[str, int] = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers}
    config = CLIPTextConfig(num_attention_heads=heads, projection_dim=projection or width, **sizes)
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def _t5() -> Any:
    from transformers import T5Config, T5EncoderModel

    sizes: dict[str, int] = {"d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64}
    return T5EncoderModel(T5Config(feed_forward_proj="gated-gelu", **sizes))


def _vae(latents: int = 4, quantised: bool = True) -> Any:
    from diffusers import AutoencoderKL

    levels = 4
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=latents,
        use_quant_conv=quantised,
        use_post_quant_conv=quantised,
    )


PARTS: dict[str, Callable[[], Any]] = {
    "flux dev": lambda: _flux(True),
    "flux schnell": lambda: _flux(False),
    "flux kontext": lambda: _flux(True),
    "sd35": _sd35,
    "sdxl": _sdxl,
    "unet sd15": _unet,
    "unet ip2p": lambda: _unet(8),
    "unet magicbrush": lambda: _unet(8),
    "unet sd21": lambda: _unet(4, 1024, (5, 10, 20, 20), True),
    "pixart alpha": lambda: _pixart(True),
    "pixart sigma": lambda: _pixart(False),
    "clip-l": lambda: _clip(768, 12, 12, False),
    "clip-l projected": lambda: _clip(768, 12, 12, True),
    "clip-g": lambda: _clip(1280, 32, 20, True),
    "clip-h": lambda: _clip(1024, 23, 16, False),
    "t5-xxl": _t5,
    "vae sd15": _vae,
    "vae sd21": _vae,
    "vae sdxl": _vae,
    "vae alpha": _vae,
    "vae sd3": lambda: _vae(16, False),
    "vae flux": lambda: _vae(16, False),
}


@cache
def sizes(part: str) -> Mapping[str, int]:
    """Parameter -> its number of values, of a part of full size (on the meta device: nothing is allocated)."""
    import torch

    with torch.device("meta"):
        module = PARTS[part]()
    return {name.removeprefix("text_model."): tensor.numel() for name, tensor in module.named_parameters()}


def trunk(part: str) -> str:
    """The part that has the same weights as far as their names are the same."""
    return part.removesuffix(" projected")


def small(part: str, scale: int) -> Any:
    """The part with every parameter `scale` times smaller (at least one value), float32, seeded by its trunk."""
    import torch

    seed = int.from_bytes(trunk(part).encode()[:7], "little") + sum(trunk(part).encode())
    module = torch.nn.Module()
    for name, size in sizes(part).items():
        generator = torch.Generator().manual_seed(
            (seed * 1000003 + sum(ord(c) * 31**k for k, c in enumerate(name))) % 2**63
        )
        values = torch.randn(max(1, round(size / scale)), generator=generator)
        module.register_parameter(name.replace(".", "_"), torch.nn.Parameter(values, requires_grad=False))
    return module
