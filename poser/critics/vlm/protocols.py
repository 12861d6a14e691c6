"""Two ways to ask for typed decisions. In both, a question is a string of a JSON document, and a picture is a picture.

'openai': `client.decisions.create` (openai 3.54, `types/decision_create_params.py`, `types/decision.py`).
'systemone': /v1/systemone of `transformers serve` (5.23, `cli/serving/systemone.py`, `decision/template_utils.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from experts.images import data_url, png_base64, shrunk
from experts.types import image_digest
from poser.critics.questions.asking import Ask
from poser.llm import Endpoint
from poser.llm.prompts import Prompt

STATEMENT = "The answer to the question in this document, asked of the picture, is yes."


class Protocol(NamedTuple):
    """How decisions are asked for.

    most: questions a request.
    send: (endpoint, asks about one picture, words, px a side, s) -> the answer's data. Raises HttpStatus, BadAnswer,
        httpx2.RequestError.
    yes: (data, n) -> what is said of the n-th question, None where it was refused. Raises what data of another form
        makes it raise (KeyError, TypeError, ...).
    """

    most: int
    send: Callable[[Endpoint, Sequence[Ask], Prompt, int, float], Any]
    yes: Callable[[Any, int], Any]


def _predicates(endpoint: Endpoint, asks: Sequence[Ask], words: Prompt, side: int, seconds: float) -> Any:
    from experts.api import _http, _openai

    picture = {"type": "input_image", "image_url": data_url(shrunk(asks[0].picture, side))}
    told = [{"role": "developer", "content": words.text}, {"role": "user", "content": [picture]}]
    statement = {"type": "input_text", "text": STATEMENT}
    questions = [
        {
            "type": "predicate",
            "name": f"q{n}",
            "instructions": [statement, {"type": "input_json", "data": {"question": ask.question}}],
        }
        for n, ask in enumerate(asks)
    ]
    create = endpoint.ready().decisions.with_raw_response.create
    response = _openai.answered(create, seconds, model=endpoint.terms.model, input=told, questions=questions)
    return _http.read_json(response.content)


def _predicate(data: Any, n: int) -> Any:
    answer = data["answers"][n]
    if answer.get("name") not in (None, f"q{n}"):
        raise ValueError("the answers are out of order")
    return None if answer["type"] == "refusal" else answer["probability"]


def _nouls(endpoint: Endpoint, asks: Sequence[Ask], words: Prompt, side: int, seconds: float) -> Any:
    from experts.api import _http

    parts = [image_digest(asks[0].picture), *(ask.question for ask in asks)]
    place = f"picture-{hashlib.sha256(repr(parts).encode()).hexdigest()}"  # no question can contain it
    body = {
        "model": endpoint.terms.model,
        "state": {"task": words.text, "picture": place},
        "questions": {f"q{n}": {"type": "noul", "instructions": {"question": q.question}} for n, q in enumerate(asks)},
        "assets": {place: {"type": "image", "format": "png", "data_base64": png_base64(shrunk(asks[0].picture, side))}},
    }
    http, key = endpoint.ready()._client, _http.Keyed(endpoint.secret, "authorization", "Bearer ")
    return _http.ask(http, "POST", f"{endpoint.terms.base_url}/systemone", key, seconds, body)


def _noul(data: Any, n: int) -> Any:
    return data["answers"][f"q{n}"]["noul"]


PROTOCOLS = {"openai": Protocol(400, _predicates, _predicate), "systemone": Protocol(64, _nouls, _noul)}
"""Name -> protocol."""
