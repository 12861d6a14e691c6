"""The observation of cards and mask: slots follow their experts, columns say what they should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from poser.actions import ActionSet
from poser.learned.embedders import HashEmbedder
from poser.learned.extras import EXTRAS
from poser.learned.observation import Encoder, Observer, kind_of
from poser.types import Command, Plan, Price, State, Task
from tests.poser.world import make

ENCODER = Encoder(HashEmbedder(16), EXTRAS)
MDP = make()


def observer(actions: ActionSet | None = None, **scores: dict[str, float]) -> Observer:
    return Observer(ENCODER, actions or MDP.actions, scores)


def column(rows: np.ndarray, seen: Observer, name: str) -> np.ndarray:
    return rows[..., seen.names.index(name)]


def test_shapes_types_and_space() -> None:
    states = MDP.start([Task("Draw a cat. Make it blue.", seed=k) for k in range(3)])
    seen = observer()
    made = seen(states)
    assert made["state"].shape == (3, ENCODER.dim) and made["cards"].shape == (3, 9, len(seen.names))
    assert seen.space.contains({name: rows[0] for name, rows in made.items()})
    assert np.isfinite(made["cards"]).all() and made["mask"].any(axis=1).all()
    assert made["mask"].dtype == np.int8 and np.array_equal(made["mask"], MDP.mask(states))
    one = np.eye(9)[:3]
    assert np.array_equal(seen(states, one)["mask"], one)  # a mask that is given is taken


def test_permuting_the_experts_permutes_the_rows_and_nothing_else() -> None:
    cards = list(MDP.actions.cards.values())
    other = ActionSet.of(cards[::-1])
    states = MDP.start([Task("Draw a cat. Make it blue. Add a hat.")])
    scores = {cards[0].id: {"generate:0": 0.7}}
    one = observer(**scores)(states)
    two = observer(other, **scores)(states)
    order = [other.slots.index(slot) for slot in MDP.actions.slots]
    for name in ("cards", "mask"):
        np.testing.assert_array_equal(one[name], two[name][:, order])
    np.testing.assert_array_equal(one["state"], two["state"])


def test_a_measured_score_shows_where_it_fits() -> None:
    card = next(iter(MDP.actions.cards))
    (state,) = MDP.start([Task("Draw a cat. Make it blue.")])
    kind = kind_of(state.plan.current)
    seen = observer(**{card: {kind: 0.75}})
    rows = seen([state])["cards"][0]
    slot, whole = MDP.actions.slot(card), MDP.actions.slot(card, "all")
    assert column(rows, seen, "fit")[slot] == 0.75 and column(rows, seen, "fit?")[slot] == 1
    assert column(rows, seen, "fits?")[whole] == 1  # one drawing of everything
    assert column(rows, seen, "fit?").sum() == 2  # its two slots, no other expert's
    more = {name: column(rows, seen, name) for name in ("draws:more", "edits:more")}
    assert more["draws:more"][slot] == 0 and more["draws:more"][whole] == 0.25 and more["edits:more"][whole] == 0


def test_who_draws_is_handed_everything_as_one_drawing() -> None:
    done, left = Command("word " * 12, "generate"), (Command("make it blue", "recolour"), Command("word " * 20, "add"))
    card = next(card for card in MDP.actions.cards.values() if card.mode == "text-to-image")
    scores = {"generate:1": 0.1, "generate:3": 0.3, "recolour": 0.9}
    state = State(Task("x"), Plan((done,), left[0], left[1:]), Image.new("RGB", (32, 32)))
    rows = observer(**{card.id: scores})([state])["cards"][0]
    fits = column(rows, observer(), "fit")
    assert fits[MDP.actions.slot(card.id)] == pytest.approx(0.1)
    assert fits[MDP.actions.slot(card.id, "all")] == pytest.approx(0.3)


def test_what_was_tried_and_what_it_costs_show_in_the_slot() -> None:
    card = next(iter(MDP.actions.cards.values()))
    (state,) = MDP.start([Task("Draw a cat.", price=Price(second=2.0))])
    seen = observer()
    rows = seen([replace(state, tried=(card.id, card.id))])["cards"][0]
    slot = MDP.actions.slot(card.id)
    assert column(rows, seen, "tried")[slot] == pytest.approx(2 / 3)
    assert column(rows, seen, "price")[slot] == pytest.approx(np.log1p(2 * card.seconds))
    assert column(rows, seen, "tried").sum() == pytest.approx(4 / 3)


def test_identity_is_the_slots_number_alone() -> None:
    states = MDP.start([Task("Draw a cat.")])
    rows = Observer(ENCODER, MDP.actions, identity=True)(states)["cards"]
    np.testing.assert_array_equal(rows[0], np.eye(9))


def test_the_digest_is_of_the_columns_not_of_the_roster() -> None:
    fewer = ActionSet.of(list(MDP.actions.cards.values())[:2])
    assert observer().digest == observer(fewer, x={"add": 1.0}).digest
    assert observer().digest != Observer(Encoder(HashEmbedder(16)), MDP.actions).digest


def test_drawing_is_split_by_how_much_is_asked() -> None:
    (state,) = MDP.start([Task("Draw a cat.")])
    kinds = [kind_of(Command("word " * n, "generate")) for n in (3, 12, 99)]
    assert kinds == ["generate:0", "generate:1", "generate:4"]
    assert kind_of(Command("add " * 30, "add")) == "add"


def test_failed_attempts_are_remembered_for_the_current_command_alone() -> None:
    mdp = make(rules=replace(MDP.rules, threshold=1.0))  # nothing is ever satisfied
    mdp = replace(mdp, extractor=replace(mdp.extractor, threshold=1.0))
    (state,) = mdp.start([Task("Draw a cat. Make it blue.", seed=4)])
    slot = int(np.flatnonzero(mdp.mask([state])[0])[-1])
    expert = mdp.actions.slots[slot].expert
    (step,) = mdp.step([state], [mdp.actions.slot(expert)])
    assert step.after.tried == (expert,)
    seen = [step.after]
    while not seen[-1].ended:
        row = mdp.mask([seen[-1]])[0]
        seen.append(mdp.step([seen[-1]], [int(np.flatnonzero(row)[-1])])[0].after)
    pairs = list(zip(seen, seen[1:], strict=False))
    tried = [after.tried for before, after in pairs if after.plan.current != before.plan.current]
    assert tried and set(tried) == {()}
