"""The embedded world without a model: a painter that draws exactly what it is told, and a critic that sees exactly what
is there. What is to go wrong is said call by call; both count what they are asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import Any

from PIL import Image

from experts.fake import fake_entries
from experts.poster.language.reading import read as understood
from experts.poster.questions import Question, anything, background
from experts.poster.reader import read
from experts.poster.render import render
from experts.poster.scene import COLOURS, COUNTS, SHAPES, SIDE, SIZES, Scene
from experts.registry import Registry
from experts.types import Job, Result
from poser.actions import ActionSet
from poser.critics.questions.asking import Ask, Said, judged
from poser.critics.questions.poster import Poster
from poser.mdp import MDP, Rules
from poser.planning.poster import PosterExtractor
from poser.policies.fixed import Fixed
from poser.protocols import Extractor
from poser.rollout import rollout
from poser.types import Budget, Critique, Look, Task, Trajectory
from poser.wording import load as wording

SURE = 0.98
Spoil = Callable[[int, Scene], Scene]
"""(number of the call, from 1; the scene as it should be) -> the scene that is drawn."""


def _every_question() -> dict[str, Question]:
    options = list(product((None, *SHAPES), (None, *COLOURS), (None, *SIZES)))
    questions = [Question("item", place, *o) for place in (None, *range(9)) for o in options]
    questions += [Question("count", None, *o, count=n) for n in range(1, len(COUNTS) + 1) for o in options]
    questions += [background(colour) for colour in COLOURS] + [anything(place) for place in (None, *range(9))]
    for place in range(9):
        for field, values in (("shape", SHAPES), ("colour", COLOURS), ("size", SIZES)):
            questions += [Question("attribute", place).having(field, value) for value in values]
    return {str(question): question for question in questions}


EVERY = _every_question()


@lru_cache(maxsize=64)
def seen(pixels: bytes) -> Scene:
    """What the exact reader sees in a poster's pixels."""
    return read(Image.frombytes("RGB", (SIDE, SIDE), pixels))


def oracle(asks: Sequence[Ask]) -> list[float]:
    """P(yes) of an almost sure model that sees exactly what is there."""
    return [SURE if EVERY[question].holds(seen(picture.tobytes())) else 1 - SURE for picture, question in asks]


class Painter:
    """A pool: every request is carried out exactly, then `spoil` has its way."""

    def __init__(self, spoil: Spoil = lambda _, scene: scene) -> None:
        self.spoil, self.calls, self.prompts = spoil, 0, list[str]()

    def run(self, jobs: list[Job]) -> list[Result]:
        """Same length and order."""
        return [self._one(job) for job in jobs]

    def _one(self, job: Job) -> Result:
        self.calls += 1
        self.prompts.append(job.request.prompt)
        scene = seen(job.request.images[0].tobytes()) if job.request.images else None
        for text in job.request.prompt.split(", then "):
            scene = understood(text, scene).target
        assert scene is not None, job.request.prompt
        return Result(render(self.spoil(self.calls, scene)), seconds=0.1)


class Exact:
    """A critic by the poster world's questions. `blind(look)`: of which candidates it says nothing."""

    id = "exact:1"

    def __init__(self, blind: Callable[[Look], bool] = lambda look: False) -> None:
        self.blind, self.looks, self.calls = blind, list[Look](), 0

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """Same length and order."""
        self.calls += 1
        self.looks += looks
        found = judged(looks, Poster(), lambda asks: [Said(p) for p in oracle(asks)], self.id)
        mute = (math.nan,)
        return [
            replace(c, wanted=mute * len(c.wanted), earlier=mute * len(c.earlier), harmed=(), kept=math.nan)
            if self.blind(look)
            else c
            for look, c in zip(looks, found, strict=True)
        ]


def make(
    painter: Any = None,
    critic: Any = None,
    rules: Rules = Rules(),  # noqa: B008  (frozen)
    extractor: Extractor | None = None,
    words: str = "poster",
) -> MDP:
    """The transition over them: a text-to-image expert and an editor."""
    cards = Registry(fake_entries(1, 1)).cards
    return MDP(
        painter or Painter(),
        critic or Exact(),
        extractor or PosterExtractor(3, rules.threshold, reorder=False),
        wording(words),
        ActionSet.of(cards, redraw=False),
        rules,
        size=(SIDE, SIDE),
    )


def play(mdp: MDP, prompt: str, scene: Scene | Image.Image | None = None, steps: int = 12) -> Trajectory:
    """One episode, command by command."""
    picture = render(scene) if isinstance(scene, Scene) else scene
    policy = Fixed("fixed", (mdp.actions.slot("fake-tint-1"), mdp.actions.slot("fake-draw-1")))
    config = {"rules": {"threshold": mdp.rules.threshold}}
    ((_, whole),) = rollout(mdp, policy, [Task(prompt, picture, 0, Budget(steps))], config=config)
    return whole
