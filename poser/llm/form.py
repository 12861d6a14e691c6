"""What goes in and what comes out: others' words as one JSON document, answers as checked data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

LONGEST = 64_000
"""Characters of an answer that are read."""
STARTS = 50
"""Things in braces that are no JSON, before the search ends."""
_THOUGHTS = r"think|thinking|thoughts?|reasoning"
_CLOSED, _OPENED = re.compile(rf"</(?:{_THOUGHTS})>", re.I), re.compile(rf"<(?:{_THOUGHTS})>", re.I)
_STRING = r'"(?:\\.|[^"\\])*"'
_PIECES, _BRACE = re.compile(rf"{_STRING}|[{{}}]", re.S), re.compile(r"\{")
_COMMAS = re.compile(rf"({_STRING})|,(?=\s*[}}\]])", re.S)
"""A comma before a closing bracket; strings are stepped over."""
_MARKUP = re.compile(r"\[(?=/?[A-Z])")


class Form(BaseModel):
    """The shape of an answer. Keys that it does not have are not asked for, and change nothing where they come."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        json_schema_extra={"additionalProperties": False},
    )


def _share(value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ValueError("give a number from 0 to 1")
    return value


Share = Annotated[float, AfterValidator(_share)]
"""A number in [0, 1]. The range is checked here: not every server takes it in a schema."""
F = TypeVar("F", bound=Form)


def document(data: Mapping[str, Any]) -> str:
    """The data as JSON in which no text can pass for anything but a string.

    '<' and '[' before a capital are written as escapes, so that servers that put a chat template around the text and
    read it as a whole find no control token in it ('<|im_end|>', '</s>', '[INST]'). `json.loads` gives `data` back.
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    return _MARKUP.sub(r"\\u005b", text.replace("<", r"\u003c"))


def objects(text: str) -> Iterator[dict[str, Any]]:
    """The outermost JSON objects in a text, the last one first, whatever stands around them.

    What a model thought before is skipped. Raw line breaks in strings and commas before a closing bracket, which
    servers without a grammar let through, are read as they are meant.
    """
    text = _CLOSED.split(text[:LONGEST])[-1]
    text = _OPENED.split(text)[0]  # thoughts that were cut off: no answer came
    inside, misses = len(text) + 1, 0
    for end, start in sorted(_spans(text), reverse=True):
        if end > inside or misses > STARTS:
            continue
        found = _loaded(text[start:end])
        if isinstance(found, dict):
            yield found
            inside = start
        else:
            misses += 1


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """(end, start) of everything in braces that is closed; strings within are stepped over."""
    open_at, at = list[int](), 0
    while hit := (_PIECES if open_at else _BRACE).search(text, at):
        at = hit.end()
        if hit[0] == "{":
            open_at.append(hit.start())
        elif hit[0] == "}":
            yield at, open_at.pop()


def _loaded(text: str) -> Any:
    """The JSON in a text, None where it is none."""
    for meant in (text, _COMMAS.sub(lambda hit: hit[1] or "", text)):
        try:
            return json.loads(meant, strict=False)
        except (ValueError, RecursionError):
            continue
    return None


def read(text: str, form: type[F], check: Callable[[F], str]) -> tuple[F | None, str]:
    """The last object of a text that is of that form and passes the check, or None and what is wrong with the last one,
    in one line. The last: models that think aloud draft answers before they give one."""
    wrong = "there is no JSON object in it"
    for number, found in enumerate(objects(text)):
        try:
            value = form.model_validate(found)
        except ValidationError as error:
            complaint = _first(error)
        else:
            complaint = check(value)
            if not complaint:
                return value, ""
        wrong = complaint if number == 0 else wrong
    return None, wrong


def _first(error: ValidationError) -> str:
    """The first problem: where, and what is allowed."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part)[:40] for part in first["loc"])
    return f"{where or 'the object'}: {first['msg'].removeprefix('Value error, ')}"[:300]


def schema_of(form: type[Form]) -> dict[str, Any]:
    """The JSON Schema of a form."""
    return form.model_json_schema()
