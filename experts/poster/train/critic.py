"""The critic: a LLaVA that answers yes/no questions about posters, trained in three parts.

1. `critic-vision`: the vision tower alone reads every cell (cross entropy, throw-away heads).
2. `critic`: behind the frozen tower, projector and language model learn to answer (loss on the answer token only) and,
   in the same batches, to read cells aloud: a yes alone is too little to learn places and words from.
3. `critic-tune`: everything together, at a lower rate, mostly on the experts' own outputs, labelled by the reader;
   repeated (`--steps 3500`, `--steps 3300`) on more outputs, and on renders with inks between two of the palette.

`python -m experts.poster.train.critic` does parts 1 and 2. `--collect N` lets every trained expert paint N pictures,
`--tune` does part 3 on them, `--evaluate` prints the figures on held-out renders and outputs; all three can be given
together.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from experts.poster.scene import SHAPES
from experts.poster.train.critic_ask import Text, answered, cells_of, measure, measure_wanted, read_aloud, text_loss
from experts.poster.train.critic_data import Sample, draw_question, missed, rendered
from experts.poster.train.critic_model import build_model, build_processor
from experts.poster.train.critic_outputs import Blurrer, collect, outputs
from experts.poster.train.critic_vision import CriticVision, load_tower, tower_path
from experts.poster.train.loop import Schedule, device, fit
from experts.poster.train.store import WEIGHTS, save_part

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

NAME = "critic"


def held_out(blurrer: Blurrer) -> dict[str, list[Sample]]:
    """Validation renders, the same kind worn, and the experts' outputs for test requests (where there are any)."""
    rng = np.random.default_rng(78)
    sets = {"": rendered(rng, 150, "validation", worn=0.0)}
    sets["worn_"] = blurrer(rendered(rng, 150, "validation", worn=0.5), rng)
    painted = outputs("test")
    return sets | ({"experts_": painted} if painted else {})


def figures_of(model: nn.Module, tokenizer: PreTrainedTokenizerFast, sets: dict[str, list[Sample]]) -> dict[str, float]:
    """`measure` on each set, its figures named after it; `measure_wanted` on what experts were asked for."""
    figures = {
        label + name: value
        for label, samples in sets.items()
        for name, value in measure(model, tokenizer, samples).items()
    }
    if asked := [sample for sample in sets.get("experts_", []) if sample.wanted is not None]:
        figures |= {"wanted_" + name: value for name, value in measure_wanted(model, tokenizer, asked).items()}
    return figures


