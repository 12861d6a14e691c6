"""What a server allows: keys, sizes, rates, times. And where keys come from."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from poser import limits
from poser.types import PoserError

KEYS = "POSER_API_KEYS"
"""The environment variable that holds keys, separated by white space or commas."""
SHORTEST, MAX_KEYS, MAX_FILE = 16, 1000, 2**18


@dataclass(frozen=True)
class Settings:
    """Limits of a server.

    Attributes:
        keys: digests of API keys; () where none is asked for.
        loopback: whether only this machine can reach it: then requests must name it as this machine.
        origins: of pages that may call it from a browser, beside its own.
        body: largest request, bytes; pixels: largest picture, px; prompt: longest prompt, characters.
        steps: expert calls a picture that may be asked for; the preset's own number is always allowed.
        n: pictures a request at most; rate: pictures a minute and caller (0: no limit).
        timeout: of a whole request, s; slow: of its arrival, s.
        expiry: of pictures given by `url`, s; stored: bytes of all of them.
        log_prompts: whether prompts are logged.
        runs: folder in which every episode is recorded; None: nothing is.
    """

    keys: tuple[bytes, ...] = ()
    loopback: bool = True
    origins: tuple[str, ...] = ()
    body: int = 20 * 2**20
    pixels: int = 16_000_000
    prompt: int = limits.LONGEST
    steps: int = 20
    n: int = 10
    rate: float = 0.0
    timeout: float = 600.0
    slow: float = 30.0
    expiry: float = 3600.0
    stored: int = 256 * 2**20
    log_prompts: bool = False
    runs: Path | None = None

    def knows(self, key: str) -> bytes | None:
        """The digest of a key that is one of `keys`; every one is compared, each in constant time."""
        asked, found = digest(key), None
        for known in self.keys:
            found = known if hmac.compare_digest(known, asked) else found
        return found


def digest(key: str) -> bytes:
    """SHA-256 of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def read_keys(file: str | Path | None) -> tuple[bytes, ...]:
    """The digests of the keys in the environment and in a file (one a line, '#' begins a comment).

    Raises PoserError: a file that cannot be read, a key that is too short or no plain text.
    """
    found = re.split(r"[\s,]+", os.environ.get(KEYS, "").strip())
    if file is not None:
        try:
            with open(file, encoding="utf-8") as stream:
                lines = stream.read(MAX_FILE).splitlines()
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or "no UTF-8"
            raise PoserError(
                f"cannot read the keys in {str(file)!r}: {why}; give a text file, one key a line"
            ) from None
        found += [line.partition("#")[0].strip() for line in lines]
    keys = [key for key in found if key]
    for number, key in enumerate(keys, 1):
        if len(key) < SHORTEST or not re.fullmatch(r"[!-~]+", key):
            raise PoserError(
                f"API key {number} has {len(key)} characters; give {SHORTEST} or more, letters, digits and signs "
                "(python -c 'import secrets; print(secrets.token_urlsafe())')"
            )
    if len(keys) > MAX_KEYS:
        raise PoserError(f"{len(keys)} API keys are too many; give at most {MAX_KEYS}")
    return tuple(dict.fromkeys(digest(key) for key in keys))


def on_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked(host: str, keys: Sequence[bytes]) -> None:
    """Raises PoserError for a server that others could reach and that asks for no key."""
    if not keys and not on_loopback(host):
        raise PoserError(
            f"--host {host} can be reached from other machines: give API keys with --keys FILE or in {KEYS}, "
            "or listen on 127.0.0.1"
        )
