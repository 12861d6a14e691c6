"""Tokenizers and processors of vision-language models, for words and still pictures alone.

transformers' processors of Pixtral and Qwen2-VL need torchvision: for a video processor through which nothing passes
here. So words go through the tokenizer itself, and pictures through the image processor.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from experts.entries import Source
from experts.hub.fetch import folder
from experts.local._weights import quiet_loading


class Sight:
    """Words with one `<|image_pad|>` a picture -> token ids, where each has become as many as the picture has patches.

    Args:
        image_processor: of Qwen2-VL; cuts pictures into patches.
        tokenizer: of the words.
    """

    def __init__(self, image_processor: Any, tokenizer: Any) -> None:
        self.image_processor, self.tokenizer = image_processor, tokenizer
        self.image_token: str = getattr(tokenizer, "image_token", None) or "<|image_pad|>"

    def __call__(self, text: Sequence[str], images: Any = None, **options: Any) -> Any:
        """`input_ids` and `attention_mask` [N, T]; with pictures `pixel_values` and `image_grid_thw` [pictures, 3].

        Raises:
            ValueError: not as many places for pictures as pictures.
        """
        from transformers import BatchFeature

        pictures = [images] if isinstance(images, Image.Image) else images
        seen = self.image_processor(images=pictures, return_tensors="pt") if pictures else {}
        lengths = [int(grid.prod()) // self.image_processor.merge_size**2 for grid in seen.get("image_grid_thw", ())]
        places = sum(words.count(self.image_token) for words in text)
        if places != len(lengths):
            raise ValueError(f"{places} places for {len(lengths)} pictures: take {self.image_token} out of the prompt")
        left = iter(lengths)
        spread = [re.sub(re.escape(self.image_token), lambda _: self.image_token * next(left), words) for words in text]
        return BatchFeature({**self.tokenizer(spread, **options), **seen})


def words(source: Source) -> Any:
    """The tokenizer in the folder 'tokenizer' of a pipeline, or of that component. Raises OSError: it is not there."""
    from transformers import AutoTokenizer

    with quiet_loading():
        return AutoTokenizer.from_pretrained(_where(source, "tokenizer"), trust_remote_code=False)


def sight(source: Source, name: str = "processor") -> Sight:
    """The processor in the folder of that name of a pipeline, or of that component. Raises OSError: it is not there.

    It is also one of transformers' processors by its type, which diffusers asks for where it loads a pipeline.
    """
    from transformers import AutoTokenizer, ProcessorMixin, Qwen2VLImageProcessor

    where = _where(source, name)
    with quiet_loading():
        words = AutoTokenizer.from_pretrained(where, trust_remote_code=False)
        kind = type("Sight", (Sight, ProcessorMixin), {})
        return kind(Qwen2VLImageProcessor.from_pretrained(where), words)


def _where(source: Source, name: str) -> Path:
    """The folder of that part of a pipeline, whose other parts are read already."""
    shared = source.components.get(name)
    if shared is None:
        return folder(source.weights, source.revision, tuple(source.components)) / name
    return folder(shared, source.revisions.get(name))
