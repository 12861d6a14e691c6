"""Keys: read from the environment, shown to nobody."""

from __future__ import annotations

import logging
import os
import re

_LOOKS_LIKE_KEY = re.compile(r"\b(?:sk|r8|hf|AIza|key)[-_*A-Za-z0-9]{12,}|\b[Bb]earer\s+\S+")
HIDDEN = "[key]"
LOGGERS = (
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.http2",
    "httpcore2.proxy",
    "httpcore2.socks",
    "httpx2",
)
"""Loggers of the HTTP client. At DEBUG they show the headers of an answer, which may echo a key."""


class _Scrubbing(logging.Filter):
    """Takes the keys that were read out of log records."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets: dict[str, Secret] = {}

    def hide(self, secret: Secret) -> None:
        """From now on that key is taken out."""
        self._secrets[secret.reveal()] = secret
        for name in (*LOGGERS, "openai", "openai._base_client"):
            logging.getLogger(name).addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: the record is kept, without keys."""
        told = shown = record.getMessage()
        for secret in tuple(self._secrets.values()):
            shown = secret.scrub(shown)
        if shown != told:
            record.msg, record.args = shown, ()
        return True


_LOGS = _Scrubbing()


class Secret:
    """The key that an environment variable holds; '' as name: none is needed.

    Raises:
        OSError: the variable is not set, or holds what no key looks like.
    """

    __slots__ = ("_key", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = os.environ.get(name, "").strip() if name else ""
        if name and not self._key:
            raise OSError(f"the environment variable {name} is not set: type: export {name}=...")
        if not (self._key.isascii() and self._key.isprintable()) or " " in self._key:
            raise OSError(f"the environment variable {name} holds blanks or odd characters: copy the key again")
        if self._key:
            _LOGS.hide(self)

    def reveal(self) -> str:
        """The key itself, for the request's header only."""
        return self._key

    def __repr__(self) -> str:
        """The variable's name, never the key."""
        return f"Secret({self.name})"

    def __reduce__(self) -> str:
        """Keys are not pickled."""
        raise TypeError(f"{self!r} is not for storing")

    def scrub(self, text: str) -> str:
        """The text without the key and without anything that looks like one."""
        if self._key:
            text = text.replace(self._key, HIDDEN)
        return _LOOKS_LIKE_KEY.sub(HIDDEN, text)
