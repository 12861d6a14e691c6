"""Pictures in and out. Untrusted bytes become PIL RGB pictures here and nowhere else, within limits."""

from __future__ import annotations

import base64
import io
import math
import re
import warnings
from pathlib import Path

from PIL import Image, ImageOps

from experts.types import Card

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
MAX_BYTES = 64 * 2**20
"""Largest file that is read, bytes."""
MAX_PIXELS = 64 * 10**6
"""Largest picture that is decoded, px: 192 MB as RGB."""


class ImageError(ValueError):
    """A picture that cannot be read; the message is one line with the value and the remedy."""


def open_image(path: str | Path) -> Image.Image:
    """A picture file as RGB.

    Raises:
        ImageError: no such file, not a picture, or beyond the limits.
    """
    file = Path(path).expanduser()
    if not file.exists():
        raise ImageError(f"no such file: {path}: check the spelling and the folder")
    if not file.is_file():
        raise ImageError(f"not a file: {path}: give a picture file ({', '.join(FORMATS)})")
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror}: check its permissions") from error
    return decode(data, str(path))


def decode(data: bytes, name: str = "picture") -> Image.Image:
    """The bytes of a picture file as RGB: turned upright as EXIF says, transparency on white, first frame only.

    Raises:
        ImageError: not a picture of `FORMATS`, damaged, or beyond `MAX_BYTES` or `MAX_PIXELS`.
    """
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name} has more than {MAX_BYTES // 2**20} MiB: make it smaller")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes are checked below; damaged metadata is no reason to refuse
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ImageError(_too_big(name, f"{width}x{height}"))
            image.load()
            return _rgb(ImageOps.exif_transpose(image))
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+", str(error))
        raise ImageError(_too_big(name, pixels.group() if pixels else "too many")) from error
    except Exception as error:
        why = " ".join(str(error).split())[:120] or type(error).__name__
        why = "unknown format" if isinstance(error, Image.UnidentifiedImageError) else why
        raise ImageError(f"not an image: {name} ({why}): give one of {', '.join(FORMATS)}") from error


def _too_big(name: str, size: str) -> str:
    return f"{name} is {size} px; the limit is {MAX_PIXELS} px in all: make it smaller"


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode -> a new RGB picture; 16-bit grey keeps its range; transparency is laid on white."""
    if image.mode == "RGB":
        return image.copy() if "transparency" not in image.info else _on_white(image)
    if image.mode.startswith("I"):  # 16-bit grey: `convert` would clip everything above 255 to white
        return image.point(lambda value: value / 257).convert("L").convert("RGB")
    if image.has_transparency_data:
        return _on_white(image)
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")


def png(image: Image.Image) -> bytes:
    """The picture as the bytes of a PNG file: RGB, no metadata."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def png_base64(image: Image.Image) -> str:
    """The PNG file in base64."""
    return base64.b64encode(png(image)).decode("ascii")


def data_url(image: Image.Image) -> str:
    """The PNG file as a `data:` URL."""
    return f"data:image/png;base64,{png_base64(image)}"


def fit(image: Image.Image, card: Card, size: tuple[int, int] | None = None) -> tuple[Image.Image, tuple[str, ...]]:
    """The picture in RGB at a size that the card allows, and a note where it had to be resized.

    `size` (width, height) px is the wanted size; without it, the allowed one nearest to the picture's own.
    """
    target = size or allowed_size(image.size, card)
    rgb = _rgb(image)
    if image.size == target:
        return rgb, ()
    note = f"input picture resized from {image.width}x{image.height} to {target[0]}x{target[1]} px"
    return rgb.resize(target, Image.Resampling.LANCZOS), (note,)


def allowed_size(size: tuple[int, int], card: Card) -> tuple[int, int]:
    """(width, height) px nearest to `size`: scaled into the card's limits, then rounded to its multiple.

    The proportions are kept as far as limits and multiple allow.
    """
    width, height = size
    scale = min(1.0, card.max_side / max(width, height))
    scale = max(scale, card.min_side / min(width, height))
    low = math.ceil(card.min_side / card.multiple) * card.multiple
    high = max(low, card.max_side // card.multiple * card.multiple)

    def side(length: int) -> int:
        return min(high, max(low, round(length * scale / card.multiple) * card.multiple))

    return side(width), side(height)