class Critic:
    """Part 2: a fixed bank of renders, plain, degraded and through the autoencoder; fresh questions every time."""

    name = NAME
    schedule = Schedule(steps=3000, batch=12, rate=1.5e-3, ema=0.99, evaluate_every=300)
    each = 10
    """Questions asked about a picture in a batch."""
    aloud = 4
    """Cells read aloud of a picture in a batch."""
    bank, latent = 4000, 32

    def __init__(self) -> None:
        self.processor = build_processor()
        self.tokenizer = self.processor.tokenizer
        self.module: nn.Module = self.start()
        blurrer = Blurrer()
        self.sets = held_out(blurrer)
        self.samples = self.gather(blurrer, np.random.default_rng(79))
        weights = np.array([3.0 if missed(sample) else 1.0 for sample in self.samples])
        self.weights = weights / weights.sum()
        self.seen = self.see()

    def start(self) -> nn.Module:
        """Random weights behind the trained, frozen tower, which is trained now where it is not there."""
        if not tower_path().exists():
            fit(CriticVision())
        model = build_model(self.tokenizer)
        load_tower(model.model.vision_tower)
        model.model.vision_tower.requires_grad_(False)
        return model

    def gather(self, blurrer: Blurrer, rng: np.random.Generator) -> list[Sample]:
        """The pictures: plain and degraded renders, `latent` of 64 through the autoencoder."""
        samples: list[Sample] = []
        while len(samples) < self.bank:
            fresh = rendered(rng, 64, worn=0.3, tint=self.tint)
            samples += blurrer(fresh[: self.latent], rng) + fresh[self.latent :]
        return samples

    tint = 0.0
    """Share of the plain renders that get colours between two of the palette."""

    @torch.no_grad()
    def see(self) -> torch.Tensor | None:
        """What the frozen tower sees in every picture [N, 9, width]; None where the tower still learns."""
        model = self.module.to(device()).eval()
        return torch.cat([cells_of(model, self.samples[k : k + 64]) for k in range(0, len(self.samples), 64)])

    def texts(self, sample: Sample, rng: np.random.Generator) -> list[Text]:
        """Questions about a picture, and cells to read aloud."""
        hard = missed(sample)
        hard = [hard[int(k)] for k in rng.permutation(len(hard))[: self.each // 3]]
        asked = [answered(question, False, self.tokenizer) for question in hard]
        asked += [answered(*draw_question(sample.scene, rng), self.tokenizer) for _ in range(self.each - len(hard))]
        named = [place for place in range(9) if (item := sample.scene.at(place)) is None or item.shape in SHAPES]
        cells = rng.permutation(named)[: self.aloud]
        return asked + [read_aloud(sample.scene, int(place), self.tokenizer) for place in cells]

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        """Mean cross entropy of the answers and of the words read aloud."""
        numbers = rng.choice(len(self.samples), size=self.schedule.batch, p=self.weights)
        samples = [self.samples[int(number)] for number in numbers]
        cells = cells_of(self.module, samples) if self.seen is None else self.seen[torch.from_numpy(numbers)]
        return text_loss(self.module, cells, [self.texts(sample, rng) for sample in samples])

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """The figures of `measure` on each held-out set."""
        return figures_of(module, self.tokenizer, self.sets)

    def save(self, module: nn.Module) -> None:
        """Weights in fp16 and the processor, in one folder that the Auto classes load."""
        self.processor.save_pretrained(save_part(NAME, module))


class CriticTune(Critic):
    """Part 3: everything together on the experts' outputs, with as many renders beside them."""

    name = "critic-tune"
    schedule = Schedule(steps=10000, batch=12, rate=1e-3, ema=0.995, evaluate_every=1000, seed=1)
    each, aloud, latent, tint = 12, 2, 16, 0.5

    def start(self) -> nn.Module:
        """The weights of part 2."""
        return load()

    def gather(self, blurrer: Blurrer, rng: np.random.Generator) -> list[Sample]:
        """The collected outputs of the train split and as many renders; those of the test split are held out."""
        painted = outputs("train")
        self.bank = max(3000, len(painted))
        return painted + super().gather(blurrer, rng)

    def see(self) -> None:
        """The tower learns too."""


def load() -> nn.Module:
    """The trained critic in fp32. Raises `OSError` where there is none."""
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText.from_pretrained(WEIGHTS / NAME, dtype=torch.float32, local_files_only=True)


def evaluate() -> dict[str, float]:
    """The trained critic on validation renders, on degraded ones, and on the experts' outputs for test requests."""
    return figures_of(load().to(device()).eval(), build_processor().tokenizer, held_out(Blurrer()))


def train(fresh: bool = False) -> dict[str, float]:
    """Parts 1 and 2, each from its checkpoint where there is one."""
    if fresh:
        fit(CriticVision(), fresh)
    return fit(Critic(), fresh)


def tune(steps: int = 0, fresh: bool = False) -> dict[str, float]:
    """Part 3 on the weights there are; `steps` (0: as scheduled) for a repetition when experts were added."""
    job = CriticTune()
    if steps:
        job.schedule = replace(job.schedule, steps=steps)
    return fit(job, fresh)


def main() -> int:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog="python -m experts.poster.train.critic", description=__doc__)
    parser.add_argument("--collect", type=int, default=0, metavar="N", help="pictures of each expert, first of all")
    parser.add_argument("--tune", action="store_true", help="part 3, on the trained critic and the collected pictures")
    parser.add_argument("--steps", type=int, default=0, help="length of part 3, to repeat it when experts were added")
    parser.add_argument("--evaluate", action="store_true", help="print held-out figures")
    parser.add_argument("--fresh", action="store_true", help="forget checkpoints and start again")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all cores)")
    asked = parser.parse_args()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    try:
        if asked.collect:
            print(json.dumps(collect(asked.collect)))
        if asked.tune:
            tune(asked.steps, asked.fresh)
        elif not (asked.collect or asked.evaluate):
            train(asked.fresh)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the checkpoint", file=sys.stderr)
        return 130
    if asked.evaluate:
        print(json.dumps(evaluate(), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
