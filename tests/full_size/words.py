"""Tokenizers as the hub's repositories hold them: the files that each kind really comes with, and no others."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

from tests.experts.tiny_talking import SPECIAL

TEXT = (
    "a red star on white. make the star blue, draw a green circle in the corner and put two black cats on a sofa. "
    "yes no Yes No the quick brown fox jumps over the lazy dog; paint it over with photographs, lakes and mountains"
)
CHAT = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *SPECIAL]
TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' }}{%- if message.content is string %}"
    "{{- message.content }}{%- else %}{%- for part in message.content %}{%- if part.type == 'image' %}"
    "{{- '<|vision_start|><|image_pad|><|vision_end|>' }}{%- elif 'text' in part %}{{- part.text }}{%- endif %}"
    "{%- endfor %}{%- endif %}{{- '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


def _json(folder: Path, **files: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / f"{name}.json").write_text(json.dumps(value), "utf-8")


@cache
def _bpe(suffix: str) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A byte-level BPE trained on `TEXT`; `suffix`: of a word's last piece."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    ending: dict[str, Any] = {"end_of_word_suffix": suffix} if suffix else {}
    core = Tokenizer(models.BPE(**ending))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    ends = [f"{letter}{suffix}" for letter in alphabet] if suffix else []
    trainer = trainers.BpeTrainer(vocab_size=700, initial_alphabet=alphabet, show_progress=False, **ending)
    core.train_from_iterator([TEXT] * 20, trainer)
    model = json.loads(core.to_str())["model"]
    vocab = list(dict.fromkeys([*model["vocab"], *ends]))
    return {word: k for k, word in enumerate(vocab)}, [tuple(merge) for merge in model["merges"]]


def clip(folder: Path) -> int:
    """CLIP's: vocab.json and merges.txt, as Stable Diffusion and FLUX have it. Gives the size of the vocabulary."""
    vocab, merges = _bpe("</w>")
    vocab = vocab | {"<|startoftext|>": len(vocab), "<|endoftext|>": len(vocab) + 1}
    start, end = "<|startoftext|>", "<|endoftext|>"
    names = {"bos_token": start, "eos_token": end, "unk_token": end, "pad_token": end}
    told = {**names, "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True}
    _json(folder, vocab=vocab, special_tokens_map=names, tokenizer_config={**told, "add_prefix_space": False})
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return len(vocab)


@cache
def _pieces() -> bytes:
    import sentencepiece

    model = io.BytesIO()
    settings: dict[str, Any] = dict(vocab_size=90, model_type="unigram", hard_vocab_limit=False, minloglevel=2)
    sentences = iter([TEXT] * 5 + TEXT.split())
    ids = dict(pad_id=0, eos_id=1, unk_id=2, bos_id=-1, normalization_rule_name="identity")
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=sentences, model_writer=model, **settings, **ids)
    return model.getvalue()


def t5(folder: Path, fast: bool = False, length: int = 512) -> int:
    """T5's: spiece.model alone (`fast`: and tokenizer.json). Gives the size of the vocabulary."""
    import sentencepiece

    extra = [f"<extra_id_{k}>" for k in range(100)]
    names = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    size = sentencepiece.SentencePieceProcessor(model_proto=_pieces()).vocab_size()
    told = {**names, "extra_ids": 100, "additional_special_tokens": extra, "model_max_length": length, "legacy": True}
    kind = "T5TokenizerFast" if fast else "T5Tokenizer"
    _json(folder, special_tokens_map={**names, "additional_special_tokens": extra})
    _json(folder, tokenizer_config={**told, "tokenizer_class": kind, "sp_model_kwargs": {}})
    (folder / "spiece.model").write_bytes(_pieces())
    if fast:
        from transformers import T5Tokenizer

        T5Tokenizer.from_pretrained(folder).backend_tokenizer.save(str(folder / "tokenizer.json"))
    else:
        _json(folder, added_tokens={word: size + k for k, word in enumerate(reversed(extra))})
    return size + 100


def qwen(folder: Path, template: str = "jinja", fast: bool = False, length: int = 4096) -> dict[str, int]:
    """Qwen's: vocab.json and merges.txt (`fast`: and tokenizer.json), the chat template in a file of its own ('jinja',
    'json') or in tokenizer_config.json ('inside'). Gives the ids of its special tokens and '' -> the vocabulary's size.
    """
    vocab, merges = _bpe("")
    ids = {word: len(vocab) + k for k, word in enumerate(CHAT)}
    added = {str(id): {"content": word, "special": True, "normalized": False} for word, id in ids.items()}
    names = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "additional_special_tokens": CHAT[1:]}
    told = {**names, "added_tokens_decoder": added, "tokenizer_class": "Qwen2Tokenizer", "model_max_length": length}
    told |= {"add_prefix_space": False, "bos_token": None, "unk_token": None, "errors": "replace"}
    _json(folder, vocab=vocab, added_tokens=ids, special_tokens_map=names)
    (folder / "merges.txt").write_text("\n".join(" ".join(merge) for merge in merges) + "\n", "utf-8")
    if template == "jinja":
        (folder / "chat_template.jinja").write_text(TEMPLATE, "utf-8")
    elif template == "json":
        _json(folder, chat_template={"chat_template": TEMPLATE})
    else:
        told["chat_template"] = TEMPLATE
    _json(folder, tokenizer_config=told)
    if fast:
        from transformers import Qwen2Tokenizer

        Qwen2Tokenizer.from_pretrained(folder).backend_tokenizer.save(str(folder / "tokenizer.json"))
    return ids | {"": len(vocab) + len(ids)}


def mistral(folder: Path) -> int:
    """Mistral's of FLUX.2 dev, with Pixtral's processor around it: tokenizer.json and no vocabulary beside it."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    vocab, merges = _bpe("")
    core = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<unk>", "<s>", "</s>", "<pad>", "[INST]", "[/INST]", "[IMG]", "[IMG_BREAK]", "[IMG_END]"]
    core.add_special_tokens([AddedToken(word, special=True) for word in special])
    folder.mkdir(parents=True, exist_ok=True)
    core.save(str(folder / "tokenizer.json"))
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    told = {
        **names,
        "tokenizer_class": "LlamaTokenizer",
        "processor_class": "PixtralProcessor",
        "model_max_length": 4096,
    }
    pictures = {"image_processor_type": "PixtralImageProcessor", "patch_size": {"height": 14, "width": 14}}
    around = {"processor_class": "PixtralProcessor", "patch_size": 14, "image_token": "[IMG]", "spatial_merge_size": 2}
    _json(
        folder, special_tokens_map=names, tokenizer_config=told, preprocessor_config=pictures, processor_config=around
    )
    (folder / "chat_template.jinja").write_text(
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST]{% endif %}"
        "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for p in m['content'] %}{{ p['text'] }}"
        "{% endfor %}{% endif %}{% if m['role'] == 'user' %}[/INST]{% endif %}{% endfor %}",
        "utf-8",
    )
    return core.get_vocab_size()
