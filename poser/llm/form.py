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
"""Places of an answer at which an object is looked for."""
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
    """The outermost JSON objects in a text, whatever stands around them; what a model thought before is skipped."""
    text = text[:LONGEST].rpartition("</think>")[2]
    decoder, at = json.JSONDecoder(), 0
    for start in [k for k, letter in enumerate(text) if letter == "{"][:STARTS]:
        if start < at:
            continue
        try:
            found, at = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            yield found


def read(text: str, form: type[F], check: Callable[[F], str]) -> tuple[F | None, str]:
    """The first object of a text that is of that form and passes the check, or None and what is wrong, in one line."""
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
