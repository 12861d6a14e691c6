"""Law 9: permuting the slots permutes Q; what an illegal slot is worth; which columns are text."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.fake import fake_entries
from experts.registry import Registry
from poser.actions import ActionSet
from poser.learned import network
from poser.learned.embedders import HashEmbedder
from poser.learned.extras import EXTRAS
from poser.learned.network import NetworkShape
from poser.learned.observation import Encoder, Observer, text_columns
from poser.types import Command, Plan, State, Task

SLOT = NetworkShape(
    kind="slot",
    state_columns=9,
    card_columns=5,
    slots=4,
    hidden_size=16,
    text_columns=6,
    identity_columns=2,
    score_column=3,
)
FLAT = SLOT.model_copy(update={"kind": "flat"})


def build(shape: NetworkShape) -> network.SlotQ | network.FlatQ:
    """A network as if it had learned: a fresh one trusts the cards alone."""
    net = network.build(shape)
    for weight in net.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight)
    return net


def draw(shape: NetworkShape, slots: int, seed: int, rows: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    noise = torch.Generator().manual_seed(seed)
    state = torch.randn(rows, shape.state_columns, generator=noise)
    return state, torch.randn(rows, slots, shape.card_columns, generator=noise)


@settings(max_examples=50)
@given(st.permutations(range(7)), st.integers(0, 2**31 - 1), st.sampled_from([8, 33]))
def test_permuting_the_slots_permutes_q(order, seed, hidden):
    net = build(SLOT.model_copy(update={"hidden_size": hidden}))
    state, cards = draw(SLOT, 7, seed)
    with torch.no_grad():
        torch.testing.assert_close(net(state, cards[:, order]), net(state, cards)[:, order], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("slots", [1, 2, 40])
def test_any_number_of_slots_will_do(slots):
    state, cards = draw(SLOT, slots, 0)
    assert build(SLOT)(state, cards).shape == (3, slots)


def test_another_expert_changes_no_other_q():
    net, (state, cards) = build(SLOT), draw(SLOT, 5, 1)
    with torch.no_grad():
        torch.testing.assert_close(net(state, cards)[:, :4], net(state, cards[:, :4]), rtol=1e-5, atol=1e-6)


def test_q_depends_on_the_pair_and_not_on_a_sum_alone():
    """Were Q = f(state) + g(card), the best card would be the same in every state."""
    torch.manual_seed(0)
    net, (state, cards) = build(SLOT), draw(SLOT, 2, 2, rows=8)
    with torch.no_grad():
        values = net(3 * state, cards[:1].expand(8, -1, -1))
    gaps = values[:, 0] - values[:, 1]
    assert gaps.std() > 0.01 * gaps.abs().mean()


@pytest.mark.parametrize("shape", [SLOT, FLAT], ids=["slot", "flat"])
def test_at_is_one_column_of_all(shape):
    net, (state, cards), slots = build(shape), draw(shape, 4, 3), torch.tensor([2, 0, 3])
    with torch.no_grad():
        torch.testing.assert_close(net.at(state, cards, slots)[0], net(state, cards).gather(1, slots[:, None])[:, 0])


def test_a_fresh_network_trusts_the_card_and_what_it_adds_is_pulled_on():
    net, (state, cards) = network.build(SLOT), draw(SLOT, 4, 6)
    gaps = net(state, cards) - cards[:, :, 3]
    torch.testing.assert_close(gaps, gaps[:, :1].expand(-1, 4))  # V(state) is all there is beside it
    learned, slots = build(SLOT), torch.tensor([2, 0, 3])
    plain, extra = learned.parts(state, cards)
    torch.testing.assert_close(learned.at(state, cards, slots)[1], extra.gather(1, slots[:, None])[:, 0])
    loud = cards.clone()
    loud[:, :, :2] += 1.0  # what tells experts apart
    assert torch.equal(learned.parts(state, loud)[0], plain) and not torch.equal(learned.parts(state, loud)[1], extra)


def test_the_flat_network_looks_at_the_state_alone():
    net, (state, cards) = build(FLAT), draw(FLAT, 4, 4)
    with torch.no_grad():
        assert torch.equal(net(state, cards), net(state, torch.zeros_like(cards)))
        assert not torch.equal(net(state, cards), net(-state, cards))


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=4))
def test_masked_values_are_finite_and_below_all_others(rows):
    mask = torch.tensor(rows, dtype=torch.int8)
    values = network.masked(torch.randn(mask.shape) * 1e6, mask)
    assert values.isfinite().all() and (0 * values == 0).all()
    best = [bool(legal[row.argmax()]) for row, legal in zip(values, mask, strict=True)]
    assert best == mask.any(dim=1).tolist()


@pytest.mark.parametrize("shape", [SLOT, FLAT], ids=["slot", "flat"])
def test_restore_gives_the_same_network_and_draws_nothing(shape):
    net = build(shape)
    before = torch.get_rng_state()
    again = network.restore(NetworkShape(**shape.model_dump()), net.state_dict())
    assert torch.equal(before, torch.get_rng_state())
    state, cards = draw(shape, 4, 5)
    assert torch.equal(net(state, cards), again(state, cards))


@pytest.mark.parametrize("change", [{"hidden_size": 8}, {"state_columns": 10}, {"card_columns": 6}, {"kind": "flat"}])
def test_restore_refuses_the_weights_of_another_network(change):
    with pytest.raises(ValueError, match="not"):
        network.restore(SLOT.model_copy(update=change), build(SLOT).state_dict())


def test_text_columns_are_those_of_the_encoder():
    extras = ("turn", "scores", "plan")
    encoder = Encoder(HashEmbedder(10), extras)
    assert text_columns(encoder.dim, extras) == 20
    assert text_columns(3, EXTRAS) == 0


def test_permuting_the_experts_permutes_q_through_the_observer():
    """The whole way: cards of experts in another order, the same state."""
    cards = list(Registry(fake_entries(2, 3)).cards)
    state = State(
        Task("Draw a cat. Add a hat."), Plan((), Command("Draw a cat", "generate"), (Command("Add a hat", "add"),))
    )
    encoder = Encoder(HashEmbedder(16), ("turn", "plan"))
    found = []
    net = None
    for roster in (cards, cards[::-1]):
        actions = ActionSet.of(roster)
        seen = Observer(encoder, actions)([state])
        width = seen["cards"].shape[2]
        torch.manual_seed(1)
        net = net or build(
            NetworkShape(
                kind="slot",
                state_columns=encoder.dim,
                card_columns=width,
                slots=len(actions.slots),
                hidden_size=16,
                text_columns=32,
            )
        )
        with torch.no_grad():
            values = net(torch.as_tensor(seen["state"]), torch.as_tensor(seen["cards"]))[0].tolist()
        found.append({str(slot): value for slot, value in zip(actions.slots, values, strict=True)})
    assert found[0] == pytest.approx(found[1], abs=1e-6)
    assert len({round(value, 6) for value in found[0].values()}) > 3
