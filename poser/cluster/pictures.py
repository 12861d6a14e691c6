"""How pictures travel: as arrays beside the message (pickle 5), which Ray puts into its object store as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from experts.types import image_digest, with_digest

MODES = {"RGB": 3, "RGBA": 4, "L": 1}
"""Modes of pictures that travel as arrays, with their bytes a pixel; others go as Pillow writes them."""


def register() -> None:
    """From now on pictures that this process sends travel as arrays. Raises RuntimeError outside of a Ray session."""
    from ray.util import register_serializer

    register_serializer(Image.Image, serializer=packed, deserializer=unpacked)


def packed(image: Image.Image) -> tuple[Any, ...]:
    """A picture as (mode, size, uint8 [bytes], digest, info)."""
    image.load()
    if image.mode not in MODES:
        return (image.mode, image.size, image.__getstate__(), "", {})
    pixels = np.frombuffer(image.tobytes(), np.uint8)
    return (image.mode, image.size, pixels, image_digest(image), dict(image.info))


def unpacked(parts: tuple[Any, ...]) -> Image.Image:
    """The picture, with the digest of its pixels."""
    mode, size, pixels, digest, info = parts
    if mode not in MODES:
        image = Image.new(mode, size)
        image.__setstate__(pixels)
        return image
    image = Image.frombytes(mode, size, pixels)
    image.info = info
    return with_digest(image, digest)
