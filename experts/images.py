"""Pictures in and out. Whatever a caller, an expert or a file gives becomes a PIL RGB picture here and nowhere else,
within limits."""

from __future__ import annotations

import base64
import io
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter, ImageOps
from PIL.PngImagePlugin import PngInfo

from experts.failures import plain_line, words_of
from experts.types import Card

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
MAX_BYTES = 64 * 2**20
"""Largest file that is read, bytes."""
MAX_PIXELS = 64 * 10**6
"""Largest picture that is decoded, px: 192 MB as RGB."""
STRETCHED = 0.1
"""Change of proportions, as a logarithm, that is said: a tenth. Less comes of rounding to a card's multiple."""
REDUCING = 3.0
"""Large pictures are first reduced by whole factors, to that many times the wanted size: twenty times sooner."""
LEVEL = 1
"""Effort of PNG compression: of 12 megapixels, level 6 takes five times as long."""
MAX_PNG = 5 * MAX_PIXELS
"""Largest file that `png` makes of such a picture, bytes: noise with transparency does not get smaller."""


class ImageError(ValueError):
    """A picture that cannot be read; the message is one line with the value and the remedy."""


def open_image(path: str | Path, alpha: bool = False) -> Image.Image:
    """A picture file as RGB; with `alpha`, transparency is kept (RGBA).

    Raises:
        ImageError: no such file, not a picture, or beyond the limits.
    """
    try:
        file = Path(path).expanduser()
        there = file.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, of no user, with a NUL
        raise ImageError(f"no such file: {str(path)[:80]!r} ({plain_line(words_of(error), 60)})") from error
    if not there:
        raise ImageError(f"no such file: {plain_line(str(path), 200)}: check the spelling and the folder")
    if not file.is_file():
        raise ImageError(f"not a file: {plain_line(str(path), 200)}: give a picture file ({', '.join(FORMATS)})")
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror}: check its permissions") from error
    return decode(data, str(path), alpha)


def opened(source: Any, name: str = "the picture", alpha: bool = False) -> Image.Image:
    """A picture of any kind as RGB: a PIL picture, an array, a path, bytes, an open file, a `data:` URL.

    Args:
        source: arrays are [height, width] or [height, width, 1, 3 or 4] of bool, 8 or 16 bit, or floats in [0, 1].
        name: what errors call it, where it has no path.
        alpha: transparency is kept (RGBA), not laid on white.

    Raises:
        ImageError: not a picture, damaged, or beyond `MAX_BYTES` or `MAX_PIXELS`.
    """
    if isinstance(source, Image.Image):
        return _upright(source, name, alpha)
    if isinstance(source, bytes | bytearray | memoryview):
        return decode(bytes(source), name, alpha)
    if isinstance(source, str) and source[:5].lower() == "data:":
        return decode(unbase64(source), name, alpha)
    if isinstance(source, str) and re.match(r"https?://", source, re.I):
        raise ImageError(f"addresses are not fetched: {source[:80]}: download the picture and give its file")
    if isinstance(source, str | Path):
        return open_image(source, alpha)
    if callable(getattr(source, "read", None)):
        return decode(_read(source, name), name, alpha)
    if hasattr(source, "__array__") or hasattr(source, "__array_interface__"):
        return _upright(_from_array(source, name), name, alpha)
    raise ImageError(f"not an image: {name} is a {type(source).__name__}: give a picture, an array, a path or bytes")


def _read(stream: Any, name: str) -> bytes:
    """What an open file holds, up to the limit."""
    try:
        data = stream.read(MAX_BYTES + 1)
    except Exception as error:
        raise ImageError(f"cannot read {name} ({type(error).__name__}): give an open binary file") from error
    if not isinstance(data, bytes):
        raise ImageError(f"{name} gives {type(data).__name__}, not bytes: open the file in binary mode")
    return data


def _from_array(source: Any, name: str) -> Image.Image:
    """An array as a picture; raises ImageError for a shape or values that are none."""
    import numpy as np

    try:
        pixels = np.asarray(source)
    except Exception as error:
        raise ImageError(f"not an image: {name} is no array ({type(error).__name__})") from error
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)) or not pixels.size:
        raise ImageError(f"not an image: {name} has the shape {pixels.shape}: give [height, width, 3]")
    if pixels.shape[0] * pixels.shape[1] > MAX_PIXELS:
        raise ImageError(_too_big(name, f"{pixels.shape[1]}x{pixels.shape[0]}"))
    if pixels.dtype == np.uint16:
        pixels = pixels / 65535
    elif pixels.dtype == bool:
        pixels = pixels.astype(np.float32)
    if np.issubdtype(pixels.dtype, np.floating):
        if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
            raise ImageError(f"not an image: {name} has floats outside 0 .. 1: scale them, or give 8-bit values")
        pixels = (pixels * 255).round().astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise ImageError(f"not an image: {name} is of {pixels.dtype}: give uint8, uint16, bool or floats in 0 .. 1")
    return Image.fromarray(np.ascontiguousarray(pixels))


