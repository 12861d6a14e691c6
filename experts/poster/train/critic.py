"""The critic: a LLaVA that answers yes/no questions about posters, trained in three parts.

1. `critic-vision`: the vision tower alone reads every cell (cross entropy, throw-away heads).
2. `critic`: the tower is frozen, projector and language model learn to answer (loss on the answer token only).
3. `critic-tune`: everything together, at a lower rate, mostly on the experts' own outputs, labelled by the reader.

`python -m experts.poster.train.critic` does parts 1 and 2. `--collect N` lets every trained expert paint N pictures,
`--tune` does part 3 on them, `--evaluate` prints the figures on held-out renders and outputs; all three can be given
together.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from experts.poster.questions import Question
from experts.poster.train.critic_data import KIND_SHARES, Sample, draw_question, rendered
from experts.poster.train.critic_model import ANSWER, build_model, build_processor, prompt
from experts.poster.train.critic_outputs import Blurrer, collect, outputs
from experts.poster.train.critic_vision import CriticVision, load_tower, tower_path
from experts.poster.train.loop import Schedule, device, fit
from experts.poster.train.store import WEIGHTS, save_part
from experts.poster.train.vae import to_tensor

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

NAME = "critic"
BINS = 10
"""Bins of P(yes) in the calibration error."""


def packed(tails: list[list[list[int]]], head: list[int]) -> dict[str, torch.Tensor]:
    """One row a picture: its image tokens once, then its questions, blind to each other.

    Questions keep the positions that they would have alone, so the answers are those of one sequence a question at
    about half the tokens. Returns input_ids and position_ids [B, L], attention_mask (boolean, [B, 1, L, L]) and ends
    [B, Q], the positions of the last tokens.
    """
    length = len(head) + max(sum(map(len, row)) for row in tails)
    ids, places = torch.zeros(len(tails), length, dtype=torch.long), torch.zeros(len(tails), length, dtype=torch.long)
    group = torch.full((len(tails), length), -1)
    ends = torch.zeros(len(tails), len(tails[0]), dtype=torch.long)
    for b, row in enumerate(tails):
        ids[b, : len(head)], places[b, : len(head)] = torch.tensor(head), torch.arange(len(head))
        group[b, : len(head)] = 0
        at = len(head)
        for q, tail in enumerate(row):
            here = slice(at, at + len(tail))
            ids[b, here], group[b, here] = torch.tensor(tail), q + 1
            places[b, here] = torch.arange(len(head), len(head) + len(tail))
            at += len(tail)
            ends[b, q] = at - 1
    seen = (group[:, None, :] == group[:, :, None]) | (group[:, None, :] == 0)
    mask = (seen & torch.ones(length, length, dtype=torch.bool).tril())[:, None]
    mask = mask | torch.eye(length, dtype=torch.bool)  # padding sees itself: a row without any key is NaN
    return {"input_ids": ids, "position_ids": places, "attention_mask": mask, "ends": ends}


def answer_logits(
    model: nn.Module, tokenizer: PreTrainedTokenizerFast, samples: list[Sample], questions: list[list[Question]]
) -> torch.Tensor:
    """Logits [B x Q, vocabulary] of the answer token, of equally many questions about each sample."""
    head = tokenizer.encode(prompt("").split("answer")[0])
    texts = [prompt(str(question)) for row in questions for question in row]
    tails = [ids[len(head) :] for ids in tokenizer(texts)["input_ids"]]
    each = len(questions[0])
    batch = packed([tails[k : k + each] for k in range(0, len(tails), each)], head)
    batch = {name: tensor.to(device()) for name, tensor in batch.items()}
    ends = batch.pop("ends")
    pixels = to_tensor([sample.picture for sample in samples]).contiguous()
    logits = model(pixel_values=pixels, **batch).logits
    return logits.gather(1, ends[:, :, None].expand(-1, -1, logits.shape[-1])).flatten(0, 1)


def calibration(yes: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Balanced accuracy at 0.5 and expected calibration error of P(yes) [Q] against the truth [Q]."""
    right = (yes > 0.5) == truth
    bins = np.minimum((yes * BINS).astype(int), BINS - 1)
    gaps = [abs(yes[bins == k].mean() - truth[bins == k].mean()) * (bins == k).mean() for k in set(bins.tolist())]
    sides = [right[truth == side].mean() for side in (True, False) if (truth == side).any()]
    return {"balanced": round(float(np.mean(sides)), 4), "calibration_error": round(float(sum(gaps)), 4)}


