"""Errors in OpenAI's form: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

from typing import Any

from poser.serve.engine import Busy, Stopping
from poser.types import PoserError


class Fault(Exception):
    """An answer that is an error.

    Args:
        status: of HTTP.
        message: one line for people.
        code, param: for programs: what kind, and which parameter.
        retry_after: when to come back, s.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
        kind = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")
        self.status, self.retry_after = status, retry_after
        self.body = {"error": {"message": message[:500], "type": kind, "param": param, "code": code}}

    @property
    def headers(self) -> dict[str, str]:
        """Those that go with it."""
        found = {"retry-after": str(self.retry_after)} if self.retry_after is not None else {}
        found |= {"x-should-retry": "false"} if self.status in (500, 504) else {}  # OpenAI's clients heed it
        return found | ({"www-authenticate": "Bearer"} if self.status == 401 else {})


def of(error: Exception, param: str | None = None) -> Fault:
    """What an exception is to a caller. Whatever is not the caller's to mend tells nothing of the inside."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, Busy):
        return Fault(429, str(error), "queue_full", retry_after=error.retry_after)
    if isinstance(error, Stopping):
        return Fault(503, str(error), "stopping", retry_after=5)
    if isinstance(error, PoserError):
        return Fault(400, str(error), param=param)
    return Fault(500, f"the episode failed ({type(error).__name__}); the server's log says more", "failed")


def body(error: Exception) -> dict[str, Any]:
    """The same as the body of an answer."""
    return of(error).body