def decode(
    data: bytes, name: str = "picture", alpha: bool = False, most: int = MAX_BYTES, pixels: int = MAX_PIXELS
) -> Image.Image:
    """The bytes of a picture file as RGB: turned upright as EXIF says, transparency on white, first frame only.

    `alpha`: transparency is kept (RGBA).

    Raises:
        ImageError: not a picture of `FORMATS`, damaged, or beyond `most` bytes or `pixels` px.
    """
    if len(data) > most:
        raise ImageError(f"{name} has more than {most // 2**20} MiB: make it smaller")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes are checked below; damaged metadata is no reason to refuse
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception as error:
        raise _no_image(error, name) from error
    return _upright(image, name, alpha, pixels)


def _upright(image: Image.Image, name: str, alpha: bool, most: int = MAX_PIXELS) -> Image.Image:
    """A PIL picture, perhaps not read yet, as a new RGB (RGBA) one that stands upright."""
    width, height = image.size
    if width * height > most:
        raise ImageError(_too_big(name, f"{width}x{height}", most))
    if not width * height:
        raise ImageError(f"not an image: {name} has {width}x{height} px: give one of at least 1x1 px")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
            return _as_rgb(ImageOps.exif_transpose(image), alpha)  # which is a copy
    except Exception as error:
        raise _no_image(error, name) from error


def _no_image(error: Exception, name: str) -> ImageError:
    """Why something cannot be read as a picture, in one line."""
    said = words_of(error)
    if isinstance(error, Image.DecompressionBombError):
        pixels = re.search(r"\d+", said)
        return ImageError(_too_big(name, pixels.group() if pixels else "too many"))
    unknown = isinstance(error, Image.UnidentifiedImageError)
    why = "unknown format" if unknown else plain_line(said, 120) or type(error).__name__
    return ImageError(f"not an image: {name} ({why}): give one of {', '.join(FORMATS)}")


def _too_big(name: str, size: str, most: int = MAX_PIXELS) -> str:
    return f"{name} is {size} px; the limit is {most} px in all: make it smaller"


def rgb(image: Image.Image, alpha: bool = False) -> Image.Image:
    """Any mode -> a new RGB picture; 16-bit grey keeps its range; transparency is laid on white, or with `alpha` kept
    where there is any (RGBA)."""
    shown = _as_rgb(image, alpha)
    return shown.copy() if shown is image else shown


def _as_rgb(image: Image.Image, alpha: bool = False) -> Image.Image:
    """As `rgb`; the picture itself where it is RGB already."""
    if image.mode.startswith("I"):  # 16-bit grey: `convert` would clip everything above 255 to white
        return image.point(lambda value: value / 257).convert("L").convert("RGB")
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    layer = image.convert("RGBA")
    if layer.getchannel("A").getextrema() == (255, 255):
        return layer.convert("RGB")
    if alpha:
        return layer
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def squared(image: Image.Image, ground: tuple[int, int, int] = (124, 116, 104)) -> Image.Image:
    """The picture as RGB in the middle of a square, padded with `ground`, for models that see squares only.

    The usual ground is the mean of the pictures that such models were trained on (OpenAI CLIP): 0 to their eyes.
    """
    shown = rgb(image)
    if image.width == image.height:
        return shown
    return ImageOps.pad(shown, (max(image.size),) * 2, color=ground)


FAR = 32.0
"""Mean distance of two pictures, in levels of 255, from which they count as nothing alike: on posters, what another
item in the same cell comes to (median of 200: 31; the same item drawn again: 8)."""
GROUND = 48
"""Largest distance, in levels of 255, at which a pixel counts as background."""


def likeness(
    one: Image.Image,
    other: Image.Image,
    boxes: Sequence[tuple[int, int, int, int]],
    ground: tuple[int, int, int] | None = None,
) -> float:
    """How alike two pictures are within boxes (left, top, right, bottom, px of `one`), [0, 1]: 1 less their mean
    absolute difference over `FAR`. With `ground`, only inside of what does not have that colour in `one`. NaN: no pixel
    is left.
    """
    import numpy as np

    same = other if other.size == one.size else other.resize(one.size)
    a, b = (np.asarray(rgb(image), np.float32) for image in (one, same))
    where = np.zeros(a.shape[:2], bool)
    for left, top, right, bottom in boxes:
        where[top:bottom, left:right] = True
    if ground is not None:
        solid = Image.fromarray(np.abs(a - np.asarray(ground, np.float32)).max(axis=2) > GROUND).convert("L")
        where &= np.asarray(solid.filter(ImageFilter.MinFilter(5))) > 0  # less the edges, which mix with the ground
    return max(0.0, 1.0 - float(np.abs(a - b)[where].mean()) / FAR) if where.any() else math.nan


