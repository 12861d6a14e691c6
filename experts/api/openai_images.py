"""OpenAI images, generate and edit, through the `openai` package.

Source: openai 3.54 (`types/image_model.py`, `image_generate_params.py`, `image_edit_params.py`). The package sends no
idempotency key, so its own retries, which nobody would count, are off. Every other endpoint that speaks this protocol:
`compatible.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PIL import Image

from experts.api._client import Answer, Errand, Line
from experts.api._expert import Ask, Draw, Service
from experts.api._faults import BadAnswer, HttpStatus
from experts.api._pictures import files, from_base64, openai_usage, transparent_where
from experts.api._secret import Secret
from experts.api._sizes import Free, Listed, Sizes
from experts.api._terms import Terms
from experts.types import Card

if TYPE_CHECKING:
    import httpx2

URL = "https://api.openai.com/v1"
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
    """What draws with that model."""
    return drawing(terms, secret, line, lambda ask: {**ask.params})


def drawing(terms: Terms, secret: Secret, line: Line, extra: Extra) -> Draw:
    """What draws through `images.generate`, and through `images.edit` where there are pictures."""
    import openai

    from experts.api import _http

    http = _http.client(line.limits.max_mib)
    client = openai.OpenAI(
        api_key=secret.reveal() or "none",
        base_url=terms.base_url,
        max_retries=0,
        http_client=http,
        default_headers={} if terms.base_url == URL else _own_headers(secret),
    )
    if terms.base_url != URL:
        client.organization = client.project = None  # from the environment, and nobody else's business

    def draw(errand: Errand, ask: Ask) -> Image.Image:
        def send(seconds: float) -> Answer[Image.Image | str]:
            given: dict[str, Any] = {"model": terms.model, "prompt": ask.prompt, "n": 1, **extra(ask)}
            given |= {"size": ask.size} if ask.size else {}
            raw = _call(client, ask, given, _http.timeout(seconds))
            return _read(_http.read_json(raw.content), terms)

        found = errand.ask(send, ask.usd)
        return found if isinstance(found, Image.Image) else _http.picture_at(http, errand, found, terms.base_url)

    return draw


def _own_headers(secret: Secret) -> dict[str, Any]:
    """Headers for another address than OpenAI's: nothing of `OPENAI_CUSTOM_HEADERS` goes there."""
    import openai

    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines()
    ambient = {line.partition(":")[0].strip(): openai.omit for line in lines if ":" in line}
    return {**ambient, "Authorization": f"Bearer {secret.reveal() or 'none'}"}


def _call(client: Any, ask: Ask, given: dict[str, Any], timeout: httpx2.Timeout) -> httpx2.Response:
    """One request. Raises HttpStatus, httpx2.RequestError."""
    import openai

    images = client.images.with_raw_response
    try:
        if not ask.images:
            raw = images.generate(**given, timeout=timeout)
        else:
            pictures = files(ask.images)
            if ask.mask is not None:
                given["mask"] = ("mask.png", transparent_where(ask.mask), "image/png")
            raw = images.edit(image=pictures[0] if len(pictures) == 1 else pictures, **given, timeout=timeout)
    except openai.APIStatusError as error:
        raise HttpStatus(error.status_code, error.response.headers, error.body) from None
    except openai.APIConnectionError as error:
        raise (error.__cause__ if isinstance(error.__cause__, Exception) else error) from None
    response: httpx2.Response = raw.http_response
    return response


def _read(data: Any, terms: Terms) -> Answer[Image.Image | str]:
    """The picture of an answer, or its address. Raises BadAnswer."""
    usd = terms.prices.usd(openai_usage(data.get("usage"))) if isinstance(data, dict) else None
    pictures = data.get("data") if isinstance(data, dict) else None
    if not isinstance(pictures, list):
        raise BadAnswer("the answer has no list of pictures", usd=usd)
    if not pictures or not isinstance(pictures[0], dict):
        raise BadAnswer("answered without a picture: moderated", "refused", usd, again=False)
    if isinstance(pictures[0].get("url"), str) and not pictures[0].get("b64_json"):
        return Answer(pictures[0]["url"], usd)
    return Answer(from_base64(pictures[0].get("b64_json"), usd), usd)


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
    retired=RETIRED,
)
