"""What went wrong with a request: which kind of failure, worth another try, and who paid for it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from experts.failures import words_of
from experts.types import FailureKind

_UNSENT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol", "LocalProtocolError"}
_LATER = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"}
_REFUSED_CODES = {"moderation_blocked", "content_policy_violation", "content_filter", "image_generation_user_error"}
_REFUSED_WORDS = re.compile(
    r"safety system|content (?:management )?polic|flagged as|nsfw|prohibited content|unsafe_generation|guardrail", re.I
)
_NO_MONEY = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_LOST = (408, 502, 504, 524)
"""A gateway gave up waiting: the service behind it may have made the picture, and charged it."""


class HttpStatus(Exception):
    """An answer that is no success. `body`: what came, decoded from JSON where it was JSON."""

    def __init__(self, status: int, headers: Mapping[str, str], body: Any) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.headers, self.body = status, headers, body


class BadAnswer(Exception):
    """A success without a usable picture.

    `usd`: what its usage costs; None: unknown. `again`: another try may help. `bought`: a picture counts
    as bought; None: unless it was 'refused'.
    """

    def __init__(
        self,
        message: str,
        kind: FailureKind = "broken",
        usd: float | None = None,
        again: bool = True,
        bought: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.bought = kind != "refused" if bought is None else bought
        self.kind, self.usd, self.again = kind, usd, again


class Fault(Exception):
    """A request that failed, classified.

    Attributes:
        again: worth another try.
        sent: it left this machine.
        bought: a picture was made or may have been; `usd`: its price, None: assume the card's.
        retry_after: s until the service answers again, where it says so.
        status: of HTTP; 0 where there was no such answer.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        again: bool = False,
        sent: bool = True,
        bought: bool = False,
        usd: float | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind, self.message, self.again, self.sent = kind, message, again, sent
        self.bought, self.usd, self.retry_after, self.status = bought, usd, retry_after, 0


def fault_of(error: Exception, scrub: Callable[[str], str]) -> Fault:
    """Classifies whatever a request raised; the message is one line, without keys."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, HttpStatus):
        fault = _status(error, scrub)
        fault.status = error.status
        return fault
    if isinstance(error, BadAnswer):
        return Fault(error.kind, scrub(str(error)), error.again, bought=error.bought, usd=error.usd)
    names = {cls.__name__ for cls in type(error).__mro__}
    words = scrub(_line(words_of(error)) or type(error).__name__)
    if names & _UNSENT:
        return Fault("unavailable", f"no connection: {words}", again=bool(names & _LATER), sent=False)
    if "TimeoutException" in names:
        return Fault("timeout", "no complete answer in time", again=True, bought=True)
    if "TooLarge" in names:
        return Fault("broken", words, bought=True)
    if "TransportError" in names:
        return Fault("unavailable", f"the connection broke: {words}", again=True, bought=True)
    return Fault("broken", f"{type(error).__name__}: {words}", bought=True)


def _status(error: HttpStatus, scrub: Callable[[str], str]) -> Fault:
    """The fault of an answer that is no success."""
    status, (code, kind, words) = error.status, _told(error.body)
    said = scrub(f"HTTP {status}" + (f": {words}" if words else ""))
    if {code, kind} & _REFUSED_CODES or (status in (400, 403, 422, 451) and _REFUSED_WORDS.search(words)):
        return Fault("refused", said)
    if {code, kind} & _NO_MONEY or status == 402:
        return Fault("unavailable", f"the account cannot pay: {said}")
    if status in (401, 403) or "API_KEY_INVALID" in words or "API key not valid" in words:
        return Fault("unavailable", f"the key was not accepted: {said}")
    if status == 404:
        return Fault("unavailable", f"no such model or address: {said}")
    wait = _retry_after(error)
    if status == 429:
        return Fault("rate_limited", said, again=True, retry_after=wait)
    if status >= 500 or status in (408, 409, 425):
        return Fault("unavailable", said, again=True, bought=status in _LOST, retry_after=wait)
    return Fault("unsupported" if status >= 400 else "broken", said)


def _told(body: Any) -> tuple[str, str, str]:
    """(code, type, one line of words) of an error in any of the services' shapes."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if not isinstance(error, Mapping):
        return "", "", _line(error) if isinstance(error, str) and "<" not in error[:20] else ""
    words = next((error[name] for name in ("message", "detail", "title") if isinstance(error.get(name), str)), "")
    details = json.dumps(error["details"])[:400] if error.get("details") else ""
    reason = re.search(r'"reason": "(\w+)"', details)
    return str(error.get("code", "")), str(error.get("type", "")), _line(words + (f" {reason[1]}" if reason else ""))


def _line(text: str) -> str:
    return " ".join(text.split())[:200]


def _retry_after(error: HttpStatus) -> float | None:
    """Seconds, from `Retry-After-Ms`, `Retry-After` (seconds or a date), or Google's RetryInfo."""
    given, milli = error.headers.get("retry-after"), error.headers.get("retry-after-ms")
    seconds = _number(milli, 1000.0) if milli else None
    if seconds is None and given:
        seconds = _number(given) if _number(given) is not None else _date(given)
    if seconds is None and isinstance(error.body, Mapping):
        found = re.search(r'"retryDelay": "([\d.]+)s"', json.dumps(error.body)[:4000])
        seconds = _number(found[1]) if found else None
    return seconds


def _number(text: str, divisor: float = 1.0) -> float | None:
    try:
        value = float(text) / divisor
    except ValueError:
        return None
    return max(0.0, value) if math.isfinite(value) else None


def _date(text: str) -> float | None:
    try:
        then = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return max(0.0, (then - datetime.now(UTC)).total_seconds()) if then.tzinfo else None
