"""Tiny CLIP and SigLIP models with random weights, with their image processors and tokenizers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.poser.tiny_vlm import sentences, shaken, tower


def clip(folder: Path, siglip: bool = False) -> Path:
    """A tiny CLIP or SigLIP with its image processor and tokenizer."""
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer, SiglipConfig, SiglipModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    torch.manual_seed(6)
    if siglip:
        from transformers import GemmaTokenizer

        vocab, merges = sentences()
        tokenizer: Any = GemmaTokenizer(vocab=vocab, merges=merges)
        images: Any = SiglipImageProcessorPil(size={"height": 32, "width": 32})
        text = {**tower(32, 8), "vocab_size": len(tokenizer), "max_position_embeddings": 64, "projection_size": 32}
        model: Any = SiglipModel(SiglipConfig(text_config=text, vision_config=tower(32, 8)))
    else:
        letters = "abcdefghijklmnopqrstuvwxyz0123456789"
        words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{c}</w>" for c in letters)]
        tokenizer = CLIPTokenizer(vocab={word: k for k, word in enumerate(words)}, merges=[])
        images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
        text = {**tower(32, 8), "vocab_size": len(words), "max_position_embeddings": 77, "projection_dim": 32}
        text |= {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
        vision = {**tower(32, 8), "projection_dim": 32}
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=32))
    shaken(model).save_pretrained(folder)
    images.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
