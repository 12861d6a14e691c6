"""What the network thinks of a request, asked in several mirror images of it: where these disagree, it guesses."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experts.poster.opinion.sample import Poster, Sample, by_place, poster_of, words_of
from experts.poster.opinion.symmetry import Exchange, exchange
from experts.poster.scene import Scene

if TYPE_CHECKING:
    from experts.poster.opinion.network import Answer

VIEWS = 4
"""Images of a request that are asked, itself among them."""


@dataclass(frozen=True)
class Opinion:
    """The reading with the most support.

    Attributes:
        wanted: what the picture should show; support: the share of the network's belief that it has, in [0, 1].
        impossible: how probable it is that the request cannot be done as asked, in [0, 1].
    """

    wanted: Poster
    support: float
    impossible: float


def opinions(requests: Sequence[tuple[str, Scene | None]], views: int = VIEWS) -> list[Opinion] | None:
    """The network's opinion of each request (its words, and what the picture shows; None: there is none yet), all of
    them asked at once; None where there is no network. The same requests have the same opinions."""
    from experts.poster.opinion.network import loaded

    network = loaded()
    if network is None:
        return None
    rng = random.Random(0)
    asked, backs = list[Sample](), list[Exchange]()
    for prompt, scene in requests:
        sample = Sample(words_of(prompt), poster_of(scene))
        changes = [Exchange(), *(exchange(sample, rng) for _ in range(views - 1))]
        asked += [change.sample(sample, rng) for change in changes]
        backs += [change.back for change in changes]
    answers = network.answer(asked)
    told = [back.poster(answer.wanted) for back, answer in zip(backs, answers, strict=True)]
    return [_counted(answers[k : k + views], told[k : k + views]) for k in range(0, len(asked), views)]


def _counted(answers: Sequence[Answer], told: Sequence[Poster]) -> Opinion:
    belief: dict[Poster, float] = defaultdict(float)
    for answer, wanted in zip(answers, told, strict=True):
        belief[Poster(wanted.background, tuple(sorted(by_place(wanted.things))))] += answer.probability
    best = max(belief, key=lambda poster: belief[poster])
    refused = sum(answer.impossible for answer in answers) / len(answers)
    return Opinion(best, belief[best] / len(answers), refused)
