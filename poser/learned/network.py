"""The Q-networks, plain torch: one shared network that scores (state, card) pairs, and the paper's fixed head.

In the shared network, Q of a slot depends on the state and on that slot's own card, on no other slot and on no slot's
number: permuting the slots permutes Q (law 9), and any number of slots will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

GAIN = {"slot": 0.25, "flat": 4.0}
"""Factor on the columns that are text embeddings, by kind of network. An embedding of 384 numbers and unit length has
entries near 0.05, all other columns are near 1. The flat network sees nothing but text. The slot network knows verbs,
numbers and cards too, and memorises whole sentences where text is large: from the same 2,335 recorded steps of the
embedded world its held-out return on editing tasks was 2.26 at gain 1 and 2.34 without text."""
ILLEGAL = torch.finfo(torch.float32).min
"""Q of an illegal slot: finite, so that 0 times it is 0 where a terminal state has no legal slot."""

_Columns = Annotated[int, Field(ge=0, le=65_536)]


class NetworkShape(BaseModel):
    """What a network is built from; stands in a policy's file.

    Attributes:
        kind: 'slot' (`SlotQ`) or 'flat' (`FlatQ`).
        state_columns, card_columns: D and F of an observation.
        slots: K of the training; binding for 'flat' alone.
        hidden_size: width of the hidden layers.
        text_columns: so many first columns of the state are text embeddings.
        identity_columns: so many first columns of a card tell experts apart ('slot' alone).
        score_column: the column of a card that a fresh network takes for Q itself; None: none.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    kind: Literal["slot", "flat"]
    state_columns: Annotated[_Columns, Field(ge=1)]
    card_columns: Annotated[_Columns, Field(ge=1)]
    slots: Annotated[int, Field(ge=1, le=4096)]
    hidden_size: Annotated[int, Field(ge=1, le=4096)]
    text_columns: _Columns
    identity_columns: _Columns = 0
    score_column: _Columns | None = None

    @model_validator(mode="after")
    def _columns_exist(self) -> NetworkShape:
        last = self.identity_columns if self.score_column is None else self.score_column
        if not self.identity_columns <= last < self.card_columns:
            raise ValueError(f"columns {self.identity_columns}, {last} of a card that has {self.card_columns}")
        return self


class _StateLayer(nn.Module):
    """[B, D] -> [B, hidden]: a linear layer and a ReLU over the state, whose text columns are scaled by `GAIN`."""

    scale: Tensor

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        scale = torch.ones(shape.state_columns)
        scale[: shape.text_columns] = GAIN[shape.kind]
        self.register_buffer("scale", scale)  # saved with the weights: they belong together
        self.linear = nn.Linear(shape.state_columns, shape.hidden_size)

    def forward(self, state: Tensor) -> Tensor:
        return torch.relu(self.linear(state * self.scale))


class SlotQ(nn.Module):
    """Q(state, card) = V(state) + w . card + A(state, card), for each slot by itself.

    - V is linear in the encoded state.
    - w . card is linear in the columns of the card that do not identify the expert (`identity_columns` are left out).
    - A is a small MLP over the sum and the product of the encoded state and the whole card, both projected to half of
      `hidden_size`; the identity columns are scaled by `GAIN`.

    A fresh network ranks the slots by their measured scores: w is 1 at `score_column` and 0 elsewhere, A is 0. Training
    corrects w, at a learning rate of its own (`linear_lr_factor` of the config), and A, whose mean square is a term of
    the loss (`correction_penalty`). The identity columns are kept from w and scaled down for A because a network that
    sees them at full size learns from 1,000 calls of the embedded world which expert to prefer for everything, and
    ignores the scores (share of the target .92 against .95, four seeds each, by the reader).

    The state is encoded once for all slots; what runs once a slot is narrow. Attributes are named as the tensors of
    'policy.safetensors' are: `trust` is w, `quiet` the scale of the card's columns.
    """

    quiet: Tensor

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        width = max(8, shape.hidden_size // 2)
        self.state = _StateLayer(shape)
        self.mix = nn.Linear(shape.hidden_size, 2 * width)
        self.card = nn.Linear(shape.card_columns, 2 * width)
        self.norm = nn.LayerNorm(width)
        self.slot = nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
        self.value = nn.Linear(shape.hidden_size, 1)
        quiet = torch.ones(shape.card_columns)
        quiet[: shape.identity_columns] = GAIN[shape.kind]
        self.register_buffer("quiet", quiet)
        self.trust = nn.Linear(shape.card_columns - shape.identity_columns, 1, bias=False)
        for weight in (self.trust.weight, *self.slot[-1].parameters()):
            nn.init.zeros_(weight)
        if shape.score_column is not None:
            nn.init.ones_(self.trust.weight[:, shape.score_column - shape.identity_columns])

    def parts(self, state: Tensor, cards: Tensor) -> tuple[Tensor, Tensor]:
        """[B, D], [B, K, F] -> V + w . card and A, each [B, K], for any K."""
        hidden = self.state(state)
        bias, gate = self.mix(hidden).unsqueeze(1).chunk(2, dim=2)  # [B, 1, width]
        here, there = self.card(cards * self.quiet).chunk(2, dim=2)  # [B, K, width]
        correction = self.slot(self.norm(bias + here + gate * there)).squeeze(2)
        return self.trust(cards[:, :, -self.trust.in_features :]).squeeze(2) + self.value(hidden), correction

    def forward(self, state: Tensor, cards: Tensor) -> Tensor:
        """[B, D], [B, K, F] -> Q [B, K], for any K."""
        linear, correction = self.parts(state, cards)
        return linear + correction

    def at(self, state: Tensor, cards: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
        """Q and A of one slot a row, int64 [B] -> [B], [B]; the other slots are not computed."""
        rows = torch.arange(len(slots), device=slots.device)
        linear, correction = self.parts(state, cards[rows, slots].unsqueeze(1))
        return (linear + correction).squeeze(1), correction.squeeze(1)


class FlatQ(nn.Module):
    """The paper's network: a three-layer MLP over 'state', one output a slot; cards are not looked at."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        size = shape.hidden_size
        self.state = _StateLayer(shape)
        self.rest = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, shape.slots))

    def forward(self, state: Tensor, cards: Tensor) -> Tensor:
        """[B, D], anything -> Q [B, K]."""
        values: Tensor = self.rest(self.state(state))
        return values

    def at(self, state: Tensor, cards: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
        """Q of one slot a row, int64 [B] -> [B]; and 0 in place of a correction."""
        values = self(state, cards).gather(1, slots.unsqueeze(1)).squeeze(1)
        return values, torch.zeros_like(values)


def build(shape: NetworkShape) -> SlotQ | FlatQ:
    """A fresh network, initialised from torch's global generator."""
    return SlotQ(shape) if shape.kind == "slot" else FlatQ(shape)


def restore(shape: NetworkShape, tensors: Mapping[str, Any]) -> SlotQ | FlatQ:
    """The network of these weights (shared, not copied). Draws no random number. Raises ValueError where names or sizes
    of the weights are not those of `shape`."""
    with torch.device("meta"):
        network = build(shape)
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in tensors.items()}
    if wanted != given:
        name = sorted(set(wanted.items()) ^ set(given.items()))[0][0]
        raise ValueError(f"{name} is {given.get(name, 'missing')}, not {wanted.get(name, 'in this network')}")
    network.load_state_dict(dict(tensors), assign=True)
    return network


def masked(values: Tensor, mask: Tensor) -> Tensor:
    """Q with `ILLEGAL` where the mask, [B, K], is 0."""
    return values.masked_fill(mask == 0, ILLEGAL)
