"""HTTP with bounds: an answer is read up to a size and a time, redirects are not followed."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Generator, Mapping
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

import httpx2
from PIL import Image

from experts.api._client import Answer, Errand
from experts.api._faults import BadAnswer, Fault, HttpStatus
from experts.api._pictures import decoded
from experts.api._secret import Secret
from experts.api._terms import near
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
        raise BadAnswer("the answer is no JSON object", again=False)
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
    where = _address(url, base_url, hosts)

    def send(seconds: float) -> Answer[Image.Image]:
        response = http.get(where, timeout=timeout(seconds))
        if not response.is_success:
            raise HttpStatus(response.status_code, response.headers, "")
        return Answer(decoded(response.content))

    return errand.ask(send, buys=False)


def _address(url: str, base_url: str, hosts: tuple[str, ...]) -> str:
    """Where a picture is fetched from: at the service itself, or at one of `hosts`.

    An address without a host is the service's own; so is one at another name of its machine ('0.0.0.0', 'localhost', a
    container's name), which is asked for at `base_url`'s host and nowhere else.

    Raises:
        Fault: the picture lies anywhere else.
    """
    try:
        base = urlsplit(base_url)
        parts = urlsplit(urljoin(base_url + "/", url))
        name = parts.hostname or ""
        own = (parts.scheme, name, parts.port) == (base.scheme, base.hostname, base.port)
        known = any(name == host or name.endswith(f".{host}") for host in hosts)
        other = parts.scheme == "https" and parts.port in (None, 443) and known
        if not parts.username and (own or other):
            return urlunsplit(parts._replace(fragment=""))
        if not parts.username and parts.scheme in ("http", "https") and _itself(name, parts.port, base):
            return urlunsplit((base.scheme, base.netloc, parts.path, parts.query, ""))
    except ValueError:
        name = "an address that cannot be read"
    raise Fault(
        "broken",
        f"the picture lies at {name[:60] or 'no host'}, which is not the service: not fetched (hosts: [...] allows it)",
    )


def _itself(name: str, port: int | None, base: SplitResult) -> bool:
    """Whether a server near by means itself: it gives 'no address in particular', or its port at a name that only its
    own network knows."""
    if not near(base.hostname or ""):
        return False
    if name in ("0.0.0.0", "::"):  # noqa: S104 - nothing is bound
        return True
    inner = (
        name == "localhost" or (name and "." not in name and ":" not in name) or name.endswith((".local", ".internal"))
    )
    return port == base.port and bool(inner or _loops(name))


def _loops(name: str) -> bool:
    """True for 127.0.0.1 and its like."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