@torch.no_grad()
def measure(
    model: nn.Module, tokenizer: PreTrainedTokenizerFast, samples: list[Sample], seed: int = 3, each: int = 12
) -> dict[str, float]:
    """Balanced accuracy, overall and by kind of question, and calibration error on `each` questions a sample."""
    rng = np.random.default_rng(seed)
    asked = [[draw_question(sample.scene, rng) for _ in range(each)] for sample in samples]
    yes, labels = [], tokenizer.convert_tokens_to_ids(list(ANSWER))
    for k in range(0, len(samples), 16):
        rows = [[question for question, _ in row] for row in asked[k : k + 16]]
        logits = answer_logits(model, tokenizer, samples[k : k + 16], rows)[:, labels]
        yes.append(logits.softmax(-1)[:, 1].cpu().numpy())
    p, flat = np.concatenate(yes), [pair for row in asked for pair in row]
    truth, kinds = np.array([answer for _, answer in flat]), np.array([question.kind for question, _ in flat])
    figures = {"n": len(truth)} | calibration(p, truth)
    return figures | {kind: calibration(p[kinds == kind], truth[kinds == kind])["balanced"] for kind in KIND_SHARES}


class Critic:
    """Part 2: question answering on renders, degraded renders and renders through the autoencoder."""

    name = NAME
    schedule = Schedule(steps=4000, batch=16, rate=1.5e-3, ema=0.995, evaluate_every=400)
    each = 16
    """Questions asked about a picture."""
    own = 0.0
    """Share of experts' outputs among the pictures."""

    def __init__(self) -> None:
        self.processor = build_processor()
        self.tokenizer = self.processor.tokenizer
        self.module = self.start()
        self.blurrer = Blurrer()
        self.painted = outputs("train") if self.own else []
        rng = np.random.default_rng(78)
        self.sets = {"": rendered(rng, 150, "validation", worn=0.0)}
        self.sets["worn_"] = self.blurrer(rendered(rng, 150, "validation", worn=0.5), rng)
        if self.own:
            self.sets["experts_"] = outputs("test")

    def start(self) -> nn.Module:
        """Random weights behind the trained, frozen tower."""
        model = build_model(self.tokenizer)
        load_tower(model.model.vision_tower)
        model.model.vision_tower.requires_grad_(False)
        return model

    def pictures(self, rng: np.random.Generator) -> list[Sample]:
        """A batch of pictures: experts' outputs, renders through the autoencoder, plain and degraded renders."""
        count = self.schedule.batch
        own = int(rng.binomial(count, self.own)) if self.painted else 0
        samples = [self.painted[int(k)] for k in rng.integers(len(self.painted), size=own)] if own else []
        fresh = rendered(rng, count - own, worn=0.3)
        half = len(fresh) // 2
        return samples + self.blurrer(fresh[:half], rng) + fresh[half:]

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        """Cross entropy of the answer token."""
        samples = self.pictures(rng)
        asked = [[draw_question(sample.scene, rng) for _ in range(self.each)] for sample in samples]
        logits = answer_logits(self.module, self.tokenizer, samples, [[q for q, _ in row] for row in asked])
        labels = self.tokenizer.convert_tokens_to_ids(list(ANSWER))
        truth = torch.tensor([labels[answer] for row in asked for _, answer in row], device=logits.device)
        return F.cross_entropy(logits, truth)

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """The figures of `measure` on each held-out set."""
        figures: dict[str, float] = {}
        for label, samples in self.sets.items():
            if samples:
                figures |= {label + key: value for key, value in measure(module, self.tokenizer, samples).items()}
        return figures

    def save(self, module: nn.Module) -> None:
        """Weights in fp16 and the processor, in one folder that the Auto classes load."""
        self.processor.save_pretrained(save_part(NAME, module))


class CriticTune(Critic):
    """Part 3: everything together on the experts' outputs, with renders beside them."""

    name = "critic-tune"
    schedule = Schedule(steps=2500, batch=16, rate=5e-4, ema=0.998, evaluate_every=500)
    own = 0.6

    def start(self) -> nn.Module:
        """The weights of part 2."""
        return load()


def load() -> nn.Module:
    """The trained critic in fp32. Raises `OSError` where there is none."""
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText.from_pretrained(WEIGHTS / NAME, dtype=torch.float32, local_files_only=True)


def evaluate() -> dict[str, float]:
    """The trained critic on validation renders, on degraded ones, and on the experts' outputs for test requests."""
    job = CriticTune()
    return job.evaluate(job.module.to(device()).eval())


def train(fresh: bool = False) -> dict[str, float]:
    """Parts 1 and 2, each from its checkpoint where there is one."""
    if fresh or not tower_path().exists():
        fit(CriticVision(), fresh)
    return fit(Critic(), fresh)


def main() -> int:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog="python -m experts.poster.train.critic", description=__doc__)
    parser.add_argument("--collect", type=int, default=0, metavar="N", help="pictures of each expert, first of all")
    parser.add_argument("--tune", action="store_true", help="part 3, on the trained critic and the collected pictures")
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
            fit(CriticTune(), asked.fresh)
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
