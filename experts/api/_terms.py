"""What a service is asked for and at what price and pace, as data that is checked when it is made."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from experts.entries import Checked, Flag, Number, Whole

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{2,63}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{2,63}")
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_MODEL = re.compile(r"[\w.:/@+-]{1,200}")

Positive = Annotated[Number, Field(gt=0, allow_inf_nan=False)]
Usd = Annotated[Number, Field(ge=0, allow_inf_nan=False)]


class Limits(Checked):
    """How a service is treated. Experts with the same service, key and limits share them.

    Attributes:
        per_minute: requests a minute; 0: no limit.
        concurrency: requests at a time.
        attempts: requests that one picture may take, the first included.
        timeout: of one request, s, its answer's last byte included; not given: 180, or six times what the card expects
            where that is more.
        deadline: of one picture, s: requests, retries and the pauses that the service asks for. Waiting for
            `per_minute` does not count. Not given: 300, or two minutes more than `timeout`.
        max_mib: largest answer that is read, MiB.
    """

    per_minute: Whole = Field(default=0, ge=0)
    concurrency: Whole = Field(default=4, ge=1)
    attempts: Whole = Field(default=4, ge=1)
    timeout: Positive = 180.0
    deadline: Positive = 300.0
    max_mib: Positive = 96.0

    def suited(self, seconds: float) -> Limits:
        """The same with time for a model that takes that many seconds for a picture, where no time was given."""
        given = self.model_fields_set
        timeout = self.timeout if "timeout" in given else max(self.timeout, 6 * seconds)
        deadline = self.deadline if "deadline" in given else max(self.deadline, timeout + 120)
        return self.model_copy(update={"timeout": timeout, "deadline": deadline})


@dataclass(frozen=True)
class Tokens:
    """The usage that a service reports: tokens by kind, and seconds of hardware."""

    text_in: int = 0
    image_in: int = 0
    text_out: int = 0
    image_out: int = 0
    seconds: float = 0.0


class Prices(Checked):
    """USD a million tokens by kind; `second`: USD a second of hardware. All 0: the card's price counts."""

    text_in: Usd = 0.0
    image_in: Usd = 0.0
    text_out: Usd = 0.0
    image_out: Usd = 0.0
    second: Usd = 0.0

    def usd(self, used: Tokens | None) -> float | None:
        """What that usage costs, USD; None where there is no usage or no price table."""
        if used is None or not any(price for _, price in self):
            return None
        tokens = sum(
            getattr(self, name) * getattr(used, name) for name in ("text_in", "image_in", "text_out", "image_out")
        )
        return tokens / 1e6 + self.second * used.seconds


class Terms(Checked):
    """An expert's place at a service.

    Attributes:
        model: the service's id of the model.
        base_url: where the service answers.
        key: the NAME of the environment variable that holds the key; '': the service takes none.
        prices, limits: what it costs and how it is treated, where that differs from the usual.
        fields: names that this model gives to common inputs, where models of a service differ; '' for one that it does
            not take (`{steps: step}` for LocalAI, `{response_format: ""}` for servers that refuse it).
        repeat_unknown: a request whose outcome is unknown (time-out, broken answer), and which may have been charged,
            is sent again; otherwise only what the service says it did not do is.
        idempotency: the header by which this service knows a request again ('Idempotency-Key'), so that a repeat is not
            charged: then an unknown outcome is repeated. '': it has none.
        hosts: names beside `base_url`'s at which pictures may lie (https); their subdomains too.

    Raises:
        pydantic.ValidationError: a value that cannot be; what may be a key is not repeated.
    """

    model: str
    base_url: str
    key: str = ""
    prices: Prices = Prices()
    limits: Limits = Limits()
    fields: dict[str, str] = {}
    repeat_unknown: Flag = False
    idempotency: str = ""
    hosts: tuple[str, ...] = ()

    @field_validator("idempotency")
    @classmethod
    def _is_header(cls, header: str) -> str:
        if header and not _HEADER.fullmatch(header):
            raise ValueError(f"{header!r} is no name of a header: give one as Idempotency-Key")
        return header

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not _HOST.fullmatch(host) or host.rpartition(".")[2].isdigit():
                raise ValueError(f"{host!r} is no name of a host: give one as cdn.example.com")
        return hosts

    @field_validator("model")
    @classmethod
    def _is_id(cls, model: str) -> str:
        if not _MODEL.fullmatch(model) or ".." in model:
            raise ValueError(
                f"{model!r} is no id of letters, digits and . : / @ + - _: copy it from the service's list"
            )
        return model

    @field_validator("key", mode="before")
    @classmethod
    def _is_name(cls, key: Any) -> Any:
        if not isinstance(key, str) or (key and not _VARIABLE.fullmatch(key)):
            raise ValueError("give the NAME of an environment variable (capitals, digits, _), never a key")
        return key

    @field_validator("base_url", mode="before")
    @classmethod
    def _is_address(cls, url: Any) -> Any:
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError("it must look like https://host/v1, without user, key or query")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _is_private(self) -> Terms:
        parts = urlsplit(self.base_url)
        if self.key and parts.scheme == "http" and not near(parts.hostname or ""):
            raise ValueError(f"base_url would send the key to {parts.hostname} in the clear: use https")
        return self


def near(host: str) -> bool:
    """True for this machine and private networks."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost"
