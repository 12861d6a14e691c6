"""The second opinion on requests: trained on requests that people wrote, on mirror images of them, on the same words
about other pictures, and on the task generator's prompts."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from experts.poster.opinion.arrays import batch
from experts.poster.opinion.network import WEIGHTS, Network, packed
from experts.poster.opinion.sample import Poster, Sample, by_place, senses
from experts.poster.opinion.symmetry import exchange, synonym
from experts.poster.train.loop import Schedule
from experts.poster.train.requests import lesson, retold, rows_of, sample

PEOPLE = Path(__file__).parents[3] / "benchmarks" / "people"
"""The development requests; those of the validation part are never trained on, nor those of the test part."""
LESSONS, RETOLD = 0.2, 0.2
"""Shares of generated prompts, and of words about other pictures."""
UNSAID, FORGOTTEN = 0.15, 0.03
"""How often the vector of a word whose sense is known is left out, and its sense."""
MEASURED = 300
"""Validation requests of one evaluation on the way."""


class Opinion:
    """The training job."""

    name = "opinion"
    schedule = Schedule(steps=13_000, batch=32, rate=1.5e-3, ema=0.998, evaluate_every=500, warmup=150, decay=0.01)

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.module = Network()
        rows = rows_of([PEOPLE / "requests.jsonl"])
        rng = np.random.default_rng(0)
        self.written = [sample(row) for row in rows]
        self.retold = [other for row in track(rows, "other pictures", transient=True) for other in retold(row, rng)]
        self.validation = [sample(row) for row in rows_of([PEOPLE / "validation.jsonl"])]
        self._waiting: list[list[Sample]] = []

    def _drawn(self, rng: np.random.Generator) -> Sample:
        kind = rng.random()
        if kind < LESSONS:
            return lesson(rng)
        source = self.retold if kind < LESSONS + RETOLD else self.written
        return source[int(rng.integers(len(source)))]

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        """The loss of a batch of requests of about the same length, each in a random mirror image."""
        size = self.schedule.batch
        if not self._waiting:
            drawn = sorted((self._drawn(rng) for _ in range(10 * size)), key=lambda s: len(s.words) + 3 * rng.random())
            self._waiting = [drawn[k : k + size] for k in rng.permutation(np.arange(0, len(drawn), size))]
        plain = random.Random(int(rng.integers(2**31)))
        told = [_varied(one, plain) for one in self._waiting.pop()]
        unsaid = [
            frozenset(k for k, word in enumerate(one.words) if word.tag != "unknown" and plain.random() < UNSAID)
            for one in told
        ]
        network: Network = self.module
        return network.loss(batch(told, unsaid))

    def evaluate(self, module: torch.nn.Module) -> dict[str, float]:
        """Of validation requests: the share of possible ones whose answer is right, and of others that are refused."""
        assert isinstance(module, Network)
        module.eval()
        asked = self.validation[:MEASURED]
        found = [answer for k in range(0, len(asked), 50) for answer in module.answer(asked[k : k + 50])]
        pairs = list(zip(asked, found, strict=True))
        right = [same(one.wanted, answer.wanted) for one, answer in pairs if one.possible and one.wanted]
        refused = [answer.impossible > 0.5 for one, answer in pairs if not one.possible]
        return {"right": float(np.mean(right)), "refused": float(np.mean(refused))}

    def save(self, module: torch.nn.Module) -> None:
        """Writes the weights in 8 bits, with the senses that they know."""
        from safetensors.torch import save_file

        WEIGHTS.mkdir(parents=True, exist_ok=True)
        save_file(packed(module.state_dict()), WEIGHTS / "model.safetensors")
        (WEIGHTS / "config.json").write_text(json.dumps({"senses": [list(sense) for sense in senses()]}) + "\n")


def _varied(one: Sample, rng: random.Random) -> Sample:
    """A sample after a random exchange, now and then in other words of the same sense, or with one forgotten."""
    if rng.random() < 0.9:
        one = exchange(one, rng, sizes=0.25, mirror=0.4).sample(one, rng)
    words = []
    for word in one.words:
        kind = rng.random()
        if word.tag not in ("unknown", "stop", "comma", "colon", "count") and kind < 0.08:
            word = synonym(word, rng)
        elif kind > 1 - FORGOTTEN:
            word = type(word)(word.text, "unknown")
        words.append(word)
    return Sample(tuple(words), one.start, one.wanted, one.possible)


def same(wanted: Poster, found: Poster) -> bool:
    """Whether two posters are one, whatever the order of their things."""
    return wanted.background == found.background and by_place(sorted(wanted.things)) == by_place(sorted(found.things))
