"""What a service is asked for and at what price and pace, as data."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from experts.failures import hint

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{2,63}")


@dataclass(frozen=True)
class Limits:
    """How a service is treated. Experts with the same service, key and limits share them.

    Attributes:
        per_minute: requests a minute; 0: no limit.
        concurrency: requests at a time.
        attempts: requests that one picture may take, the first included.
        timeout: of one request, s, its answer's last byte included.
        deadline: of one picture, s: requests, retries and the pauses that the service asks for. Waiting for
            `per_minute` does not count.
        max_mib: largest answer that is read, MiB.
    """

    per_minute: int = 0
    concurrency: int = 4
    attempts: int = 4
    timeout: float = 180.0
    deadline: float = 300.0
    max_mib: float = 96.0

    def __post_init__(self) -> None:
        for name, least in {"per_minute": 0, "concurrency": 1, "attempts": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(f"limits.{name} is {getattr(self, name)}: give at least {least}")
        for name in ("timeout", "deadline", "max_mib"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"limits.{name} is {getattr(self, name)}: give more than 0")


@dataclass(frozen=True)
class Tokens:
    """The usage that a service reports: tokens by kind, and seconds of hardware."""

    text_in: int = 0
    image_in: int = 0
    text_out: int = 0
    image_out: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Prices:
    """USD a million tokens by kind; `second`: USD a second of hardware. All 0: the card's price counts."""

    text_in: float = 0.0
    image_in: float = 0.0
    text_out: float = 0.0
    image_out: float = 0.0
    second: float = 0.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not 0 <= value < float("inf"):
                raise ValueError(f"prices.{name} is {value}: give USD, 0 or more")

    def usd(self, used: Tokens | None) -> float | None:
        """What that usage costs; None where there is no usage or no price table."""
        if used is None or not any(dataclasses.astuple(self)):
            return None
        tokens = sum(
            getattr(self, name) * getattr(used, name) for name in ("text_in", "image_in", "text_out", "image_out")
        )
        return tokens / 1e6 + self.second * used.seconds


@dataclass(frozen=True)
class Terms:
    """An expert's place at a service.

    Attributes:
        model: the service's id of the model.
        base_url: where the service answers.
        key: the environment variable that holds the key; '': the service takes none.
        fields: names that this model gives to common inputs, where models of a service differ.
    """

    model: str
    base_url: str
    key: str = ""
    prices: Prices = Prices()
    limits: Limits = Limits()
    fields: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.:/@+-]{1,200}", self.model) or ".." in self.model:
            raise ValueError(
                "'model' must be an id of letters, digits and . : / @ + - _: copy it from the service's list"
            )
        if self.key and not _VARIABLE.fullmatch(self.key):  # it may be a key, so it is not repeated
            raise ValueError("'key' must be the NAME of an environment variable (capitals, digits, _), never a key")
        _check_url(self.base_url, bool(self.key))


def _check_url(url: str, keyed: bool) -> None:
    """Raises ValueError where a key would travel in the clear, or where it is no address of a service."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ValueError("'base_url' must look like https://host/v1, without user, key or query")
    if keyed and parts.scheme == "http" and not _near(parts.hostname):
        raise ValueError(f"'base_url' would send the key to {parts.hostname} in the clear: use https")


def _near(host: str) -> bool:
    """True for this machine and private networks."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost"


def numbers(kind: type[Any], given: Any, what: str) -> Any:
    """`Limits` or `Prices` from data. Raises ValueError: an unknown key, or a value that is no number."""
    if not isinstance(given, Mapping):
        raise ValueError(f"{what} is {given!r}: give a mapping")
    known = {field.name: field.default for field in dataclasses.fields(kind)}
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"unknown {name!r} in {what}; {hint(str(name), known, what)}")
        whole = isinstance(known[name], int)
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise ValueError(f"{what}.{name} is {value!r}: give {'a whole number' if whole else 'a number'}")
    return kind(**given)
