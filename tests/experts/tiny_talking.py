"""Pipelines whose words are read by a language model, with random weights: FLUX.2, Qwen-Image, Z-Image, Lumina 2."""

from __future__ import annotations

from typing import Any

import diffusers as d
import transformers as t

from experts.local._sight import Sight
from tests.experts.tiny import SIDE, tokenizer, vae

TEMPLATE = (
    "{% for message in messages %}{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] }} {% endfor %}{% endif %} {% endfor %}"
)
SPECIAL = ["<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"]
TALK = 96
"""Tokens of a templated prompt."""


def flow(**settings: Any) -> Any:
    """Euler's method for flow matching."""
    return d.FlowMatchEulerDiscreteScheduler(**settings)


def talker() -> Any:
    """The tokenizer with a chat template."""
    made = tokenizer()
    made.chat_template, made.model_max_length = TEMPLATE, TALK
    return made


def language(kind: str, layers: int) -> dict[str, Any]:
    """Settings of a decoder, 16 wide."""
    return {
        "model_type": kind,
        "num_hidden_layers": layers,
        "vocab_size": 24,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "max_position_embeddings": 256,
        "bos_token_id": 2,
        "eos_token_id": 1,
        "pad_token_id": 0,
    }


def qwen3(layers: int) -> Any:
    """Z-Image and FLUX.2 klein read with it."""
    return t.Qwen3ForCausalLM(t.Qwen3Config(**language("qwen3", layers)))


def flux2_parts(width: int, guidance: bool) -> tuple[Any, Any]:
    """VAE and transformer; `width` of the words."""
    coder = d.AutoencoderKLFlux2(
        block_out_channels=(4, 4, 4, 4),
        norm_num_groups=1,
        layers_per_block=1,
        latent_channels=4,
        mid_block_add_attention=False,
        sample_size=SIDE,
    )
    transformer = d.Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=width,
        axes_dims_rope=(2, 2, 2, 2),
        guidance_embeds=guidance,
    )
    return coder, transformer


def flux2() -> Any:
    coder, transformer = flux2_parts(48, True)
    vision = {
        "model_type": "pixtral",
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "patch_size": 14,
        "image_size": 28,
    }
    config = t.Mistral3Config(text_config=language("mistral", 31), vision_config=vision, image_token_index=23)
    reader = t.Mistral3ForConditionalGeneration(config)
    return d.Flux2Pipeline(flow(use_dynamic_shifting=True), coder, reader, talker(), transformer)


def klein() -> Any:
    coder, transformer = flux2_parts(48, False)
    return d.Flux2KleinPipeline(
        flow(use_dynamic_shifting=True), coder, qwen3(28), talker(), transformer, is_distilled=True
    )


def z_image() -> Any:
    transformer = d.ZImageTransformer2DModel(
        in_channels=16,
        dim=16,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[4, 2, 2],
        axes_lens=[256, 32, 32],
    )
    return d.ZImagePipeline(flow(shift=3.0), vae(), qwen3(2), talker(), transformer)


def qwen_parts() -> dict[str, Any]:
    """All of Qwen-Image."""
    words = talker()
    words.add_special_tokens({"additional_special_tokens": SPECIAL})
    image, video, start, end = words.convert_tokens_to_ids(SPECIAL)
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e6}
    text = {**language("qwen2_5_vl_text", 1), "rope_parameters": rope, "max_position_embeddings": 4096}
    vision = {
        "depth": 1,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "out_hidden_size": 16,
        "fullatt_block_indexes": [0],
    }
    config = t.Qwen2_5_VLConfig(
        text_config={name: value for name, value in text.items() if name != "head_dim"},
        vision_config=vision,
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    transformer = d.QwenImageTransformer2DModel(
        in_channels=64,
        out_channels=16,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(2, 2, 4),
    )
    return {
        "scheduler": flow(use_dynamic_shifting=True, shift_terminal=0.02),
        "vae": d.AutoencoderKLQwenImage(base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1),
        "text_encoder": t.Qwen2_5_VLForConditionalGeneration(config),
        "tokenizer": words,
        "transformer": transformer,
    }


def qwen_edit(kind: Any) -> Any:
    parts = qwen_parts()
    patches = t.Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=56 * 56)
    pipe = kind(**parts, processor=None)
    pipe.sight = Sight(patches, parts["tokenizer"])
    return pipe


def longcat(kind: Any) -> Any:
    """LongCat-Image and its editor: Qwen-Image's reader, FLUX's kind of transformer, 8 px a latent."""
    parts = qwen_parts()
    transformer = d.LongCatImageTransformer2DModel(
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=16,
        pooled_projection_dim=16,
        axes_dims_rope=[2, 2, 4],
    )
    coder = d.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        latent_channels=16,
        norm_num_groups=1,
        mid_block_add_attention=False,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.1,
    )
    processor = Sight(t.Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=56 * 56), parts["tokenizer"])
    pipe = kind(**{**parts, "vae": coder, "transformer": transformer}, text_processor=processor)
    pipe.register_modules(text_processor=None)
    pipe.sight = processor
    return pipe


def lumina2() -> Any:
    config = t.Gemma2Config(**{**language("gemma2", 2), "query_pre_attn_scalar": 8, "sliding_window": 32})
    transformer = d.Lumina2Transformer2DModel(
        sample_size=4,
        in_channels=16,
        hidden_size=16,
        num_layers=1,
        num_refiner_layers=1,
        num_attention_heads=2,
        num_kv_heads=1,
        multiple_of=8,
        axes_dim_rope=(4, 2, 2),
        axes_lens=(256, 32, 32),
        cap_feat_dim=16,
    )
    coder = d.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        latent_channels=16,
        norm_num_groups=1,
        mid_block_add_attention=False,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.1,
    )
    return d.Lumina2Pipeline(transformer, flow(shift=6.0), coder, t.Gemma2Model(config), talker())
