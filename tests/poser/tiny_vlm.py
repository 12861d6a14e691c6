"""Tiny vision-language models with random weights: the true classes, with the true kinds of processor and tokenizer.

Every builder writes a folder as `save_pretrained` does, to be loaded through the public path. Weights are drawn wide:
answers differ from picture to picture and from word to word.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.speed.critic import SPECIAL, qwen3_vl, vocabulary
from benchmarks.speed.critic import TEMPLATE as QWEN3
from poser.critics.vlm.image_processor import without_video

QWEN25 = "{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}" + QWEN3
INTERN = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' }}{% for part in message.content %}"
    "{% if part.type == 'image' %}{{ '<IMG_CONTEXT>\\n' }}{% else %}{{ part.text }}{% endif %}{% endfor %}"
    "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SMOL = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
LLAVA = (
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' }}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>\\n' }}"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{{ ' [/INST]' }}{% endif %}{% endfor %}"
)
HALF = [0.5] * 3


def _text(size: int, **more: Any) -> dict[str, Any]:
    """A decoder of two layers."""
    return {
        **dict(vocab_size=size, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4),
        **dict(num_key_value_heads=2, initializer_range=0.25, max_position_embeddings=4096, tie_word_embeddings=False),
        **more,
    }


def tower(image: int, patch: int) -> dict[str, Any]:
    """An encoder of two layers."""
    return {
        **dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4),
        **dict(image_size=image, patch_size=patch, initializer_range=0.25),
    }


def _written(folder: Path, model: Any, processor: Any) -> Path:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def shaken(model: Any) -> Any:
    """Wider weights where a class draws them narrow, so that a difference shows."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and float(weight.std()) < 0.1:
                weight.normal_(0.0, 0.25)
            elif "newline" in name:
                weight.normal_(0.0, 1.0)
    return model


