"""One answer over /v1/chat/completions, in the strictest form that the endpoint takes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from experts.api import Answer, BadAnswer, Errand, Fault, Tokens
from poser.llm.endpoint import Endpoint
from poser.llm.form import LONGEST, Form, schema_of

FORMS = ("json_schema", "json_object", "text")
"""Ways to ask for an answer in JSON, the strictest first."""
REPLY, PICTURE = 300, 1000
"""Tokens that are assumed for an answer and for a picture where a paid answer was lost."""
_ABOUT_FORM = re.compile(r"response_format|json|schema|structured|grammar|guided", re.I)
Message = dict[str, Any]


@dataclass(frozen=True)
class Manners:
    """What an endpoint takes: a form of answer, a temperature, a seed."""

    form: str = FORMS[0]
    temperature: bool = True
    seed: bool = True

    def without(self, told: str) -> Manners | None:
        """Manners without what the endpoint complains of; None where it is about something else."""
        if self.temperature and "temperature" in told:
            return replace(self, temperature=False)
        if self.seed and re.search(r"\bseed\b", told):
            return replace(self, seed=False)
        silent = re.fullmatch(r"HTTP \d+", told)
        if self.form != FORMS[-1] and (silent or _ABOUT_FORM.search(told)):
            return replace(self, form=FORMS[FORMS.index(self.form) + 1])
        return None


_KNOWN: dict[tuple[str, str], Manners] = {}
_LOCK = Lock()


def manners_of(endpoint: Endpoint) -> Manners:
    """What is known of a model at its address, from all that was asked there so far."""
    return _KNOWN.get((endpoint.terms.base_url, endpoint.terms.model), Manners())


def _learn(endpoint: Endpoint, used: Manners, fault: Fault) -> None:
    """Takes in why a request was not understood. Raises the fault where that teaches nothing."""
    less = used.without(fault.message) if fault.kind == "unsupported" else None
    if less is None:
        raise fault
    with _LOCK:
        if manners_of(endpoint) == used:
            _KNOWN[endpoint.terms.base_url, endpoint.terms.model] = less


def say(
    endpoint: Endpoint, errand: Errand, messages: list[Message], form: type[Form], seed: int, body: Mapping[str, Any]
) -> str:
    """The model's words. `messages`: a system message and a user message. Raises Fault."""
    for _ in range(len(FORMS) + 2):  # each thing that an endpoint does not take is learned once
        manners = manners_of(endpoint)
        given = _given(manners, messages, form, seed)
        try:
            return errand.ask(lambda seconds: _send(endpoint, seconds, given, body), _assumed(endpoint, messages))  # noqa: B023
        except Fault as fault:
            _learn(endpoint, manners, fault)
    raise Fault("unsupported", "the endpoint takes none of the ways to ask for JSON")


def _given(manners: Manners, messages: list[Message], form: type[Form], seed: int) -> dict[str, Any]:
    """The request, in those manners."""
    given: dict[str, Any] = {"temperature": 0} if manners.temperature else {}
    given |= {"seed": seed} if manners.seed else {}
    system, *others = messages
    schema = schema_of(form)
    if manners.form == "json_schema":
        named = {"name": form.__name__, "strict": True, "schema": schema}
        return given | {"messages": messages, "response_format": {"type": "json_schema", "json_schema": named}}
    words = f"Answer with one JSON object of this JSON Schema, and nothing else:\n{json.dumps(schema)}"
    given["messages"] = [{**system, "content": f"{system['content']}\n\n{words}"}, *others]
    return given | ({"response_format": {"type": "json_object"}} if manners.form == "json_object" else {})


def _send(endpoint: Endpoint, seconds: float, given: Mapping[str, Any], body: Mapping[str, Any]) -> Answer[str]:
    """One request. Raises HttpStatus, BadAnswer, httpx2.RequestError."""
    from experts.api import _http, _openai

    create = endpoint.ready().chat.completions.with_raw_response.create
    extra = {"extra_body": dict(body)} if body else {}
    response = _openai.answered(create, seconds, model=endpoint.terms.model, **given, **extra)
    data = _http.read_json(response.content)
    usd = endpoint.terms.prices.usd(_usage(data.get("usage"))) if isinstance(data, dict) else None
    choices = data.get("choices") if isinstance(data, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise BadAnswer("the answer has no message", usd=usd)
    if message.get("refusal") or choice.get("finish_reason") == "content_filter":
        raise BadAnswer("the model refused", "refused", usd, again=False)
    return Answer(_words(message.get("content")), usd)


def _words(content: Any) -> str:
    """The text of a message: a string, or parts of which some are text."""
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(text for text in texts if isinstance(text, str))
    return content[:LONGEST] if isinstance(content, str) else ""


def _usage(usage: Any) -> Tokens | None:
    """The tokens of an answer; None where it does not say."""
    from experts.api._pictures import count

    if not isinstance(usage, dict):
        return None
    used = Tokens(text_in=count(usage.get("prompt_tokens")), text_out=count(usage.get("completion_tokens")))
    return used if used.text_in else None


def _assumed(endpoint: Endpoint, messages: list[Message]) -> float:
    """The price of an answer that was lost, USD: 4 characters a token, `PICTURE` a picture, `REPLY` for the answer."""
    tokens = 0
    for message in messages:
        parts = message["content"] if isinstance(message["content"], list) else [{"text": message["content"]}]
        tokens += sum(len(part["text"]) // 4 if "text" in part else PICTURE for part in parts)
    return endpoint.terms.prices.usd(Tokens(text_in=tokens, text_out=REPLY)) or 0.0
