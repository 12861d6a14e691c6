"""The two shared text encoders (CLIP and T5 class), trained first and alone: throw-away heads read the symbols back.

Ten learned queries look at the token features: one a grid cell (shape, colour, size of what a caption or 'add' puts
there), one for the rest (verb, what is meant, what it becomes, background). It is the small twin of a frozen,
pretrained CLIP or T5; without it a diffusion loss does not find out which word belongs to which object.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

from experts.poster.instruction import VERBS, Instruction, Ref, canonical
from experts.poster.phrases import phrase
from experts.poster.scene import COLOURS, SHAPES, SIZES
from experts.poster.tasks import EDITS, KINDS, draw_edit, draw_scene
from experts.poster.train.loop import Schedule, device
from experts.poster.train.store import save_part
from experts.poster.train.vocabulary import LENGTH, SPECIAL, save_tokenizer, tokenizer

WIDTH = 128
_SIDES = ("left", "right", "top", "bottom")
CELL_CLASSES = (len(SHAPES) + 1, len(COLOURS) + 1, len(SIZES) + 1)
REST_CLASSES = (
    len(VERBS),
    *(len(SHAPES) + 1, len(COLOURS) + 1, len(SIZES) + 1, 10, 5),
    *(len(SHAPES) + 1, len(COLOURS) + 1, len(SIZES) + 1, 10, len(COLOURS) + 1),
)


def _index(options: tuple[str, ...], value: str | None) -> int:
    return 0 if value is None else 1 + options.index(value)


def labels(instruction: Instruction) -> list[int]:
    """27 class numbers for the cells, then 11 for the rest; 0 is 'not named'."""
    names = tuple(COLOURS)
    cells = [[0, 0, 0] for _ in range(9)]
    for item in instruction.items:
        cells[item.place or 0] = [_index(SHAPES, item.shape), _index(names, item.colour), _index(SIZES, item.size)]
    ref = instruction.ref or Ref()
    rest = [VERBS.index(instruction.verb), _index(SHAPES, ref.shape), _index(names, ref.colour)]
    rest += [_index(SIZES, ref.size), 0 if ref.place is None else 1 + ref.place, _index(_SIDES, ref.side)]
    rest += [_index(SHAPES, instruction.shape), _index(names, instruction.colour), _index(SIZES, instruction.size)]
    rest += [0 if instruction.place is None else 1 + instruction.place, _index(names, instruction.background)]
    return [label for cell in cells for label in cell] + rest


def sample(rng: np.random.Generator, split: str = "train") -> tuple[str, list[int]]:
    """One caption or command, half of them in the experts' own words, with its labels."""
    while True:
        scene = draw_scene(rng, split, ("any", *KINDS)[int(rng.integers(4))])
        if rng.random() < 0.5:
            made: Instruction | None = Instruction("generate", items=scene.items, background=scene.background)
        else:
            made = draw_edit(scene, rng, EDITS[int(rng.integers(len(EDITS)))])
        if made is None:
            continue
        text = canonical(made) if rng.random() < 0.6 else phrase(made, rng, "train")
        if len(text.replace(",", " , ").split()) <= LENGTH - 2:
            return text, labels(made)


