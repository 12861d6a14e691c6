"""How the critic is asked in training: all texts about a picture in one row, and what they should be answered with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from experts.poster.questions import Question, about, anything, background
from experts.poster.scene import PLACES, Item, Scene
from experts.poster.train.critic_data import KIND_SHARES, Sample, draw_question
from experts.poster.train.critic_model import ANSWER, CELLS
from experts.poster.train.loop import device
from experts.poster.train.vae import to_tensor

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SILENT = -100
"""Label of a position that is not trained."""
BINS = 10
"""Bins of P(yes) in the calibration error."""


@dataclass(frozen=True)
class Text:
    """Token ids after the picture, and at each the id that should come next (SILENT: any)."""

    ids: list[int]
    labels: list[int]


def answered(question: Question, answer: bool, tokenizer: PreTrainedTokenizerFast) -> Text:
    """A question; only the answer is trained."""
    ids = tokenizer.encode(f"{question} answer :")
    return Text(ids, [SILENT] * (len(ids) - 1) + [tokenizer.get_vocab()[ANSWER[answer]]])


def read_aloud(scene: Scene, place: int, tokenizer: PreTrainedTokenizerFast) -> Text:
    """What stands at a place, word by word ('no' for nothing): far more to learn from than a yes."""
    item = scene.at(place)
    head = tokenizer.encode(f"the item at the {PLACES[place]} :")
    said = tokenizer.encode(_words(item))
    return Text(head + said[:-1], [SILENT] * (len(head) - 1) + said)


def _words(item: Item | None) -> str:
    return ANSWER[0] if item is None else f"{item.size} {item.colour} {item.shape}"


def packed(rows: list[list[Text]], image_token: int) -> dict[str, torch.Tensor]:
    """One row a picture: its image tokens once, then its texts, blind to each other.

    Texts keep the positions that they would have alone, so what is computed is what one sequence a text would give, at
    about half the tokens. Returns input_ids, position_ids and labels [B, L], attention_mask (boolean, [B, 1, L, L]).
    """
    length = CELLS + max(sum(len(text.ids) for text in row) for row in rows)
    ids, places, group = (torch.zeros(len(rows), length, dtype=torch.long) for _ in range(3))
    labels, group = torch.full_like(ids, SILENT), group - 1
    ids[:, :CELLS], places[:, :CELLS], group[:, :CELLS] = image_token, torch.arange(CELLS), 0
    for b, row in enumerate(rows):
        at = CELLS
        for number, text in enumerate(row, 1):
            here = slice(at, at + len(text.ids))
            ids[b, here], labels[b, here] = torch.tensor(text.ids), torch.tensor(text.labels)
            places[b, here], group[b, here] = torch.arange(CELLS, CELLS + len(text.ids)), number
            at = here.stop
    seen = (group[:, None, :] == group[:, :, None]) | (group[:, None, :] == 0)
    mask = (seen & torch.ones(length, length, dtype=torch.bool).tril())[:, None]
    mask = mask | torch.eye(length, dtype=torch.bool)  # padding sees itself: a row without any key is NaN
    found = {"input_ids": ids, "position_ids": places, "attention_mask": mask, "labels": labels}
    return {name: tensor.to(device()) for name, tensor in found.items()}


def cells_of(model: nn.Module, samples: list[Sample]) -> torch.Tensor:
    """What the vision tower sees: [B, 9, width]."""
    tower = model.get_submodule("model.vision_tower")
    pixels = to_tensor([sample.picture for sample in samples]).contiguous()
    return tower(pixels, output_hidden_states=True).hidden_states[-1][:, 1:]


def predictions(model: nn.Module, cells: torch.Tensor, rows: list[list[Text]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits [N, vocabulary] at the trained positions, row by row, and the ids [N] that should come there."""
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    batch = packed(rows, model.config.image_token_id)
    labels = batch.pop("labels")
    seen = BaseModelOutputWithPooling(pooler_output=list(model.get_submodule("model.multi_modal_projector")(cells)))
    logits = model(**batch, mm_encoder_outputs={"image": seen}).logits
    return logits[labels != SILENT], labels[labels != SILENT]


def text_loss(model: nn.Module, cells: torch.Tensor, rows: list[list[Text]]) -> torch.Tensor:
    """Mean cross entropy over all trained positions (a scalar)."""
    return F.cross_entropy(*predictions(model, cells, rows))


def calibration(yes: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Balanced accuracy at 0.5 and expected calibration error of P(yes) [Q] against the truth [Q]."""
    right = (yes > 0.5) == truth
    bins = np.minimum((yes * BINS).astype(int), BINS - 1)
    gaps = [abs(yes[bins == k].mean() - truth[bins == k].mean()) * (bins == k).mean() for k in set(bins.tolist())]
    sides = [right[truth == side].mean() for side in (True, False) if (truth == side).any()]
    return {"balanced": round(float(np.mean(sides)), 4), "calibration_error": round(float(sum(gaps)), 4)}


@torch.no_grad()
def chances(
    model: nn.Module, tokenizer: PreTrainedTokenizerFast, samples: list[Sample], asked: list[list[Question]]
) -> np.ndarray:
    """P(yes) of every question about every sample, in order [Q]."""
    yes, labels = [], tokenizer.convert_tokens_to_ids(list(ANSWER))
    for k in range(0, len(samples), 16):
        rows = [[answered(question, True, tokenizer) for question in row] for row in asked[k : k + 16]]
        logits, _ = predictions(model, cells_of(model, samples[k : k + 16]), rows)
        yes.append(logits[:, labels].softmax(-1)[:, 1].cpu().numpy())
    return np.concatenate(yes)


def measure(
    model: nn.Module, tokenizer: PreTrainedTokenizerFast, samples: list[Sample], seed: int = 3, each: int = 12
) -> dict[str, float]:
    """Balanced accuracy, overall and by kind of question, and calibration error on `each` questions a sample, half of
    them with the answer yes, in the mixture of `KIND_SHARES`."""
    rng = np.random.default_rng(seed)
    asked = [[draw_question(sample.scene, rng) for _ in range(each)] for sample in samples]
    p = chances(model, tokenizer, samples, [[question for question, _ in row] for row in asked])
    flat = [pair for row in asked for pair in row]
    truth, kinds = np.array([answer for _, answer in flat]), np.array([question.kind for question, _ in flat])
    figures = {"n": len(truth)} | calibration(p, truth)
    return figures | {kind: calibration(p[kinds == kind], truth[kinds == kind])["balanced"] for kind in KIND_SHARES}


def measure_wanted(model: nn.Module, tokenizer: PreTrainedTokenizerFast, samples: list[Sample]) -> dict[str, float]:
    """The same figures on what the critic really asks: whether all that was wanted is there, and nothing else."""
    samples = [sample for sample in samples if sample.wanted is not None]
    asked = [facts_of(sample.wanted) for sample in samples if sample.wanted is not None]
    p = chances(model, tokenizer, samples, asked)
    flat = [(q, q.holds(sample.scene)) for sample, row in zip(samples, asked, strict=True) for q in row]
    truth, kinds = np.array([answer for _, answer in flat]), np.array([question.kind for question, _ in flat])
    figures = {"n": len(truth), "yes": round(float(truth.mean()), 4)} | calibration(p, truth)
    item = kinds == "item"
    return figures | {f"item_{name}": value for name, value in calibration(p[item], truth[item]).items()}


def facts_of(wanted: Scene) -> list[Question]:
    """The questions of a scene that was asked for: every item, every cell that should be empty, the background."""
    return [*map(about, wanted.items), *map(anything, wanted.free()), background(wanted.background)]
