"""The pieces of a report's page, each a string of HTML that has escaped what it was given."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Iterable
from typing import Any

from PIL import Image

from experts.images import data_url

SMALL = 256
"""Longest side, px, up to which a picture is enlarged without smoothing and laid in without loss."""
LARGE = 1280
"""Longest side, px, that a large picture is shown at; the file beside the report keeps its own size."""


def text(words: Any) -> str:
    """Words as they are, escaped."""
    return html.escape(str(words), quote=True)


def badge(kind: str, words: str = "") -> str:
    """A pill in the colour of `kind`."""
    return f'<span class="badge {kind.replace(" ", "-")}">{text(words or kind)}</span>'


def figure(image: Image.Image | None, caption: str, absent: str = "no picture") -> str:
    """A picture above its caption."""
    return f"<figure>{picture(image, caption, absent)}<figcaption>{text(caption)}</figcaption></figure>"


def picture(image: Image.Image | None, alt: str, absent: str = "no picture", side: int = LARGE) -> str:
    """A picture as a data URL: lossless where it is small, else at most `side` px in WebP."""
    if image is None:
        return f'<div class="picture none">{text(absent)}</div>'
    if max(image.size) <= SMALL:
        return f'<img class="picture small" alt="{text(alt)}" src="{data_url(image)}">'
    shown = image.convert("RGB")
    shown.thumbnail((side, side))
    buffer = io.BytesIO()
    shown.save(buffer, "WEBP", quality=90)
    url = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    return f'<img class="picture" loading="lazy" alt="{text(alt)}" src="{url}">'


def tile(value: str, label: str) -> str:
    """A big value above a small label."""
    return f'<div class="tile"><b>{text(value)}</b><span>{text(label)}</span></div>'


def bar(value: float, threshold: float) -> str:
    """A score in [0, 1] as a length, in red below `threshold`; nothing for NaN."""
    if math.isnan(value):
        return ""
    low = ' class="low"' if value < threshold else ""
    return f'<i{low} style="width:{100 * min(max(value, 0.0), 1.0):.1f}%"></i>'


def table(rows: Iterable[tuple[str, Any]]) -> str:
    """Names and values; rows without a value are left out."""
    cells = (f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in rows if value not in (None, ""))
    return f"<dl>{''.join(cells)}</dl>"


def score(value: float) -> str:
    """A score in [0, 1] with two digits, a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:.2f}"


def usd(value: float) -> str:
    """USD in as many digits as it takes; 'free' for nothing."""
    return "free" if not value else f"${value:.4f}".rstrip("0").rstrip(".") if value < 0.1 else f"${value:.2f}"
