"""What cannot be done, as values: any exception -> `Failure`; settings that a model refuses -> a line."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from experts.types import Failure, FailureKind

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

MAX_MESSAGE = 300
"""Characters of a failure's message: a line that can be shown, not a traceback."""

_PLAIN = {
    "a valid boolean": "true or false",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "text",
    "a valid dictionary": "a mapping",
}
"""Words of pydantic, and those for a YAML file."""

_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


def boundary(error: BaseException) -> Failure:
    """Classifies an exception by its type and words; the message is one line.

    Raises:
        the error itself, where it is a KeyboardInterrupt: Ctrl-C ends the run. Everything else, a SystemExit of some
        library included, is a fault of whoever was called.
    """
    if isinstance(error, KeyboardInterrupt):
        raise error
    return Failure(_kind(error), _line(error))


def words_of(error: BaseException) -> str:
    """What an exception says; '' where it cannot be printed."""
    try:
        return str(error)
    except Exception:
        return ""


def plain_line(text: str, most: int = MAX_MESSAGE) -> str:
    """The text as one line of at most `most` characters: blanks joined, what cannot be shown escaped."""
    line = " ".join(text[: 4 * most].split())
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line[:most])[:most]


def _kind(error: BaseException) -> FailureKind:
    """memory, timeout, unavailable or broken."""
    names = {cls.__name__ for cls in type(error).__mro__}
    if names & {"MemoryError", "OutOfMemoryError"}:
        return "memory"
    if isinstance(error, RuntimeError) and any(word in words_of(error).lower() for word in _MEMORY_WORDS):
        return "memory"
    if any("Timeout" in name for name in names):
        return "timeout"
    return "unavailable" if isinstance(error, (OSError, ImportError)) else "broken"


def _line(error: BaseException) -> str:
    """The error's type and first line of text, at most `MAX_MESSAGE` characters."""
    words = next((line for line in words_of(error).splitlines() if line.strip()), "")
    return plain_line(f"{type(error).__name__}: {words}" if words else type(error).__name__)


def hint(name: str, known: Any, what: str) -> str:
    """'did you mean ...?' where something close is known, else the list of what there is."""
    names = [str(k) for k in known]
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"{what}: {', '.join(sorted(names)) or 'none'}"


def complaint(error: ValidationError, model: type[BaseModel], at: str = "") -> str:
    """The first problem of data that `model` refuses, as one line: the dotted key, its value, and what is allowed.

    Args:
        error: what `model.model_validate` raised.
        model: the model, for the names of its keys.
        at: the key under which the data stands, where it is a part of something: 'card'.
    """
    first = error.errors(include_url=False)[0]
    where = [str(part) for part in first["loc"] if isinstance(part, int) or "[" not in str(part)]
    key = ".".join([at, *where] if at else where)
    if first["type"] == "missing":
        return f"{key!r} is missing: add it"
    if first["type"] == "extra_forbidden":
        for part in where[:-1]:
            model = model.model_fields[part].annotation  # type: ignore[assignment]
        return f"unknown key {key!r}; {hint(where[-1], model.model_fields, 'keys')}"
    message = first["msg"].removeprefix("Value error, ").partition(" or instance of ")[0]
    for theirs, ours in _PLAIN.items():
        message = message.replace(theirs, ours)
    message = message[:1].lower() + message[1:]
    if first["type"] == "value_error":
        return f"{key}: {message}" if key else message
    return f"{key} = {first['input']!r}: {message}" if key else f"{first['input']!r}: {message}"
