"""The `openai` package as a client that neither retries, nor reads beyond limits, nor sends what is nobody's business.

Its own retries, which nobody would count, are off; what the environment says about organisation, project and headers
goes to OpenAI alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from experts.api._faults import HttpStatus
from experts.api._secret import Secret
from experts.api._terms import Limits

if TYPE_CHECKING:
    import httpx2
    import openai

URL = "https://api.openai.com/v1"


def connected(base_url: str, secret: Secret, limits: Limits) -> openai.OpenAI:
    """A client of that address; nothing is sent."""
    import openai

    from experts.api import _http

    client = openai.OpenAI(
        api_key=secret.reveal() or "none",
        base_url=base_url,
        max_retries=0,
        http_client=_http.client(limits.max_mib),
        default_headers={} if base_url == URL else _own_headers(secret),
    )
    if base_url != URL:
        client.organization = client.project = None  # from the environment
    return client


def _own_headers(secret: Secret) -> dict[str, Any]:
    """Headers for another address than OpenAI's: nothing of `OPENAI_CUSTOM_HEADERS` goes there."""
    import openai

    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines()
    ambient = {line.partition(":")[0].strip(): openai.omit for line in lines if ":" in line}
    return {**ambient, "Authorization": f"Bearer {secret.reveal() or 'none'}"}


def answered(call: Callable[..., Any], seconds: float, **given: Any) -> httpx2.Response:
    """One request of a `with_raw_response` method, within that time. Raises HttpStatus, httpx2.RequestError."""
    import openai

    from experts.api import _http

    try:
        response: httpx2.Response = call(**given, timeout=_http.timeout(seconds)).http_response
    except openai.APIStatusError as error:
        raise HttpStatus(error.status_code, error.response.headers, error.body) from None
    except openai.APIConnectionError as error:
        raise (error.__cause__ if isinstance(error.__cause__, Exception) else error) from None
    return response
