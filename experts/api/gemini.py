"""Gemini image models (`generateContent` of the Gemini API), spoken as REST: the google-genai package is not needed.

A picture may come as `inlineData`, as a `data:` URL in a text, or, from gateways, as an address; thoughts are no
answers.
Source: ai.google.dev/api/generate-content, ai.google.dev/gemini-api/docs/image-generation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from PIL import Image

from experts.api._client import Answer, Errand, Line
from experts.api._expert import Ask, Draw, Service
from experts.api._faults import BadAnswer
from experts.api._pictures import count, from_base64, in_data_url
from experts.api._secret import Secret
from experts.api._sizes import Ratios
from experts.api._terms import Terms, Tokens
from experts.images import png_base64

RATIOS = Ratios(("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"))
WIDER = Ratios((*RATIOS.names, "1:4", "4:1", "1:8", "8:1"))
"""Of the flash models from 3.1 on."""
_REFUSED = re.compile(r"SAFETY|PROHIBITED|BLOCKLIST|RECITATION|SPII|LANGUAGE")
_LINK = re.compile(r"https?://[^\s)\"'<>]+")


def connect(terms: Terms, secret: Secret, line: Line) -> Draw:
    """What draws with that model."""
    from experts.api import _http

    http, key = _http.client(line.limits.max_mib), _http.Keyed(secret, "x-goog-api-key")
    url = f"{terms.base_url}/models/{terms.model}:generateContent"

    def draw(errand: Errand, ask: Ask) -> Image.Image:
        body = _body(ask)

        def send(seconds: float) -> Answer[Image.Image | str]:
            return _read(_http.ask(http, "POST", url, key, seconds, body, errand.headers(terms)), terms)

        found = errand.ask(send, ask.usd)
        return (
            found
            if isinstance(found, Image.Image)
            else _http.picture_at(http, errand, found, terms.base_url, terms.hosts)
        )

    return draw


def _body(ask: Ask) -> dict[str, Any]:
    """The request: words, then pictures."""
    parts: list[dict[str, Any]] = [{"text": ask.prompt}]
    parts += [{"inlineData": {"mimeType": "image/png", "data": png_base64(image)}} for image in ask.images]
    image_config = {"aspectRatio": ask.size} if ask.size else {}
    if ask.params.get("resolution"):
        image_config["imageSize"] = str(ask.params["resolution"])
    settings: dict[str, Any] = {"responseModalities": ["IMAGE"]}
    settings |= {"imageConfig": image_config} if image_config else {}
    if ask.seed is not None:
        settings["seed"] = ask.seed
    return {"contents": [{"role": "user", "parts": parts}], "generationConfig": settings}


def _read(data: dict[str, Any], terms: Terms) -> Answer[Image.Image | str]:
    """The picture of an answer, or its address. Raises BadAnswer."""
    usd = terms.prices.usd(_usage(data.get("usageMetadata")))
    feedback = data.get("promptFeedback")
    blocked = feedback.get("blockReason") if isinstance(feedback, dict) else None
    if blocked:
        raise BadAnswer(f"the prompt was blocked: {str(blocked)[:40]}", "refused", usd, again=False)
    candidates = data.get("candidates")
    first = candidates[0] if isinstance(candidates, list) and candidates else None
    if not isinstance(first, dict):
        raise BadAnswer("the answer has no candidate", usd=usd)
    for part in _parts(first):
        inline = part.get("inlineData") or part.get("inline_data")
        if isinstance(inline, dict):
            return Answer(from_base64(inline.get("data"), usd), usd)
        text = part.get("text")
        if isinstance(text, str):
            encoded, link = in_data_url(text), _LINK.search(text)
            if encoded:
                return Answer(from_base64(encoded, usd), usd)
            if link and text.lstrip().startswith(("![", "http")):
                return Answer(link[0], usd)
    reason = str(first.get("finishReason", ""))[:40]
    if _REFUSED.search(reason):
        raise BadAnswer(f"stopped: {reason}", "refused", usd, again=False)
    raise BadAnswer(f"answered without a picture ({reason or 'no reason given'})", usd=usd)


def _parts(candidate: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a candidate that are its answer."""
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict) and not part.get("thought"):
            yield part


def _usage(usage: Any) -> Tokens | None:
    """`usageMetadata`: thoughts are charged as text; None where there is none."""
    if not isinstance(usage, dict):
        return None
    into, out = count(usage.get("promptTokenCount")), count(usage.get("candidatesTokenCount"))
    image_in = _of_kind(usage.get("promptTokensDetails"), "IMAGE")
    text_out = _of_kind(usage.get("candidatesTokensDetails"), "TEXT")
    thoughts = count(usage.get("thoughtsTokenCount"))
    return Tokens(max(0, into - image_in), image_in, text_out + thoughts, max(0, out - text_out))


def _of_kind(details: Any, kind: str) -> int:
    rows = [row for row in details if isinstance(row, dict)] if isinstance(details, list) else []
    return sum(count(row.get("tokenCount")) for row in rows if row.get("modality") == kind)


SERVICE = Service(
    name="gemini",
    connect=connect,
    base_url="https://generativelanguage.googleapis.com/v1beta",
    key="GEMINI_API_KEY",
    params=("resolution",),
    sizes=lambda model, card: WIDER if "nano-banana" in model or "3.1-flash" in model else RATIOS,
    most_images=14,
    retired={"gemini-3.1-flash-image": ("2026-10-29", "gemini-nano-banana-2.1")},
)
