"""Replicate: create a prediction, look until it is done, fetch its picture.

`model` is 'owner/name' (official models) or 'owner/name:version'. Models name their inputs as they like: `fields` gives
the names of `image` ('NAME[]' where it takes a list), `aspect`, `width`, `height` and `seed` where a model has them;
params are handed on as they are.
Only creating is charged; looks and fetches are repeated freely. What a deadline leaves undone is cancelled.
Source: replicate.com/docs/reference/http, replicate.com/docs/topics/predictions/create-a-prediction.
"""

from __future__ import annotations

import re
from typing import Any

from PIL import Image

from experts.api._client import Answer, Errand, Line
from experts.api._expert import Ask, Draw, Service
from experts.api._faults import BadAnswer, Fault
from experts.api._pictures import from_base64, in_data_url
from experts.api._secret import Secret
from experts.api._sizes import Ratios
from experts.api._terms import Terms, Tokens
from experts.images import data_url

RATIOS = Ratios(("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "9:21", "21:9"))
HOSTS = ("replicate.delivery",)
"""Where outputs lie; nothing else is fetched."""
LOOK = 1.0
"""Pause between looks, s."""
FIELDS = {"image": "input_image", "aspect": "aspect_ratio", "seed": "seed"}
_DONE = ("succeeded", "successful")
_ID = re.compile(r"[a-z0-9]{6,64}")
_REFUSED = re.compile(r"nsfw|sensitive|E005|safety|moderat|flagged|content polic", re.I)


def connect(terms: Terms, secret: Secret, line: Line) -> Draw:
    """What draws with that model."""
    from experts.api import _http

    http, key = _http.client(line.limits.max_mib), _http.Keyed(secret, "authorization", "Bearer ")
    base = terms.base_url

    def create(body: dict[str, Any], path: str, errand: Errand, seconds: float) -> Answer[dict[str, Any]]:
        wait = {"prefer": f"wait={max(1, min(60, int(seconds) - 1))}", **errand.headers(terms)}
        made = _http.ask(http, "POST", f"{base}{path}", key, seconds, body, wait)
        if not isinstance(made.get("id"), str) or not _ID.fullmatch(made["id"]):
            raise BadAnswer("the answer has no prediction id", again=False)
        return Answer(made)

    def look(id: str, seconds: float) -> Answer[dict[str, Any]]:
        return Answer(_http.ask(http, "GET", f"{base}/predictions/{id}", key, seconds))

    def draw(errand: Errand, ask: Ask) -> Image.Image:
        path, body = _request(terms, ask)
        made = errand.ask(lambda seconds: create(body, path, errand, seconds), ask.usd)
        id = made["id"]
        try:
            while made.get("status") in ("starting", "processing"):
                errand.sleep(LOOK)
                made = errand.ask(lambda seconds: look(id, seconds), buys=False)
        except Fault:
            _cancel(errand, lambda seconds: _http.ask(http, "POST", f"{base}/predictions/{id}/cancel", key, seconds))
            raise
        done, by_time = made.get("status") in _DONE, _usd(made, terms)
        if by_time is not None or not done:  # a picture that was not made is not charged; seconds of hardware are
            errand.amend(by_time or 0.0, done)
        found = _output(made)
        return (
            found
            if isinstance(found, Image.Image)
            else _http.picture_at(http, errand, found, base, (*HOSTS, *terms.hosts))
        )

    return draw


def _request(terms: Terms, ask: Ask) -> tuple[str, dict[str, Any]]:
    """Path and body that create the prediction."""
    names = {**FIELDS, **terms.fields}
    given: dict[str, Any] = {"prompt": ask.prompt, **{k: v for k, v in ask.params.items() if v is not None}}
    if ask.images:
        name, url = names["image"], data_url(ask.images[0])
        given[name.removesuffix("[]")] = [url] if name.endswith("[]") else url
    if ask.size and names["aspect"]:
        given[names["aspect"]] = ask.size
    if ask.seed is not None and names["seed"]:
        given[names["seed"]] = ask.seed
    model, _, version = terms.model.partition(":")
    if version:
        return "/predictions", {"version": version, "input": given}
    return f"/models/{model}/predictions", {"input": given}


def _usd(made: dict[str, Any], terms: Terms) -> float | None:
    """The price by seconds of hardware, where the terms have one and the answer says how many."""
    metrics = made.get("metrics")
    seconds = metrics.get("predict_time") if isinstance(metrics, dict) else None
    known = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < 1e6
    return terms.prices.usd(Tokens(seconds=float(seconds))) if known and seconds is not None else None


def _output(made: dict[str, Any]) -> Image.Image | str:
    """The first output's picture or address. Raises Fault."""
    status, output = made.get("status"), made.get("output")
    if status not in _DONE:
        words = " ".join(str(made.get("error") or status).split())[:160]
        kind: Any = "refused" if _REFUSED.search(words) else "broken"
        raise Fault(kind, f"the prediction {status}: {words}")
    first = output[0] if isinstance(output, list) and output else output
    if not isinstance(first, str):
        raise Fault("broken", "the prediction has no output")
    if not first.startswith("data:"):
        return first
    try:
        return from_base64(in_data_url(first))
    except BadAnswer as error:
        raise Fault("broken", str(error)) from None


def _cancel(errand: Errand, send: Any) -> None:
    """Stops what nobody waits for any more; whether that worked changes nothing."""
    number = errand.line.ledger.sent(errand.model)
    try:
        send(5.0)
        outcome = "done"
    except Exception:
        outcome = "unavailable"
    errand.line.ledger.settle(number, outcome, 0.0, bought=False, certain=True)


SERVICE = Service(
    name="replicate",
    connect=connect,
    base_url="https://api.replicate.com/v1",
    key="REPLICATE_API_TOKEN",
    sizes=lambda model, card: RATIOS,
    most_images=1,
)
