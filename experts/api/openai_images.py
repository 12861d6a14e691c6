"""OpenAI images, generate and edit, through the `openai` package.

Source: openai 3.54 (`types/image_model.py`, `image_generate_params.py`, `image_edit_params.py`). The package sends no
idempotency key, so its own retries are off (`_openai.py`). Every other endpoint that speaks this protocol:
`compatible.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PIL import Image

from experts.api import _openai
from experts.api._client import Answer, Errand, Line
from experts.api._expert import Ask, Draw, Service
from experts.api._faults import BadAnswer
from experts.api._openai import URL
from experts.api._pictures import files, from_base64, openai_usage, transparent_where
from experts.api._secret import Secret
from experts.api._sizes import Free, Listed, Sizes
from experts.api._terms import Terms
from experts.types import Card

if TYPE_CHECKING:
    import httpx2
    import openai

LISTED = Listed(((1024, 1024), (1536, 1024), (1024, 1536)))
FREE = Free(multiple=16, max_side=3840, min_pixels=655_360, max_pixels=8_294_400, ratio=3.0)
"""From gpt-image-2 on: `types/image_generate_params.py`; the limits in pixels are those that users measured."""
_NEXT = "gpt-image-2.5-sunburst or gpt-image-2.5-flare"
RETIRED = {
    "gpt-image-1": ("2026-10-23", _NEXT),
    "gpt-image-1-mini": ("2026-12-01", "gpt-image-2.6-flare"),
    "gpt-image-1.5": ("2026-12-01", "gpt-image-2.6-sunburst or gpt-image-2.6-flare"),
    "chatgpt-image-latest": ("2026-12-01", "gpt-image-2.6-sunburst or gpt-image-2.6-flare"),
    "dall-e-2": ("2026-05-12", _NEXT),
    "dall-e-3": ("2026-05-12", _NEXT),
}
"""`types/image_model.py`, and developers.openai.com/api/docs/deprecations."""

Extra = Callable[[Ask], Mapping[str, Any]]
"""More arguments of a call, from the request."""


def connect(terms: Terms, secret: Secret, line: Line) -> Draw:
    """What draws with that model. From gpt-image-2 on pictures are always read in full, and saying so is an error."""
    unknown = "input_fidelity" if terms.model.startswith("gpt-image-2") else ""
    return drawing(terms, secret, line, lambda ask: {name: v for name, v in ask.params.items() if name != unknown})


def drawing(terms: Terms, secret: Secret, line: Line, extra: Extra) -> Draw:
    """What draws through `images.generate`, and through `images.edit` where there are pictures."""
    from experts.api import _http

    client = _openai.connected(terms.base_url, secret, line.limits)
    http = client._client

    def draw(errand: Errand, ask: Ask) -> Image.Image:
        def send(seconds: float) -> Answer[Image.Image | str]:
            given: dict[str, Any] = {"model": terms.model, "prompt": ask.prompt, "n": 1, **extra(ask)}
            given |= {"size": ask.size} if ask.size else {}
            given |= {"extra_headers": errand.headers(terms)}
            return _read(_http.read_json(_call(client, ask, given, seconds).content), terms)

        found = errand.ask(send, ask.usd)
        return (
            found
            if isinstance(found, Image.Image)
            else _http.picture_at(http, errand, found, terms.base_url, terms.hosts)
        )

    return draw


def _call(client: openai.OpenAI, ask: Ask, given: dict[str, Any], seconds: float) -> httpx2.Response:
    """One request. Raises HttpStatus, httpx2.RequestError."""
    images = client.images.with_raw_response
    if not ask.images:
        return _openai.answered(images.generate, seconds, **given)
    pictures = files(ask.images)
    if ask.mask is not None:
        given["mask"] = ("mask.png", transparent_where(ask.mask), "image/png")
    return _openai.answered(images.edit, seconds, image=pictures[0] if len(pictures) == 1 else pictures, **given)


def _read(data: Any, terms: Terms) -> Answer[Image.Image | str]:
    """The picture of an answer, or its address. Raises BadAnswer."""
    usd = terms.prices.usd(openai_usage(data.get("usage"))) if isinstance(data, dict) else None
    pictures = data.get("data") if isinstance(data, dict) else None
    if not isinstance(pictures, list):
        raise BadAnswer("the answer has no list of pictures", usd=usd, again=False)
    if not pictures or not isinstance(pictures[0], dict):
        raise BadAnswer("answered without a picture: moderated", "refused", usd, again=False, bought=True)
    url, encoded = pictures[0].get("url"), pictures[0].get("b64_json")
    if isinstance(url, str) and not encoded and url[:5].lower() != "data:":
        return Answer(url, usd)
    return Answer(from_base64(encoded or url, usd), usd)


def sizes(model: str, card: Card) -> Sizes:
    """Any size from gpt-image-2 on; before, three."""
    return FREE if model.startswith("gpt-image-2") else LISTED


SERVICE = Service(
    name="openai_images",
    connect=connect,
    base_url=URL,
    key="OPENAI_API_KEY",
    params=("quality", "background", "moderation", "complexity", "input_fidelity", "output_format"),
    sizes=sizes,
    most_images=16,
    masks=True,
    wishes={
        **{level: {"quality": level} for level in ("low", "medium", "high")},
        "transparent": {"background": "transparent", "output_format": "png"},
    },
    retired=RETIRED,
)
