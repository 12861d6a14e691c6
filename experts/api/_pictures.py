"""Pictures on their way to and from a service."""

from __future__ import annotations

import io
import re
from typing import Any

from PIL import Image, ImageOps

from experts.api._faults import BadAnswer
from experts.api._terms import Tokens
from experts.images import ImageError, decode, png, unbase64

_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,([A-Za-z0-9+/=_\s-]+)")


def decoded(data: bytes, usd: float | None = None) -> Image.Image:
    """The bytes of an answered picture as RGB, or RGBA where it is transparent, within the limits of `experts.images`.

    Raises BadAnswer.
    """
    try:
        return decode(data, "the answered picture", alpha=True)
    except ImageError as error:
        again = "limit" not in str(error) and "more than" not in str(error)  # a bomb would come again
        raise BadAnswer(str(error), usd=usd, again=again) from None


def from_base64(text: Any, usd: float | None = None) -> Image.Image:
    """Base64 in any dialect (`experts.images.unbase64`) -> RGB. Raises BadAnswer."""
    if not isinstance(text, str):
        raise BadAnswer("the answered picture is no text", usd=usd, again=False)
    try:
        data = unbase64(text)
    except ImageError as error:
        raise BadAnswer(str(error), usd=usd, again=False) from None
    return decoded(data, usd)


def in_data_url(text: str) -> str | None:
    """The base64 of the first picture in a text (a `data:` URL, perhaps within Markdown), or None."""
    found = _DATA_URL.search(text)
    return found[1] if found else None


def transparent_where(mask: Image.Image) -> bytes:
    """A mask (white: paint here) as the services want it: a PNG that is transparent where to paint."""
    layer = Image.new("RGBA", mask.size, (0, 0, 0, 255))
    layer.putalpha(ImageOps.invert(mask.convert("L")))
    buffer = io.BytesIO()
    layer.save(buffer, "PNG")
    return buffer.getvalue()


def files(images: tuple[Image.Image, ...]) -> list[tuple[str, bytes, str]]:
    """The pictures as uploads: name, PNG, media type."""
    return [(f"image-{number}.png", png(image), "image/png") for number, image in enumerate(images, start=1)]


def finished(
    image: Image.Image, asked: tuple[int, int] | None, wanted: tuple[int, int] | None
) -> tuple[Image.Image, tuple[str, ...]]:
    """The picture at the wanted size, px: scaled, and cut at its edges where the proportions differ; with notes.

    `asked` is the size that the service was asked for, where it was.
    """
    notes: tuple[str, ...] = ()
    if asked and image.size != asked:
        notes += (f"asked for {asked[0]}x{asked[1]} px, got {image.width}x{image.height} px",)
    if wanted is None or image.size == wanted:
        return image, notes
    cut = abs(image.width * wanted[1] - image.height * wanted[0]) > max(*wanted, *image.size)
    how = "scaled and cut" if cut else "scaled"
    notes += (f"drawn at {image.width}x{image.height} px, {how} to {wanted[0]}x{wanted[1]} px",)
    return ImageOps.fit(image, wanted, Image.Resampling.LANCZOS), notes


def count(value: Any) -> int:
    """A token count of an answer; 0 where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else 0


def openai_usage(usage: Any) -> Tokens | None:
    """The `usage` of an images answer; None where there is none."""
    if not isinstance(usage, dict):
        return None
    into, out = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    image_in = count(into.get("image_tokens")) if isinstance(into, dict) else 0
    text_out = count(out.get("text_tokens")) if isinstance(out, dict) else 0
    total_in, total_out = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    used = Tokens(max(0, total_in - image_in), image_in, text_out, max(0, total_out - text_out))
    return used if total_out else None
