"""Experts at the loopback server, with time that jumps: what the tests of `experts.api` share."""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator
from threading import Lock
from typing import Any

import pytest
from PIL import Image

from experts.api._client import Line
from experts.api._expert import RemoteExpert, Service
from experts.api._pace import Clock
from experts.api._terms import Limits, Prices, Terms
from experts.types import Card, Request
from tests.experts.loopback import Loopback

KEY = "Zq7-unusual.SECRET_9f8e7d6c5b4a"
VARIABLE = "LOOPBACK_KEY"
USD = 0.04
"""The card's price of a picture."""

SERVICES = {
    "openai": ("openai_images", "gpt-image-2.6-flare", "/v1", False),
    "compatible": ("compatible", "Qwen/Qwen-Image", "/v1", True),
    "gemini": ("gemini", "gemini-nano-banana-2.1", "/v1beta", False),
    "replicate": ("replicate", "black-forest-labs/flux-schnell", "/v1", False),
}
"""Short name -> family, model, path, seeded."""
KINDS = [f"{name}{edit}" for name in SERVICES for edit in ("", "-edit")]


@pytest.fixture(name="server")
def loopback_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """The loopback server; its key is in the environment, no proxy is."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv(VARIABLE, KEY)
    with Loopback(key=KEY) as server:
        yield server


class JumpClock(Clock):
    """Time that stands still while anything runs; sleeping is instant and moves it. `slept`: the waits, s."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._ahead, self._lock = 0.0, Lock()

    def now(self) -> float:
        return self._ahead

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._ahead += seconds


def service(kind: str) -> Service:
    found: Service = importlib.import_module(f"experts.api.{SERVICES[kind.removesuffix('-edit')][0]}").SERVICE
    return found


def expert(
    kind: str, server: Loopback, prices: Prices | None = None, line: Line | None = None, seed: int = 0, **more: Any
) -> RemoteExpert:
    """An expert of that kind ('openai', 'gemini-edit', ...); `more`: limits, and fields of the card."""
    _, model, path, seeded = SERVICES[kind.removesuffix("-edit")]
    limits = Limits(
        **({"timeout": 30.0, "deadline": 60.0} | {k: more.pop(k) for k in list(more) if k in Limits.model_fields})
    )
    own = {k: more.pop(k) for k in list(more) if k in Terms.model_fields}
    mode = "image-to-image" if kind.endswith("-edit") else "text-to-image"
    card = {**service(kind).usual, "seeded": seeded, "usd": USD, **more}
    if kind.startswith("compatible"):
        card = {"min_side": 16, "multiple": 1, **card}
    terms = Terms(
        **own, model=model, base_url=server.url + path, key=VARIABLE, prices=prices or Prices(), limits=limits
    )
    line = line or Line(kind, limits, random.Random(seed), JumpClock())
    return service(kind).expert(Card(id=kind, mode=mode, description="A test's.", **card), terms, line)


def picture(colour: str = "red", size: tuple[int, int] = (64, 64)) -> Image.Image:
    return Image.new("RGB", size, colour)


def requests(kind: str, count: int, size: tuple[int, int] | None = (64, 64)) -> list[Request]:
    """Different requests of one kind."""
    images = (picture(),) if kind.endswith("-edit") else ()
    return [Request(f"a poster, number {n}", images, size=size, seed=n) for n in range(count)]
