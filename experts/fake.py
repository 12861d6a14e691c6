"""Procedural experts: seeded patterns and tints drawn with Pillow. For tests and for trying things in milliseconds."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw

from experts.calling import unsupported
from experts.images import fit
from experts.registry import Entry
from experts.types import Card, Failure, Mode, Request, Result

SIDE = 64
"""Side of a picture where the request names no size, px."""

Fail = Callable[[Request], Failure | None]


def fake_entries(
    n_t2i: int, n_i2i: int, seconds: float = 0.0, fail: Fail | None = None, usd: float = 0.0
) -> list[Entry]:
    """`fake-draw-1` ... draw, `fake-tint-1` ... tint.

    Args:
        n_t2i, n_i2i: how many of each mode.
        seconds: latency of a call, whatever its length, s.
        fail: a failure for the requests that shall have one.
        usd: price of a picture, USD.
    """
    cards = [_card(f"fake-draw-{i + 1}", "text-to-image", seconds, usd) for i in range(n_t2i)]
    cards += [_card(f"fake-tint-{i + 1}", "image-to-image", seconds, usd) for i in range(n_i2i)]
    return [_entry(FakeExpert(card, seconds, fail)) for card in cards]


def _entry(expert: FakeExpert) -> Entry:
    return Entry(expert.card, lambda residency: expert)


def _card(id: str, mode: Mode, seconds: float, usd: float) -> Card:
    draws = mode == "text-to-image"
    return Card(
        id=id,
        mode=mode,
        description="Draws a seeded pattern." if draws else "Tints the picture.",
        verbs=("generate",) if draws else ("other",),
        min_side=16,
        max_side=1024,
        multiple=1,
        max_batch=64,
        usd=usd,
        seconds=max(seconds, 0.001),
        licence="Apache-2.0",
        source="experts.fake",
        params={"strength": 0.5},
    )


class FakeExpert:
    """A pure function of card and request, with a latency and failures of the caller's choice."""

    def __init__(self, card: Card, seconds: float = 0.0, fail: Fail | None = None) -> None:
        self.card, self.seconds, self.fail = card, seconds, fail

    def __call__(self, requests: Sequence[Request]) -> list[Result]:
        """Same length and order as `requests`; the latency is shared evenly."""
        if self.seconds:
            time.sleep(self.seconds)
        share = self.seconds / max(1, len(requests))
        return [self._one(request, share) for request in requests]

    def _one(self, request: Request, share: float) -> Result:
        failure = unsupported(self.card, request) or (self.fail(request) if self.fail else None)
        if failure:
            return Result(failure=failure, seconds=share)
        draws = random.Random(hashlib.sha256(f"{self.card.id} {request.prompt} {request.seed}".encode()).digest())
        if not request.images:
            return Result(_pattern(draws, request.size or (SIDE, SIDE)), None, share, self.card.usd)
        image, notes = fit(request.images[0], self.card, request.size)
        strength = float(request.params.get("strength", self.card.params["strength"]))
        tinted = Image.blend(image, Image.new("RGB", image.size, _colour(draws)), strength)
        return Result(tinted, None, share, self.card.usd, notes)


def _pattern(draws: random.Random, size: tuple[int, int]) -> Image.Image:
    """Five rectangles on a flat ground."""
    image = Image.new("RGB", size, _colour(draws))
    pen = ImageDraw.Draw(image)
    for _ in range(5):
        left, right = sorted(draws.randrange(size[0]) for _ in range(2))
        top, bottom = sorted(draws.randrange(size[1]) for _ in range(2))
        pen.rectangle((left, top, right, bottom), fill=_colour(draws))
    return image


def _colour(draws: random.Random) -> tuple[int, int, int]:
    return draws.randrange(256), draws.randrange(256), draws.randrange(256)
