"""A model at an OpenAI-compatible address: what it is called, who is charged what, and the way there."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from experts.api import Errand, Line, Secret, Terms, line_of
from experts.failures import complaint
from poser.plugins import Requirements, Service
from poser.types import PoserError

if TYPE_CHECKING:
    import openai

URL = "https://api.openai.com/v1"
KEY = "OPENAI_API_KEY"
ENDPOINT_KEYS = ("model", "base_url", "key", "prices", "limits", "repeat_unknown")
LIMITS: Mapping[str, Any] = {"concurrency": 8, "attempts": 4, "timeout": 60.0, "deadline": 180.0, "max_mib": 8.0}
"""What differs from `experts.api.Limits` for words: shorter waits, smaller answers, more at a time."""
REASONING: Mapping[str, Any] = {"attempts": 2, "timeout": 600.0, "deadline": 1500.0}
"""For models that think before they answer: minutes, and every attempt is paid by the thought."""
_REASONS = re.compile(r"(?:^|/)(?:o[1-9]|gpt-[5-9]|gemini-[3-9]|deepseek-r|qwq|magistral)|think|reason", re.I)
"""Ids of such models."""


def reasons(settings: Mapping[str, Any]) -> bool:
    """Whether a model thinks before it answers: by its id, or because a `body` asks how much."""
    body = settings.get("body")
    asked = isinstance(body, Mapping) and any("reason" in str(key) or "think" in str(key) for key in body)
    return asked or _REASONS.search(str(settings.get("model", ""))) is not None


class Endpoint:
    """A model at an address. Nothing is sent, and no key is read, before the first request.

    Args:
        owner: who asks, as errors name it ('critic chat').
        settings: `model`, its id there; `base_url` (None: OpenAI's); `key`, the NAME of the environment variable that
            holds the key (not given: OPENAI_API_KEY at OpenAI's own address, none elsewhere; None: none); `prices`,
            USD a million tokens (`text_in`, `text_out`); `limits` (`experts.api.Limits`; not given: `LIMITS`, and
            `REASONING` for models that think); `repeat_unknown`, whether a
            question whose answer was lost is asked again (not given: where it costs nothing).
        line: pace and ledger; None: the one that all with this address, key and limits share.

    Raises `PoserError` for a setting that cannot be.
    """

    def __init__(self, owner: str, settings: Mapping[str, Any], line: Line | None = None) -> None:
        self.owner = owner
        if not settings.get("model"):
            raise PoserError(f"{owner}: no model is named; set model to the id of one at the endpoint")
        url = str(settings.get("base_url") or URL).rstrip("/")
        key = settings.get("key", KEY if url == URL else None) or ""
        given = settings.get("limits") or {}
        usual = {**LIMITS, **(REASONING if reasons(settings) else {})}
        limits = {**usual, **given} if isinstance(given, Mapping) else given
        told = {"model": settings["model"], "base_url": url, "key": key, "prices": settings.get("prices")}
        told["repeat_unknown"] = settings.get("repeat_unknown")
        try:
            self.terms = Terms.model_validate({**told, "limits": limits})
        except ValidationError as error:
            raise PoserError(f"{owner}: {complaint(error, Terms)}") from None
        self._line, self._lock = line, Lock()

    def __repr__(self) -> str:
        """Model and address."""
        return f"Endpoint({self.terms.model} at {self.terms.base_url})"

    def requirements(self) -> Requirements:
        """The service that it is."""
        return Requirements(services=(Service(self.owner, self.terms.model, self.terms.base_url, self.terms.key),))

    def missing(self) -> str:
        """What must be typed before it can be asked; '' where nothing is missing. Asks nobody."""
        name = self.terms.key
        return f"export {name}=..." if name and not os.environ.get(name, "").strip() else ""

    @cached_property
    def line(self) -> Line:
        """Pace and ledger. Raises `PoserError`: the ledger's file cannot be written."""
        terms = self.terms
        try:
            return self._line or line_of("chat", terms.base_url, terms.key, terms.limits)
        except ValueError as error:
            raise PoserError(str(error)) from None

    def errand(self) -> Errand:
        """The way of one answer. Raises `PoserError`: no key, or a ledger that cannot be written."""
        free = not any(price for _, price in self.terms.prices)
        again = self.terms.repeat_unknown or (free and "repeat_unknown" not in self.terms.model_fields_set)
        return Errand(self.line, self.terms.model, self.secret.scrub, again)

    @cached_property
    def secret(self) -> Secret:
        """The key. Raises `PoserError`: it is not set."""
        try:
            return Secret(self.terms.key)
        except OSError as error:
            raise PoserError(f"{self.owner}: {error}") from None

    @cached_property
    def _client(self) -> openai.OpenAI:
        from experts.api import _openai

        return _openai.connected(self.terms.base_url, self.secret, self.terms.limits)

    def ready(self) -> openai.OpenAI:
        """The client, made at the first call. Raises `PoserError`: no key, or a ledger that cannot be written."""
        with self._lock:
            _ = self.line
            return self._client
