"""A critic that measures: a command counts only as far as the colour that it asks for covers enough of the picture."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from experts.poster.scene import COLOURS
from poser import critics
from poser.plugins import Context
from poser.protocols import Critic
from poser.types import Command, Critique, Look

KEYS = ("of", "share")


class Measured:
    """Asks `critic`, then lowers the score of each wanted command to what is measured: a full score needs a colour to
    cover `share` of all pixels, (0, 1].
    """

    def __init__(self, critic: Critic, share: float = 0.01) -> None:
        self.critic, self.share = critic, share
        self.id = f"measured({critic.id}, {share:g})"

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """Same length and order as `looks`; a score of NaN (no verdict) stays NaN."""
        return [self._one(*pair) for pair in zip(looks, self.critic(looks), strict=True)]

    def _one(self, look: Look, critique: Critique) -> Critique:
        covered = shares(look.image)
        wanted, lacking = [], [critique.feedback] if critique.feedback else []
        for command, score in zip(look.wanted, critique.wanted, strict=True):
            least = min((covered[colour] for colour in asked(command)), default=1.0)
            wanted.append(min(score, least / self.share) if score == score else score)
            lacking += [f"{c} covers {covered[c]:.1%}" for c in asked(command) if covered[c] < self.share]
        return replace(critique, wanted=tuple(wanted), feedback="; ".join(lacking), critic=self.id)


def shares(image: Image.Image) -> dict[str, float]:
    """The share of pixels that are nearer to each named colour than to any other, [0, 1]."""
    pixels, palette = np.asarray(image.convert("RGB"), np.float32), np.array(list(COLOURS.values()), np.float32)
    nearest = np.linalg.norm(pixels[:, :, None] - palette, axis=-1).argmin(axis=-1)
    return {name: float((nearest == k).mean()) for k, name in enumerate(COLOURS)}


def asked(command: Command) -> list[str]:
    """The colours that must be seen after a command: all that a new picture names, else the last one."""
    words = command.wording.lower().replace(",", " ").replace(".", " ").split()
    colours = [word for word in words if word in COLOURS] if command.verb != "remove" else []
    return colours if command.verb == "generate" else colours[-1:]


def load(settings: Mapping[str, Any], context: Context) -> Critic:
    """`of`: the critic that is asked ({name: vqa}); `share`."""
    inner = critics.member(settings.get("of", {"name": "vqa"}), context, None, "measured")
    return Measured(inner, float(settings.get("share", 0.01)))
