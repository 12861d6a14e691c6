"""Single held-out requests, for measuring experts one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from experts.poster.instruction import Instruction, apply, canonical
from experts.poster.render import jitters, render
from experts.poster.scene import Scene
from experts.poster.tasks import FULL, KINDS, draw_edit, draw_scene


@dataclass(frozen=True)
class Trial:
    """A request in the experts' own words: prompt, input picture, the scene before (None: text-to-image) and after."""

    prompt: str
    image: Image.Image | None
    before: Scene | None
    wanted: Scene


def trial(rng: np.random.Generator, kind: str, split: str) -> Trial:
    """One request of a kind of scene (`KINDS`, `FULL`) or a verb of edit (`EDITS`), on a scene of `split`."""
    if kind in (*KINDS, FULL):
        scene = draw_scene(rng, split, kind)
        made = Instruction("generate", items=scene.items, background=scene.background)
        return Trial(canonical(made), None, None, scene)
    while True:
        scene = draw_scene(rng, split, ("any", *KINDS)[int(rng.integers(4))])
        edit = draw_edit(scene, rng, kind)
        if edit is not None:
            return Trial(canonical(edit), render(scene, jitter=jitters(scene, rng)), scene, apply(scene, edit))