class _Reading(nn.Module):
    """Text encoder plus the heads that are thrown away."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.queries = nn.Parameter(torch.randn(10, WIDTH) * 0.1)
        layer = nn.TransformerDecoderLayer(WIDTH, 4, 256, dropout=0.0, batch_first=True, norm_first=True)
        self.decoder = nn.TransformerDecoder(layer, 1)
        self.cells = nn.Linear(WIDTH, sum(CELL_CLASSES))
        self.rest = nn.Linear(WIDTH, sum(REST_CLASSES))
        self.pooled = nn.Linear(WIDTH, sum(REST_CLASSES))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """ids [B, L], mask [B, L] or None -> logits of cells [B, 9, *], the rest [B, *], the pooled rest [B, *]."""
        out = self.encoder(input_ids=ids, attention_mask=mask)
        tokens = out.last_hidden_state  # [B, L, D]
        pad = None if mask is None else mask == 0
        read = self.decoder(self.queries.expand(len(ids), -1, -1), tokens, memory_key_padding_mask=pad)  # [B, 10, D]
        pooled = out.pooler_output if hasattr(out, "pooler_output") else tokens[:, 0]
        return self.cells(read[:, :9]), self.rest(read[:, 9]), self.pooled(pooled)


def _terms(logits: torch.Tensor, classes: tuple[int, ...], wanted: torch.Tensor) -> torch.Tensor:
    """Cross entropy of each class group: logits [N, sum(classes)], wanted [N, len(classes)] -> [N, len(classes)]."""
    parts = zip(logits.split(classes, dim=-1), wanted.unbind(-1), strict=True)
    return torch.stack([F.cross_entropy(part, want, reduction="none") for part, want in parts], dim=-1)


class Text:
    """Training job of one encoder. `kind`: 'clip' or 't5'."""

    schedules: ClassVar[dict[str, Schedule]] = {
        kind: Schedule(steps=3000, batch=32, rate=1.5e-3, ema=0.995, evaluate_every=500) for kind in ("clip", "t5")
    }

    def __init__(self, kind: str) -> None:
        self.name, self.schedule = kind, self.schedules[kind]
        torch.manual_seed(0)
        size = len(tokenizer())
        if kind == "clip":
            config = CLIPTextConfig(
                vocab_size=size,
                hidden_size=WIDTH,
                intermediate_size=2 * WIDTH,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=LENGTH,
                projection_dim=WIDTH,
                pad_token_id=SPECIAL.index("<pad>"),
                bos_token_id=SPECIAL.index("<s>"),
                eos_token_id=SPECIAL.index("</s>"),
            )
            encoder: nn.Module = CLIPTextModel(config)
        else:
            encoder = T5EncoderModel(
                T5Config(
                    vocab_size=size,
                    d_model=WIDTH,
                    d_kv=16,
                    num_heads=8,
                    d_ff=2 * WIDTH,
                    num_layers=2,
                    dropout_rate=0.0,
                    feed_forward_proj="gated-gelu",
                    pad_token_id=SPECIAL.index("<pad>"),
                    eos_token_id=SPECIAL.index("</s>"),
                )
            )
            with torch.no_grad():
                encoder.shared.weight.mul_(0.1)  # or the words drown what attention adds
                # Position enters T5 through these logits alone; from 0 they grow by one learning rate a step, so that
                # 3,000 steps are over before any head looks to a neighbour. Sharp heads from the start bind at once.
                bias = encoder.encoder.block[0].layer[0].SelfAttention.relative_attention_bias
                bias.weight.normal_(0.0, 3.0)
        self.module = _Reading(encoder)
        rng = np.random.default_rng(77)
        self.held_out = [sample(rng, "validation") for _ in range(400)]

    def _batch(self, pairs: list[tuple[str, list[int]]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        coded = tokenizer()([t for t, _ in pairs], padding="max_length", truncation=True, return_tensors="pt")
        wanted = torch.tensor([label for _, label in pairs], device=device())
        return coded.input_ids.to(device()), coded.attention_mask.to(device()), wanted

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        """Mean cross entropy of all 38 labels, read from the tokens, and of the 11 global ones, read from the pool.

        FLUX hands the padding to the model unmasked and PixArt masks it, so both are trained.
        """
        ids, mask, wanted = self._batch([sample(rng) for _ in range(self.schedule.batch)])
        if self.name == "clip" or rng.random() < 0.5:
            longest = int(mask.sum(1).max())
            ids, mask = ids[:, :longest], mask[:, :longest]
        else:
            mask = None
        cells, rest, pooled = self.module(ids, mask)
        cell_terms = _terms(cells.flatten(0, 1), CELL_CLASSES, wanted[:, :27].reshape(-1, 3))
        loss = cell_terms.mean() * 3 + _terms(rest, REST_CLASSES, wanted[:, 27:]).mean()
        return loss + 0.3 * _terms(pooled, REST_CLASSES, wanted[:, 27:]).mean()

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Share of held-out texts read right in every label, with the padding masked and (T5, as FLUX uses it) not."""
        ids, mask, wanted = self._batch(self.held_out)
        figures = {}
        for name, given in [("masked", mask)] + [("unmasked", None)] * (self.name == "t5"):
            cells, rest, _ = module(ids, given)
            right = [c.argmax(-1) for c in cells.split(CELL_CLASSES, dim=-1)]
            ok = torch.stack(right, -1).flatten(1).eq(wanted[:, :27]).all(-1)
            global_right = torch.stack([r.argmax(-1) for r in rest.split(REST_CLASSES, dim=-1)], -1)
            figures[f"cells_{name}"] = round(float(ok.float().mean()), 4)
            figures[f"rest_{name}"] = round(float(global_right.eq(wanted[:, 27:]).all(-1).float().mean()), 4)
        return figures

    def save(self, module: nn.Module) -> None:
        """Writes the encoder (without its heads) and the tokenizer."""
        save_part(self.name, module.encoder)
        save_tokenizer()
