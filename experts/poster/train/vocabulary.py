"""The word-level tokenizer that both text encoders share: the experts' words and those of the training phrasings."""

from __future__ import annotations

import re
from functools import lru_cache

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from experts.poster.phrases import _AT, _TEMPLATES
from experts.poster.scene import COLOURS, COUNTS, PLACES, SHAPES, SIZES
from experts.poster.train.store import WEIGHTS

LENGTH = 48
"""Tokens of a prompt, padding included."""
LONG = 72
"""Tokens of the caption of nine items; only the T5 class, whose positions are relative, is handed so many."""
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")


def words() -> list[str]:
    """Every word of the canonical language and of the training split's phrasings, sorted."""
    texts = [*COLOURS, *SIZES, *PLACES, *COUNTS, *SHAPES, *(shape + "s" for shape in SHAPES), *_AT["train"]]
    texts += [re.sub(r"{\w+}", " ", text) for verb in _TEMPLATES.values() for text in verb["train"]]
    texts += ["add remove make move to replace with a an the and then , background item on left right top bottom"]
    texts += ["bigger smaller poster . ;"]
    return sorted(set(re.findall(r"[a-z]+|[,.;:]", " ".join(texts).lower())))


@lru_cache
def tokenizer() -> PreTrainedTokenizerFast:
    """'<s> words </s>', lower case, unknown words become '<unk>'."""
    table = {word: k for k, word in enumerate([*SPECIAL, *words()])}
    core = Tokenizer(models.WordLevel(table, unk_token="<unk>"))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", table["<s>"]), ("</s>", table["</s>"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        model_max_length=LENGTH,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
    )


def save_tokenizer() -> None:
    """Writes the tokenizer folder."""
    tokenizer().save_pretrained(WEIGHTS / "tokenizer")
