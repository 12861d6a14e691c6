"""What orchestration costs beside models when the input picture is large: reading, hashing, copying, resizing."""

from __future__ import annotations

import io
import math
import sys
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

from experts.local._pipeline import PipelineExpert
from experts.poster.render import render
from experts.poster.scene import Item, Scene
from experts.types import image_digest
from poser.agent import Poser
from poser.critics.vqa import VqaCritic
from poser.llm import answers

USUAL = 12
PROMPT = "Make the circle red. Then add a blue star at the top left."


class Clock:
    """The seconds of processor time that one function takes."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.seconds, self.calls = function, 0.0, 0

    def __call__(self, *given: Any, **named: Any) -> Any:
        """The same call."""
        start = time.process_time()
        try:
            return self.function(*given, **named)
        finally:
            self.seconds, self.calls = self.seconds + time.process_time() - start, self.calls + 1


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
    """An episode of 2 steps of the embedded preset on a JPEG of `n` megapixels, models loaded before; processor time.

    Hashing counts as orchestration, wherever it happens.
    """
    poser, data = Poser.from_pretrained("poster"), jpeg(n)
    poser(PROMPT, Image.new("RGB", (96, 96)), max_steps=2, seed=seed)
    large: list[int] = []
    expert, critic = Clock(PipelineExpert.__call__), Clock(VqaCritic.__call__)
    digest = Clock(answers.image_digest)
    tobytes = Image.Image.tobytes

    def counted(image: Image.Image, *given: Any) -> bytes:
        hashing = sys._getframe(1).f_code is image_digest.__code__
        large.extend([1] * (hashing and image.width * image.height > 900_000 * n))
        return tobytes(image, *given)

    with (
        patch.object(PipelineExpert, "__call__", lambda self, requests: expert(self, requests)),
        patch.object(VqaCritic, "__call__", lambda self, looks: critic(self, looks)),
        patch.object(answers, "image_digest", digest),
        patch.object(Image.Image, "tobytes", counted),
    ):
        start = time.process_time()
        out = poser(PROMPT, Image.open(io.BytesIO(data)), max_steps=2, seed=seed)
        total = time.process_time() - start
    steps, models = len(out.trajectory.steps), expert.seconds + critic.seconds - digest.seconds
    share = (total - models) / models
    return {
        "test": f"{steps} steps on a JPEG of {n} megapixels: orchestration and hashing beside experts and critic",
        "found": f"{total - models:.2f} s beside {models:.2f} s of one core, {100 * share:.1f} %; "
        f"the picture is hashed {len(large)} time(s)",
        "steps": steps,
        "orchestration": total - models,
        "experts": expert.seconds,
        "critic": critic.seconds - digest.seconds,
        "hashing": digest.seconds,
        "share": share,
        "digests": len(large),
    }
