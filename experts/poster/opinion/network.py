"""The network: words and what is on the picture go in; what becomes of each thing, and what is new, comes out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from experts.poster.opinion.arrays import NO_PICTURE, NOT_TAUGHT, THING, WORD_WIDTH, Batch, batch, value
from experts.poster.opinion.sample import ANY, FORMS, MOST_WORDS, VALUES, Poster, Sample, Thing, senses
from experts.poster.scene import MAX_ITEMS

WEIGHTS = Path(__file__).parents[1] / "weights" / "opinion"
_NEW = (2, *(len(values) + 1 for values in VALUES))
"""Classes of a new thing: is there one, and each attribute, `ANY` last."""
_EDIT = (2, *(len(values) + 2 for values in VALUES))
"""Classes of a thing that is there: does it go, and each attribute, 'stays' first and `ANY` last."""


@dataclass(frozen=True)
class Answer:
    """What the network says of a request: the poster that is wanted, how probable it finds that reading, and how
    probable it finds that the request cannot be done as asked; both in [0, 1]."""

    wanted: Poster
    probability: float
    impossible: float


class Network(nn.Module):
    """An encoder over [what is there, words], a head on what is there, and a decoder of the things that are new.

    Pre-norm transformer layers of torch; each word is its vector, its sense and its form, mixed with its neighbours by
    a convolution, so that 'red' is found at 'circle' from the first lessons on.
    """

    def __init__(self, width: int = 128, inner: int = 384, encoders: int = 3, decoders: int = 2) -> None:
        super().__init__()
        kind = {"nhead": 4, "dim_feedforward": inner, "batch_first": True, "norm_first": True, "activation": "gelu"}
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(width, **kind), encoders, nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(width, **kind), decoders, nn.LayerNorm(width))
        self.vector, self.mix = nn.Linear(WORD_WIDTH, width), nn.Conv1d(width, width, 5, padding=2)
        self.sense, self.form = nn.Embedding(len(senses()) + 1, width, padding_idx=0), nn.Embedding(len(FORMS), width)
        self.place, self.turn = nn.Embedding(MOST_WORDS + 1, width), nn.Embedding(MAX_ITEMS + 2, width)
        self.kind = nn.Embedding(THING + 1, width)
        self.values = nn.ModuleList(nn.Embedding(len(values) + 2, width) for values in VALUES)
        self.new, self.edit, self.impossible = (
            nn.Linear(width, sum(_NEW)),
            nn.Linear(width, sum(_EDIT)),
            nn.Linear(width, 1),
        )
        self.drop = nn.Dropout(0.1)
        for table in (self.sense, self.form, self.kind, *self.values):
            nn.init.normal_(table.weight, std=0.5)
        for table in (self.place, self.turn):
            nn.init.normal_(table.weight, std=0.2)
        nn.init.normal_(self.vector.weight, std=WORD_WIDTH**-0.5)

    def _things(self, rows: torch.Tensor) -> torch.Tensor:
        """int [..., 5] -> [..., width]."""
        parts = [table(rows[..., k]) for k, table in enumerate((self.kind, *self.values))]
        return torch.stack(parts).sum(0)

    def encode(self, read: Batch) -> torch.Tensor:
        """[B, I + L, width]."""
        words = self.vector(read.vectors) + self.sense(read.senses) + self.form(read.forms)  # [B, L, width]
        near = self.mix(words.transpose(1, 2)).transpose(1, 2)
        words = words + near + self.place.weight[: words.shape[1]]
        both = self.drop(torch.cat([self._things(read.things), words], dim=1))
        found: torch.Tensor = self.encoder(both, src_key_padding_mask=~read.mask)
        return found

    def decode(self, memory: torch.Tensor, mask: torch.Tensor, drawn: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """drawn [B, K, 5] -> logits of the things behind them, [B, K, classes] an attribute."""
        turns = drawn.shape[1]
        later = torch.ones(turns, turns, dtype=torch.bool).triu(1)
        told = self._things(drawn) + self.turn.weight[:turns]
        found = self.decoder(told, memory, tgt_mask=later, memory_key_padding_mask=~mask)
        return self.new(found).split(_NEW, dim=-1)

    def edits(self, memory: torch.Tensor, there: int) -> tuple[torch.Tensor, ...]:
        """Logits of what becomes of each thing, [B, I, classes] an attribute."""
        return self.edit(memory[:, :there]).split(_EDIT, dim=-1)

    def loss(self, read: Batch) -> torch.Tensor:
        """Cross entropy of all that a sample teaches, summed over it, its mean over the samples."""
        memory = self.encode(read)
        found = self.decode(memory, read.mask, read.drawn), self.edits(memory, read.things.shape[1])
        total = torch.zeros(len(read.impossible))
        for logits, wanted in zip(found, (read.new, read.edits), strict=True):
            for part, classes in zip(logits, wanted.unbind(-1), strict=True):
                each = F.cross_entropy(
                    part.transpose(1, 2), classes, ignore_index=NOT_TAUGHT, reduction="none", label_smoothing=0.02
                )
                total = total + each.sum(1)
        refused = F.binary_cross_entropy_with_logits(self.impossible(memory[:, 0]).squeeze(-1), read.impossible)
        return total.mean() + 2 * refused

    @torch.inference_mode()
    def answer(self, samples: Sequence[Sample]) -> list[Answer]:
        """What each request asks for, the likeliest class of everything."""
        read = batch(samples)
        memory = self.encode(read)
        refused = self.impossible(memory[:, 0]).squeeze(-1).sigmoid().tolist()
        found = [
            _Draft.of(sample, *row)
            for sample, row in zip(samples, _best(self.edits(memory, read.things.shape[1])), strict=True)
        ]
        drawn = torch.zeros(len(samples), 1, 5, dtype=torch.long)
        drawn[:, 0, 0] = NO_PICTURE
        for _ in range(MAX_ITEMS + 1):
            last = [logits[:, -1:] for logits in self.decode(memory, read.mask, drawn)]
            rows = _best(last)
            for draft, (classes, sure) in zip(found, rows, strict=True):
                draft.take(classes[0], sure[0])
            if all(draft.done for draft in found):
                break
            behind = [[THING, *(1 + k for k in classes[0][1:])] for classes, _ in rows]
            drawn = torch.cat([drawn, torch.tensor(behind)[:, None]], dim=1)
        return [draft.answer(no) for draft, no in zip(found, refused, strict=True)]


def _best(logits: Sequence[torch.Tensor]) -> list[tuple[list[list[int]], list[list[float]]]]:
    """[B, N, classes] an attribute -> a sample: the likeliest classes [N][5], and their log probabilities [N][5]."""
    best = [part.log_softmax(-1).max(-1) for part in logits]
    classes, sure = (
        torch.stack(parts, -1).tolist() for parts in zip(*((b.indices, b.values) for b in best), strict=True)
    )
    return list(zip(classes, sure, strict=True))


class _Draft:
    """An answer that is being written."""

    def __init__(self, background: str, things: list[Thing], log: float) -> None:
        self.background, self.things, self.log, self.done = background, things, log, False

    @classmethod
    def of(cls, sample: Sample, classes: list[list[int]], sure: list[list[float]]) -> _Draft:
        """What stays of the picture that is there."""
        ground = sample.start.background if sample.start else ANY
        draft = cls(value(1, classes[0][2] - 1) if classes[0][2] else ground, [], sure[0][2])
        for thing, new, logs in zip(sample.start.things if sample.start else (), classes[1:], sure[1:], strict=False):
            draft.log += logs[0]
            if not new[0]:
                draft.log += sum(logs[1:])
                stays = (
                    old if not k else value(at, k - 1) for at, (old, k) in enumerate(zip(thing, new[1:], strict=True))
                )
                draft.things.append(tuple(stays))  # type: ignore[arg-type]
        return draft

    def take(self, classes: list[int], sure: list[float]) -> None:
        """One more thing, or the end."""
        if self.done:
            return
        self.log += sure[0]
        self.done = classes[0] == 1
        if not self.done:
            self.log += sum(sure[1:])
            self.things.append(tuple(value(at, k) for at, k in enumerate(classes[1:])))  # type: ignore[arg-type]

    def answer(self, impossible: float) -> Answer:
        return Answer(Poster(self.background, tuple(self.things)), float(np.exp(self.log)), impossible)


@cache
def loaded() -> Network | None:
    """The trained network; None where its weights are not there, or the word lists have other senses than it knows."""
    from safetensors.torch import load_file

    described = WEIGHTS / "config.json"
    if not described.is_file() or json.loads(described.read_text("utf-8"))["senses"] != [list(s) for s in senses()]:
        return None
    stored, network = load_file(WEIGHTS / "model.safetensors"), Network()
    network.load_state_dict(unpacked(stored))
    return network.eval()


def packed(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Matrices as whole numbers of 8 bits with a scale a row; the rest in half precision."""
    out: dict[str, torch.Tensor] = {}
    for name, tensor in weights.items():
        if tensor.ndim < 2:
            out[name] = tensor.half()
            continue
        scale = tensor.flatten(1).abs().amax(1).clamp(min=1e-8) / 127  # [rows]
        shape = (-1, *[1] * (tensor.ndim - 1))
        out[name], out[f"{name}:scale"] = (tensor / scale.reshape(shape)).round().to(torch.int8), scale
    return out


def unpacked(stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of `packed`, in single precision."""
    out = {}
    for name, tensor in stored.items():
        if not name.endswith(":scale"):
            scale = stored.get(f"{name}:scale")
            shape = (-1, *[1] * (tensor.ndim - 1))
            out[name] = tensor.float() if scale is None else tensor.float() * scale.reshape(shape)
    return out
