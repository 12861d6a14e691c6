"""What orchestration costs beside models when the input picture is large: reading, hashing, copying, resizing."""

from __future__ import annotations

import hashlib
import io
import math
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

from experts.local._pipeline import PipelineExpert
from experts.poster.render import render
from experts.poster.scene import Item, Scene
from poser.agent import Poser
from poser.critics.vlm.model import Vlm

USUAL = 12
PROMPT = "Make the circle red. Then add a blue star at the top left."


class Clock:
    """The seconds that one function takes."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.seconds, self.calls = function, 0.0, 0

    def __call__(self, *given: Any, **named: Any) -> Any:
        """The same call."""
        start = time.perf_counter()
        try:
            return self.function(*given, **named)
        finally:
            self.seconds, self.calls = self.seconds + time.perf_counter() - start, self.calls + 1


def jpeg(megapixels: int) -> bytes:
    """A poster as a photograph of that size, 4:3."""
    height = math.isqrt(megapixels * 10**6 * 3 // 4)
    image = render(Scene("white", (Item(4, "circle", "green"),))).resize((height * 4 // 3, height))
    noise = np.random.default_rng(0).normal(0, 4, (image.height, image.width, 1))
    pixels = Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    pixels.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def measure(n: int, seed: int) -> dict[str, Any]:
    """An episode of 2 steps of the embedded preset on a JPEG of `n` megapixels, models loaded before."""
    poser, data = Poser.from_pretrained("poster"), jpeg(n)
    poser(PROMPT, Image.new("RGB", (96, 96)), max_steps=2, seed=seed)
    large: list[int] = []

    def counted(data: bytes = b"", **named: Any) -> Any:
        large.extend([len(data)] * (len(data) > 10**6 * n))
        return sha256(data, **named)

    sha256 = hashlib.sha256
    expert, critic = Clock(PipelineExpert._run), Clock(Vlm._answers)
    with (
        patch.object(PipelineExpert, "_run", lambda self, items: expert(self, items)),
        patch.object(Vlm, "_answers", lambda self, asks: critic(self, asks)),
        patch("hashlib.sha256", counted),
    ):
        start = time.perf_counter()
        out = poser(PROMPT, Image.open(io.BytesIO(data)), max_steps=2, seed=seed)
        total = time.perf_counter() - start
    steps, models = len(out.trajectory.steps), expert.seconds + critic.seconds
    share = (total - models) / models
    return {
        "test": f"{steps} steps on a JPEG of {n} megapixels: orchestration beside experts and critic",
        "found": f"{total - models:.2f} s beside {models:.2f} s: {100 * share:.1f} %; hashed {len(large)} times",
        "steps": steps,
        "orchestration": total - models,
        "experts": expert.seconds,
        "critic": critic.seconds,
        "share": share,
        "digests": len(large),
    }
