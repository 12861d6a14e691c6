"""The Q-networks, plain torch: one shared network that scores (state, card) pairs, and the paper's fixed head.

A slot's Q depends on the state and on that slot's own card, on no other slot and on no slot's number: permuting the
slots permutes Q (law 9), and any number of slots will do. Source: performance.md 8.2; the paper, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from poser.learned.encode import Encoder, HashEmbedder

GAIN = {"slot": 0.25, "flat": 4.0}
"""What text columns are multiplied by; an embedding of 384 numbers and unit length has entries near 0.05, all else is
near 1. 'flat' sees nothing but text. 'slot' knows verbs, numbers and cards too, and learns whole sentences by heart
where text is loud: from the same 2,335 recorded steps of the embedded world its held-out return on editing tasks was
2.26 at gain 1 and 2.34 without text."""
FLOOR = torch.finfo(torch.float32).min
"""Q of an illegal slot: finite, so that 0 times it is 0 where a terminal state has no legal slot."""


@dataclass(frozen=True)
class Shape:
    """What a network is built from: kind, D state columns (the first `text` of them embeddings), F columns of a card,
    the K slots it was trained with (binding for 'flat' only), width of the hidden layers. Of a card's columns the first
    `own` tell experts apart; column `fit` is what a fresh network takes for Q itself (None: none)."""

    kind: Literal["slot", "flat"]
    state: int
    cards: int
    slots: int
    hidden: int
    text: int
    own: int = 0
    fit: int | None = None


def text_columns(state: int, extras: tuple[str, ...]) -> int:
    """How many of `state` columns are text embeddings: all that are no extras (`Encoder`), at least 0."""
    return max(0, state - (Encoder(HashEmbedder(1), extras).dim - 2))


class _State(nn.Module):
    """[B, D] -> [B, hidden]: a linear layer over text and extras, text brought to the scale of the rest."""

    scale: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        scale = torch.ones(shape.state)
        scale[: shape.text] = GAIN[shape.kind]
        self.register_buffer("scale", scale)  # saved with the weights: they belong together
        self.linear = nn.Linear(shape.state, shape.hidden)

    def forward(self, state: Tensor) -> Tensor:
        return torch.relu(self.linear(state * self.scale))


class SlotQ(nn.Module):
    """Q(state, card) = V(state) + w . card + A(state, card), A from the sum and the product of both, projected to
    hidden / 2.

    A fresh network trusts the card: w is 1 for its measured score (`Shape.fit`), A is 0. Learning corrects w, which few
    steps can tell, and A, which the loss pulls towards 0 (`Recipe.shrink`). w does not see what tells experts apart and
    A sees it quietly: a network that sees it learns from 1,000 calls of the embedded world whom to prefer for
    everything, and forgets the cards (share of the target .92 against .95, four seeds each, by the reader). The state
    is encoded once for all slots; the part that runs once a slot is narrow.
    """

    quiet: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = max(8, shape.hidden // 2)
        self.state = _State(shape)
        self.mix = nn.Linear(shape.hidden, 2 * width)
        self.card = nn.Linear(shape.cards, 2 * width)
        self.norm = nn.LayerNorm(width)
        self.slot = nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
        self.value = nn.Linear(shape.hidden, 1)
        quiet = torch.ones(shape.cards)
        quiet[: shape.own] = GAIN[shape.kind]
        self.register_buffer("quiet", quiet)
        self.trust = nn.Linear(shape.cards - shape.own, 1, bias=False)
        for weight in (self.trust.weight, *self.slot[-1].parameters()):
            nn.init.zeros_(weight)
        if shape.fit is not None:
            nn.init.ones_(self.trust.weight[:, shape.fit - shape.own])

    def parts(self, state: Tensor, cards: Tensor) -> tuple[Tensor, Tensor]:
        """[B, D], [B, K, F] -> V + w . card and A, each [B, K], for any K."""
        hidden = self.state(state)
        bias, gate = self.mix(hidden).unsqueeze(1).chunk(2, dim=2)  # [B, 1, width]
        here, there = self.card(cards * self.quiet).chunk(2, dim=2)  # [B, K, width]
        extra = self.slot(self.norm(bias + here + gate * there)).squeeze(2)
        return self.trust(cards[:, :, -self.trust.in_features :]).squeeze(2) + self.value(hidden), extra

    def forward(self, state: Tensor, cards: Tensor) -> Tensor:
        """[B, D], [B, K, F] -> Q [B, K], for any K."""
        plain, extra = self.parts(state, cards)
        return plain + extra

    def at(self, state: Tensor, cards: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
        """Q and A of one slot a row, int64 [B] -> [B], [B]; the other slots are not computed."""
        rows = torch.arange(len(slots), device=slots.device)
        plain, extra = self.parts(state, cards[rows, slots].unsqueeze(1))
        return (plain + extra).squeeze(1), extra.squeeze(1)


class FlatQ(nn.Module):
    """The paper's: a three-layer MLP on 'state', one output a slot; cards are not looked at."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.state = _State(shape)
        self.rest = nn.Sequential(
            nn.Linear(shape.hidden, shape.hidden), nn.ReLU(), nn.Linear(shape.hidden, shape.slots)
        )

    def forward(self, state: Tensor, cards: Tensor) -> Tensor:
        """[B, D], anything -> Q [B, K]."""
        found: Tensor = self.rest(self.state(state))
        return found

    def at(self, state: Tensor, cards: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
        """Q of one slot a row, int64 [B] -> [B], and what the loss pulls towards 0: nothing."""
        found = self(state, cards).gather(1, slots.unsqueeze(1)).squeeze(1)
        return found, torch.zeros_like(found)


def build(shape: Shape) -> SlotQ | FlatQ:
    """A fresh network, initialised from torch's global generator."""
    return SlotQ(shape) if shape.kind == "slot" else FlatQ(shape)


def fill(shape: Shape, tensors: Mapping[str, Any]) -> SlotQ | FlatQ:
    """The network of these weights (shared, not copied); draws no random number. Raises ValueError if they misfit."""
    with torch.device("meta"):
        network = build(shape)
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if wanted != found:
        name = sorted(set(wanted.items()) ^ set(found.items()))[0][0]
        raise ValueError(f"{name} is {found.get(name, 'missing')}, not {wanted.get(name, 'in this network')}")
    network.load_state_dict(dict(tensors), assign=True)
    return network


def masked(values: Tensor, mask: Tensor) -> Tensor:
    """Q with `FLOOR` where the mask, [B, K], is 0."""
    return values.masked_fill(mask == 0, FLOOR)
