"""What sharing a picture saves a critic: tokens that ten questions about one picture take, shared and one by one.

A Qwen3-VL with random weights and the true geometry (16 px patches, 2 x 2
merged: a picture of 1024 x 1024 px is 1024 tokens); the tokens are counted where they enter the language model.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.speed.figure import Figure
from poser.critics.questions import asking as questions
from poser.critics.questions import graph, nodes
from poser.critics.questions.asking import Ask
from poser.critics.vlm.image_processor import without_video
from poser.critics.vlm.model import Vlm
from poser.critics.vlm.yes_probability import Loaded, Shared, plain
from poser.planning.rules import RulesExtractor
from poser.types import Look, Task

TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' }}{%- for part in message.content %}"
    "{%- if part.type == 'image' %}{{- '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{%- elif 'text' in part %}{{- part.text }}{%- endif %}{%- endfor %}{{- '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
"""Qwen3-VL's chat template, as far as one turn with a picture needs it."""
SPECIAL = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
PROMPT = (
    "A photo of two black cats on a red sofa next to a wooden lamp. Add a blue vase with yellow tulips on the table. "
    "Remove the window. Paint the wall green."
)
SEED = 7


def vocabulary(size: int = 900) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Byte-level BPE, trained here on the words of questions: so a word is about a token, as in a full vocabulary."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False, min_frequency=1)
    texts = [Path(str(module.__file__)).read_text("utf-8") for module in (graph, nodes, questions)]
    core.train_from_iterator(texts + [PROMPT, "Yes yes No no", "Yes", "yes", "No", "no"] * 50, trainer)
    model = json.loads(core.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def qwen3_vl(folder: Path, seed: int = 0) -> Path:
    """A tiny Qwen3-VL with its processor, random weights, written to `folder`."""
    import torch
    from transformers import Qwen2Tokenizer, Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLProcessor
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    vocab, merges = vocabulary()
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=merges, extra_special_tokens=list(SPECIAL))
    ids = dict(zip(SPECIAL, tokenizer.convert_tokens_to_ids(list(SPECIAL)), strict=True))
    config = Qwen3VLConfig(
        text_config={
            **dict(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=3),
            **dict(num_attention_heads=4, num_key_value_heads=2, head_dim=8, initializer_range=0.25),
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 1, 1], "mrope_interleaved": True},
        },
        vision_config={
            **dict(depth=2, hidden_size=32, intermediate_size=64, num_heads=4, patch_size=16, out_hidden_size=32),
            **dict(num_position_embeddings=64, deepstack_visual_indexes=[0, 1], initializer_range=0.25),
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    torch.manual_seed(seed)
    Qwen3VLForConditionalGeneration(config).save_pretrained(folder)
    edges = {"shortest_edge": 64 * 64, "longest_edge": 2048 * 2048}
    images = Qwen2VLImageProcessorPil(patch_size=16, size=edges, image_mean=[0.5] * 3)
    without_video(Qwen3VLProcessor)(images, tokenizer, None, chat_template=TEMPLATE).save_pretrained(folder)
    return folder


@contextmanager
def counted(model: Any) -> Iterator[list[int]]:
    """Tokens of every pass through the language model's embedding."""
    seen: list[int] = []
    hook = model.get_input_embeddings().register_forward_hook(lambda _, __, out: seen.append(out[..., 0].numel()))
    try:
        yield seen
    finally:
        hook.remove()


def tokens(loaded: Loaded, asks: Sequence[Ask]) -> dict[str, float]:
    """Tokens that `asks` take with one reading a picture and with one a question, their ratio, and the largest
    difference of P(yes) between the two ways."""
    with counted(loaded.model) as shared:
        one = Shared(loaded)(asks, 10**6)
    with counted(loaded.model) as single:
        other = plain(loaded, asks, 10**6)
    gap = max(abs(a - b) for a, b in zip(one, other, strict=True))
    spent = {"shared": sum(shared), "one_by_one": sum(single), "ratio": round(sum(shared) / sum(single), 4)}
    return {**spent, "largest_difference": gap}


def sharing(count: int = 10, side: int = 1024) -> dict[str, float]:
    """`tokens` of `count` questions of the graph about a picture of `side` x `side` px; `limit`: the question's words
    alone left to pay beside one reading of the picture, computed from the same lengths at 40 words a question."""
    pixels = np.random.default_rng(SEED).integers(0, 256, (side, side, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    plan = RulesExtractor().first(Task(PROMPT))
    first = next(graph.Graph().judge(Look(picture, None, None, (), plan.pending)))
    with tempfile.TemporaryDirectory() as folder:
        vlm = Vlm(qwen3_vl(Path(folder)), suffix="Answer yes or no.", device="cpu")
        asks = [Ask(picture, f"{ask.question} {vlm.suffix}") for ask in first[:count]]
        found = tokens(vlm.loaded(), asks)
    head = (side // 32) ** 2
    return {"questions": len(asks), **found, "limit": round((head + count * 40) / (count * (head + 40)), 4)}


def figures() -> list[Figure]:
    """All of it."""
    found = sharing()
    against = "10 questions about one picture, each with the picture of its own (tokens)"
    return [Figure("critic: shared prefix / one by one", found["ratio"], found["limit"], 0.2, against, found)]
