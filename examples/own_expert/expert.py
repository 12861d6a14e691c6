"""An expert without weights: paints the background of a picture in one colour, and leaves everything else as it is."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from experts.calling import unsupported
from experts.registry import OwnContext
from experts.types import Card, Failure, Request, Result


class Background:
    """Takes the most frequent colour of the border for the background.

    Args:
        card: what the entry in the config says of it.
        near: distance in RGB, 0 .. 441, up to which a pixel belongs to the background; edges are blended.
        colours: name -> '#rrggbb', before the names that Pillow knows.
    """

    def __init__(self, card: Card, near: float = 90.0, colours: Mapping[str, str] | None = None) -> None:
        self.card, self.near, self.colours = card, near, dict(colours or {})

    def __call__(self, requests: Sequence[Request]) -> list[Result]:
        """Same length and order as `requests`; what cannot be done is a `Failure`, never an exception."""
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Result:
        failure = unsupported(self.card, request)
        colour = self._colour(request.prompt)
        if failure is None and colour is None:
            failure = Failure("unsupported", f"no colour in {request.prompt!r}; write 'make the background teal'")
        if failure is not None or colour is None:
            return Result(failure=failure)
        pixels = np.asarray(request.images[0].convert("RGB"), np.float32)
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        steps, counts = np.unique(border // 16, axis=0, return_counts=True)
        old = border[(border // 16 == steps[counts.argmax()]).all(axis=1)].mean(axis=0)
        share = (1 - np.linalg.norm(pixels - old, axis=-1, keepdims=True) / self.near).clip(0, 0.5) * 2
        painted = pixels + share * (np.asarray(colour, np.float32) - old)
        return Result(Image.fromarray(painted.clip(0, 255).round().astype(np.uint8)))

    def _colour(self, prompt: str) -> tuple[int, ...] | None:
        """The last colour that the prompt names."""
        for word in reversed(prompt.lower().replace(".", " ").split()):
            if word in self.colours or word in ImageColor.colormap:
                return ImageColor.getrgb(self.colours.get(word, word))[:3]
        return None


def load(settings: Mapping[str, Any], context: OwnContext) -> Background:
    """The expert of a config entry: its `settings`; the context holds its card and the memory that models share."""
    return Background(context.card, **settings)