def sentences() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A sentencepiece-like vocabulary with byte fallback: letters, a few words, every byte."""
    words = ["▁", *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,?!'\"()<>[]|/_-:;{}"]
    merges = [("▁", "y"), ("▁y", "e"), ("▁ye", "s"), ("▁", "n"), ("▁n", "o"), ("▁", "Y"), ("▁Y", "e"), ("▁Ye", "s")]
    merges += [("▁", "N"), ("▁N", "o"), ("y", "e"), ("ye", "s"), ("n", "o"), ("Y", "e"), ("Ye", "s"), ("N", "o")]
    vocab = ["<unk>", "<s>", "</s>", "<pad>", "<bos>", "<eos>", "<mask>", *(f"<0x{k:02X}>" for k in range(256))]
    vocab += [*words, *dict.fromkeys(a + b for a, b in merges)]
    return {word: k for k, word in enumerate(dict.fromkeys(vocab))}, merges


def qwen25_vl(folder: Path) -> Path:
    """Qwen2.5-VL: windowed vision attention, M-RoPE."""
    import torch
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2Tokenizer,
    )
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    vocab, merges = vocabulary()
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=merges, extra_special_tokens=list(SPECIAL))
    ids = dict(zip(SPECIAL, tokenizer.convert_tokens_to_ids(list(SPECIAL)), strict=True))
    rope = {"rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2]}}
    config = Qwen2_5_VLConfig(
        text_config=_text(len(tokenizer), **rope),
        vision_config={
            **dict(depth=2, hidden_size=32, intermediate_size=64, num_heads=4, patch_size=14, out_hidden_size=32),
            **dict(window_size=56, fullatt_block_indexes=[1], initializer_range=0.25),
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    torch.manual_seed(1)
    images = Qwen2VLImageProcessorPil(patch_size=14, size={"shortest_edge": 56 * 56, "longest_edge": 2048 * 2048})
    processor = without_video(Qwen2_5_VLProcessor)(images, tokenizer, None, chat_template=QWEN25)
    return _written(folder, shaken(Qwen2_5_VLForConditionalGeneration(config)), processor)


def internvl3(folder: Path) -> Path:
    """InternVL3: tiles by aspect ratio and a thumbnail, a Qwen2 decoder."""
    import torch
    from transformers import InternVLConfig, InternVLForConditionalGeneration, InternVLProcessor, Qwen2Tokenizer
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

    named = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>"}
    vocab, merges = vocabulary()
    special = {**named, "video_token": "<video>", "turn": "<|im_start|>", "turned": "<|im_end|>"}
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=merges, extra_special_tokens=special)
    config = InternVLConfig(
        vision_config={**tower(32, 8), "image_size": [32, 32], "patch_size": [8, 8]},
        text_config={"model_type": "qwen2", **_text(len(tokenizer))},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        downsample_ratio=0.5,
    )
    torch.manual_seed(2)
    images = GotOcr2ImageProcessorPil(size={"height": 32, "width": 32}, crop_to_patches=True, max_patches=6)
    processor = without_video(InternVLProcessor)(images, tokenizer, None, image_seq_length=4, chat_template=INTERN)
    return _written(folder, shaken(InternVLForConditionalGeneration(config)), processor)


def smolvlm2(folder: Path) -> Path:
    """SmolVLM2: an Idefics3-like split of the picture into rows and columns, a Llama decoder."""
    import torch
    from transformers import GPT2Tokenizer, SmolVLMConfig, SmolVLMForConditionalGeneration, SmolVLMProcessor
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    named = {"image_token": "<image>", "fake_image_token": "<fake_token_around_image>"}
    named |= {"global_image_token": "<global-img>", "end_of_utterance_token": "<end_of_utterance>"}
    named |= {f"r{r}c{c}": f"<row_{r}_col_{c}>" for r in range(1, 5) for c in range(1, 5)}
    vocab, merges = vocabulary()
    special = {**named, "video_token": "<video>", "turn": "<|im_start|>"}
    tokenizer = GPT2Tokenizer(vocab=vocab, merges=merges, extra_special_tokens=special, pad_token="<|im_end|>")
    config = SmolVLMConfig(
        vision_config={**tower(32, 8), "model_type": "smolvlm_vision"},
        text_config={"model_type": "llama", **_text(len(tokenizer))},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    torch.manual_seed(3)
    images = SmolVLMImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    processor = without_video(SmolVLMProcessor)(images, tokenizer, None, image_seq_len=4, chat_template=SMOL)
    return _written(folder, shaken(SmolVLMForConditionalGeneration(config)), processor)


def llava_next(folder: Path) -> Path:
    """LLaVA-1.6: the picture at several resolutions (anyres), unpadded, with a newline vector; a Mistral decoder."""
    import torch
    from transformers import LlamaTokenizer, LlavaNextConfig, LlavaNextForConditionalGeneration, LlavaNextProcessor
    from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

    vocab, merges = sentences()
    tokenizer = LlamaTokenizer(vocab=vocab, merges=merges, pad_token="<pad>", extra_special_tokens=["<image>"])
    grid = [[32, 64], [64, 32], [64, 64]]
    config = LlavaNextConfig(
        vision_config={"model_type": "clip_vision_model", **tower(32, 8), "projection_dim": 32},
        text_config={"model_type": "mistral", **_text(len(tokenizer))},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=grid,
        image_seq_length=16,
        vision_feature_layer=-2,
    )
    torch.manual_seed(4)
    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_grid_pinpoints=grid
    )
    processor = LlavaNextProcessor(
        images,
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=LLAVA,
    )
    return _written(folder, shaken(LlavaNextForConditionalGeneration(config)), processor)


def paligemma(folder: Path, second: bool = False) -> Path:
    """PaliGemma (`second`: 2, with Gemma 2's decoder): no chat template, picture and question read as one prefix."""
    import torch
    from transformers import (
        GemmaTokenizer,
        PaliGemmaConfig,
        PaliGemmaForConditionalGeneration,
        PaliGemmaProcessor,
    )
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    vocab, merges = sentences()
    images = SiglipImageProcessorPil(size={"height": 32, "width": 32}, image_mean=HALF, image_std=HALF)
    images.image_seq_length = 16
    processor = PaliGemmaProcessor(images, GemmaTokenizer(vocab=vocab, merges=merges))
    kind = "gemma2" if second else "gemma"
    config = PaliGemmaConfig(
        vision_config={"model_type": "siglip_vision_model", **tower(32, 8), "projection_dim": 32},
        text_config={"model_type": kind, **_text(len(processor.tokenizer), head_dim=8)},
        image_token_index=processor.image_token_id,
        projection_dim=32,
    )
    torch.manual_seed(5)
    return _written(folder, shaken(PaliGemmaForConditionalGeneration(config)), processor)


def paligemma2(folder: Path) -> Path:
    """PaliGemma 2."""
    return paligemma(folder, second=True)


BUILDERS = {
    "qwen3-vl-4b": qwen3_vl,
    "qwen2.5-vl-7b": qwen25_vl,
    "internvl3-2b": internvl3,
    "smolvlm2-2b": smolvlm2,
    "llava-1.6-7b": llava_next,
    "paligemma-3b": paligemma,
    "paligemma2-3b": paligemma2,
}
"""A preset of every architecture -> what builds it small."""
