"""HTTP with bounds: an answer is read up to a size and a time, redirects are not followed."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2
from PIL import Image

from experts.api._client import Answer, Errand
from experts.api._faults import BadAnswer, Fault, HttpStatus
from experts.api._pictures import decoded
from experts.api._secret import Secret
from experts.api._transport import Bounded


def client(max_mib: float) -> httpx2.Client:
    """A client whose answers have at most that many MiB and end, headers and all, within a request's read timeout."""
    return httpx2.Client(transport=Bounded(int(max_mib * 2**20)), follow_redirects=False)


def timeout(seconds: float) -> httpx2.Timeout:
    """The bounds of one request: `seconds` in all, a tenth of it (at most 10 s) for the connection."""
    return httpx2.Timeout(seconds, connect=min(10.0, max(1.0, seconds / 10)))


class Keyed(httpx2.Auth):
    """Puts a key into a header, `before` ahead of it, when the request leaves: no other variable ever holds it."""

    def __init__(self, secret: Secret, header: str, before: str = "") -> None:
        self._secret, self._header, self._before = secret, header, before

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """See `httpx2.Auth`."""
        if self._secret.name:
            request.headers[self._header] = self._before + self._secret.reveal()
        yield request


def ask(
    http: httpx2.Client,
    method: str,
    url: str,
    auth: Keyed,
    seconds: float,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """One request with a JSON answer. Raises HttpStatus, BadAnswer, httpx2.RequestError."""
    response = http.request(method, url, headers=headers, json=body, auth=auth, timeout=timeout(seconds))
    if not response.is_success:
        raise HttpStatus(response.status_code, response.headers, read_json(response.content, lambda text: text))
    data = read_json(response.content)
    if not isinstance(data, dict):
        raise BadAnswer("the answer is no JSON object")
    return data


def read_json(content: bytes, otherwise: Callable[[str], Any] | None = None) -> Any:
    """The bytes as JSON. Raises BadAnswer where they are none and there is no `otherwise`."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        if otherwise is None:
            raise BadAnswer("the answer is no JSON") from None
        return otherwise(content[:2000].decode("utf-8", "replace"))


def picture_at(
    http: httpx2.Client, errand: Errand, url: str, base_url: str, hosts: tuple[str, ...] = ()
) -> Image.Image:
    """The picture at an address that the service gave, fetched without any key. Raises Fault."""
    _check_host(url, base_url, hosts)

    def send(seconds: float) -> Answer[Image.Image]:
        response = http.get(url, timeout=timeout(seconds))
        if not response.is_success:
            raise HttpStatus(response.status_code, response.headers, "")
        return Answer(decoded(response.content))

    return errand.ask(send, buys=False)


def _check_host(url: str, base_url: str, hosts: tuple[str, ...]) -> None:
    """Raises Fault where a picture's address is neither at the service itself nor at one of `hosts`."""
    try:
        parts, base = urlsplit(url), urlsplit(base_url)
        own = (parts.scheme, parts.hostname, parts.port) == (base.scheme, base.hostname, base.port)
        name = parts.hostname or ""
        known = any(name == host or name.endswith(f".{host}") for host in hosts)
        other = parts.scheme == "https" and parts.port in (None, 443) and known
        allowed = (own or other) and not parts.username
    except ValueError:
        allowed, name = False, "an address that cannot be read"
    if not allowed:
        raise Fault("broken", f"the picture lies at {name[:60] or 'no host'}, which is not the service: not fetched")