def png(image: Image.Image, about: Mapping[str, str] | None = None) -> bytes:
    """The picture as the bytes of a PNG file: RGB, or RGBA where it is that.

    `about`: texts that are written into it by their names ('prompt'); None: no metadata.
    """
    buffer, texts = io.BytesIO(), PngInfo()
    for name, text in (about or {}).items():
        texts.add_itxt(name, text.encode("utf-8", "replace").decode("utf-8"))
    shown = image if image.mode in ("RGB", "RGBA") else rgb(image)
    shown.save(buffer, "PNG", pnginfo=texts, compress_level=LEVEL, exif=b"", icc_profile=None)
    return buffer.getvalue()


def png_base64(image: Image.Image) -> str:
    """The PNG file in base64."""
    return base64.b64encode(png(image)).decode("ascii")


def data_url(image: Image.Image) -> str:
    """The PNG file as a `data:` URL."""
    return f"data:image/png;base64,{png_base64(image)}"


def unbase64(text: str) -> bytes:
    """The bytes of base64 in any of its dialects: a `data:` URL, the usual or the url-safe letters, with or without
    padding and line breaks.

    Raises:
        ImageError: too long, or no base64.
    """
    if len(text) > MAX_BYTES * 4 // 3 + 200:
        raise ImageError(f"the picture's base64 stands for more than {MAX_BYTES // 2**20} MiB: make it smaller")
    head, comma, tail = text.partition(",") if text[:5].lower() == "data:" else ("", "", text)
    if head and (not comma or "base64" not in head.lower()):
        raise ImageError("the picture's data: URL is not in base64: give data:image/png;base64,...")
    letters = "".join(tail.split()).rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except ValueError:
        raise ImageError("the picture is no base64: give data:image/png;base64,...") from None


def mask_of(source: Any, size: tuple[int, int], name: str = "the mask") -> Image.Image | None:
    """A mask as mode 'L', 255 where a picture may change and 0 where it must not: white is where it may.

    Args:
        source: a picture of any kind (`opened`).
        size: (width, height) px of the picture that it belongs to.

    Returns:
        None where all of it may change.

    Raises:
        ImageError: no picture, another size, transparency, nothing that may change.
    """
    shown = opened(source, name, alpha=True)
    if shown.mode == "RGBA":
        raise ImageError(f"{name} is transparent in places: give black and white, white where the picture may change")
    if shown.size != size:
        found, wanted = ("{}x{}".format(*pair) for pair in (shown.size, size))
        raise ImageError(f"{name} has {found} px and the picture {wanted}: give a mask of the picture's size")
    sharp = shown.convert("L").point(lambda value: 255 * (value >= 128))  # JPEG leaves no pure black
    low, high = sharp.getextrema()
    if not high:
        raise ImageError(f"{name} is black all over, so that nothing may change: paint white where it may")
    return None if low else sharp


def within(image: Image.Image, before: Image.Image, mask: Image.Image) -> Image.Image:
    """`image` where the mask is white and `before` where it is black, pixel by pixel; of the size of `before`."""
    mode = "RGBA" if "RGBA" in (image.mode, before.mode) else "RGB"
    new, old = (picture if picture.mode == mode else picture.convert(mode) for picture in (image, before))
    if new.size != old.size:
        new = new.resize(old.size, Image.Resampling.LANCZOS, reducing_gap=REDUCING)
    return Image.composite(new, old, mask)


def fit(image: Image.Image, card: Card, size: tuple[int, int] | None = None) -> tuple[Image.Image, tuple[str, ...]]:
    """The picture in RGB at a size that the card allows, and a note where it had to be resized.

    `size` (width, height) px is the wanted size; without it, the allowed one nearest to the picture's own.
    """
    target = size or allowed_size(image.size, card)
    if image.size == target:
        return rgb(image), ()
    note = f"input picture resized from {image.width}x{image.height} to {target[0]}x{target[1]} px"
    if abs(math.log(image.width * target[1] / (image.height * target[0]))) > STRETCHED:
        note += f", stretched: its proportions {_ratio(image.size)} became {_ratio(target)}"
    return _as_rgb(image).resize(target, Image.Resampling.LANCZOS, reducing_gap=REDUCING), (note,)


def _ratio(size: tuple[int, int]) -> str:
    """'4:1', '1:1.5'."""
    short = min(size)
    return ":".join(f"{side / short:.3g}" for side in size)


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


def shrunk(picture: Image.Image, side: int) -> Image.Image:
    """The picture with at most `side` px a side."""
    if max(picture.size) <= side:
        return picture
    small = rgb(picture)
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small
