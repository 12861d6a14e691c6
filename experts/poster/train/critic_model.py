"""The critic's network and processor: a LLaVA of 2 M parameters.

`LlavaForConditionalGeneration` is the plainest image-text-to-text class of transformers: a CLIP vision tower, a
two-layer projector, a Llama. Nothing in it depends on pretrained weights, and what is asked of it (`AutoProcessor`,
chat template, `AutoModelForImageTextToText`, `logits_to_keep`) is what is asked of any larger model. The vision patch
covers a grid cell, so a poster is nine image tokens and a question about it 22 tokens in all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from experts.poster.questions import VOCABULARY
from experts.poster.scene import CELL, SIDE

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration, LlavaProcessor, PreTrainedTokenizerFast

SPECIAL = ("<pad>", "<unk>", "<s>", "</s>", "<image>")
ANSWER = ("no", "yes")
WIDTH_VISION, WIDTH_TEXT = 144, 128
TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }} {% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}answer :{% endif %}"
)
"""One turn: the picture, the question, 'answer :'; the next token is the answer."""
CELLS = (SIDE // CELL) ** 2


def prompt(question: str) -> str:
    """What the processor makes of the template for one picture and a question."""
    return "<image>" * CELLS + f" {question} answer :"


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Word-level, lower-case, padded on the left (so that the last position is the answer's)."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = [*SPECIAL, *ANSWER, "answer", ":", "?", *VOCABULARY]
    core = Tokenizer(models.WordLevel({word: k for k, word in enumerate(words)}, unk_token="<unk>"))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        model_max_length=64,
        padding_side="left",
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens={"image_token": "<image>"},
    )


def build_processor() -> LlavaProcessor:
    """Resamples to SIDE x SIDE px, scales to [-1, 1], writes the prompt by the chat template."""
    from transformers import LlavaProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    square = {"height": SIDE, "width": SIDE}
    images = CLIPImageProcessorPil(
        size=square, do_center_crop=False, crop_size=square, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    return LlavaProcessor(
        image_processor=images,
        tokenizer=build_tokenizer(),
        patch_size=CELL,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int = 0) -> LlavaForConditionalGeneration:
    """The network with random weights; its vocabulary and special tokens are the tokenizer's."""
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    torch.manual_seed(seed)
    vision = CLIPVisionConfig(
        hidden_size=WIDTH_VISION,
        intermediate_size=640,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=CELL,
        projection_dim=WIDTH_VISION,
        hidden_act="gelu",
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH_TEXT,
        intermediate_size=2 * WIDTH_TEXT,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=64,
        initializer_range=WIDTH_TEXT**-0.5,  # the default of wide models leaves attention flat for hundreds of steps
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=tokenizer.get_vocab()["<image>"],
        image_seq_length=CELLS,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )
    return LlavaForConditionalGeneration(config)
