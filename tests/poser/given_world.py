"""A world of experts that paint over everything, mask or not, and differ in what they can be given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from experts.fake import FakeExpert, fake_entries
from experts.memory import Residency
from experts.pool import Pool
from experts.registry import Entry, Registry
from experts.types import Card
from poser import config, policies
from poser.actions import ActionSet
from poser.agent import Poser
from poser.mdp import MDP
from poser.planning.rules import RulesExtractor
from poser.types import Critique, Look
from poser.wording import load as wording
from tests.poser.world import HashCritic

CARDS = [entry.card for entry in fake_entries(1, 3)]
DRAW = replace(CARDS[0], wishes={"low": {"strength": 0.1}, "transparent": {"ground": "clear"}})
ONE = replace(CARDS[1], max_side=24, multiple=8)
SEVERAL = replace(CARDS[2], pictures=3)
TOLD = replace(CARDS[3], masks=True, pictures=2)


class Watching(HashCritic):
    """Keeps what it was asked."""

    def __init__(self) -> None:
        self.looks: list[Look] = []

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        self.looks += looks
        return super().__call__(looks)


def entry(card: Card) -> Entry:
    return Entry(card, lambda residency: FakeExpert(card))


def world(cards: Sequence[Card] = (DRAW, ONE, SEVERAL, TOLD)) -> MDP:
    """A transition over experts that paint over everything, mask or not."""
    registry = Registry([entry(card) for card in cards])
    pool = Pool(registry, Residency("cpu"))
    actions = ActionSet.of(registry.cards).only(("current", "all"))
    return MDP(pool, Watching(), RulesExtractor(), wording("plain"), actions, size=(32, 32))


def agent(cards: Sequence[Card] = (DRAW, ONE, SEVERAL, TOLD)) -> Poser:
    mdp = world(cards)
    settings_ = config.load("poster", {"size": [32, 32]})
    return Poser(settings_, Registry([entry(card) for card in cards]), mdp, policies.load("random", mdp.actions))


def noise(seed: int, size: tuple[int, int], channels: int = 3) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    return Image.fromarray(pixels)


def area(seed: int, size: tuple[int, int]) -> Image.Image:
    """A mask with black and white in it."""
    pixels = np.random.default_rng(seed).random((size[1], size[0])) < 0.5
    pixels[0, 0], pixels[-1, -1] = True, False
    return Image.fromarray(pixels.astype(np.uint8) * 255)
