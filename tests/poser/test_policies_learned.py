"""Table, bandit, planner, abstention: legal choices, files that cannot harm, and what each of them claims."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poser import policies
from poser.learned.abstain import Abstain
from poser.learned.embedders import HashEmbedder
from poser.learned.observation import Encoder
from poser.mdp import MDP
from poser.policies import bandit, table
from poser.policies.fixed import Fixed
from poser.policies.random import Random
from poser.rollout import rollout
from poser.types import Budget, PoserError, Step, Task
from tests.poser.world import make

PROMPTS = ("Draw a cat. Make it blue. Add a hat.", "A dog. Remove the dog. Change the background to red. Add a hat.")


def tasks(count: int, start: int = 0) -> list[Task]:
    return [Task(PROMPTS[k % 2], seed=start + k, id=str(start + k)) for k in range(count)]


def steps_of(mdp: MDP, policy, count: int = 12) -> list[Step]:  # noqa: ANN001
    return [step for _, whole in rollout(mdp, policy, tasks(count)) for step in whole.steps]


# table


def test_the_table_takes_the_expert_of_the_kind_and_of_where_drawing_is_legal() -> None:
    mdp = make()
    choices = {
        "draw": {"*": "fake-draw-2", "add": "fake-tint-2", "recolour": "fake-tint-1"},
        "edit": {"*": "fake-tint-1", "add": "fake-tint-2"},
    }
    seen = {(s.before.plan.current.verb, s.action.expert) for s in steps_of(mdp, table.make(choices, mdp.actions))}
    assert ("generate", "fake-draw-2") in seen and ("add", "fake-tint-2") in seen
    assert all(expert == "fake-tint-2" for verb, expert in seen if verb == "add")
    assert all(expert == "fake-draw-2" for verb, expert in seen if verb not in ("add", "recolour"))


def test_fit_finds_the_expert_that_gains_most_a_kind() -> None:
    mdp = make()
    steps = [s for s in steps_of(mdp, Random(), 20) if s.action.scope == "current" and s.action.expert]
    loved = {"add": "fake-tint-1", "generate": "fake-draw-2"}

    def gained(step: Step) -> Step:
        best = loved.get(step.before.plan.current.verb) == step.action.expert
        return replace(step, after=replace(step.after, value=step.before.value + (0.5 if best else 0.0)))

    found = table.fit(map(gained, steps), mdp.actions)
    assert found["draw"]["add"] == "fake-tint-1"
    assert all(expert == "fake-draw-2" for kind, expert in found["draw"].items() if kind.startswith("generate"))
    assert found["edit"] == {}  # these tasks began without a picture: drawing anew is always legal


def test_a_table_round_trips_and_a_bad_one_is_one_line(tmp_path: Path) -> None:
    actions = make().actions
    choices = {"draw": {"*": "fake-draw-1"}, "edit": {"*": "fake-tint-2"}}
    table.save(choices, tmp_path / "best.json")
    policy = policies.load(f"table:{tmp_path / 'best.json'}", actions)
    assert policy.choices == choices and policy.id.startswith("table:best@")
    for text, word in (
        ("nonsense", "is no table"),
        ('{"format": 2}', "format 1"),
        ('{"format": 1, "draw": {}}', "'edit'"),
        ('{"format": 1, "draw": {"*": "fake-drw-1"}, "edit": {}}', "fake-draw-1"),
        ("[" * 100_000, "is no table"),
    ):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(PoserError, match=word) as caught:
            policies.load(f"table:{tmp_path / 'bad.json'}", actions)
        assert "\n" not in str(caught.value)
    with pytest.raises(PoserError, match="table:FILE"):
        policies.load("table:", actions)


# bandit


def learner(mdp: MDP, calls: int = 150, seed: int = 0) -> bandit.Learner:
    made = bandit.Learner(Encoder(HashEmbedder(), ("attempts", "has_image")), mdp.actions, calls, seed)
    endless = (task for k in range(10_000) for task in tasks(1, k))
    for _ in rollout(mdp, made, endless, 4, made.learn):
        if made.done:
            break
    return made


def test_ridge_is_the_textbook_solution_in_both_forms_and_leaves_the_bias_alone() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=5)
    for count in (4, 60):
        rows = rng.normal(size=(count, 5))
        rewards = rows @ truth + 3.0
        weights, bias = bandit.ridge(rows, rewards, 0.5)
        x, y = rows - rows.mean(axis=0), rewards - rewards.mean()
        assert np.allclose(weights, np.linalg.solve(x.T @ x + 0.5 * np.eye(5), x.T @ y))
        assert np.isclose((rows @ weights + bias).mean(), rewards.mean())
    assert np.allclose(weights, truth, atol=0.1)


def test_it_learns_which_expert_pays_and_twice_the_same() -> None:
    mdp = make()
    cards = {k: replace(c, usd=0.0 if k.endswith("2") else 0.05) for k, c in mdp.actions.cards.items()}
    paying = {"usd": -10.0}  # reward: an expert's price alone
    mdp = replace(mdp, weights=paying, actions=replace(mdp.actions, cards=cards), pool=Priced(mdp.pool, cards))
    one, two = learner(mdp), learner(mdp)
    assert np.array_equal(one.policy.weights, two.policy.weights) and one.policy.id == two.policy.id
    assert one.seen == 150
    chosen = [step.action.expert for step in steps_of(mdp, one.policy) if step.action.expert]
    assert chosen and all(name.endswith("2") for name in chosen)


class Priced:
    """A pool whose pictures cost what the cards say."""

    def __init__(self, pool, cards) -> None:  # noqa: ANN001
        self.pool, self.cards = pool, cards

    def run(self, jobs):  # noqa: ANN001, ANN201
        return [replace(r, usd=self.cards[j.expert].usd) for j, r in zip(jobs, self.pool.run(jobs), strict=True)]


def test_it_explores_legally_at_first_and_hardly_at_the_end() -> None:
    mdp = make(redraw=False)
    made = bandit.Learner(
        Encoder(HashEmbedder()), mdp.actions, 10, exploration_initial_eps=1.0, exploration_final_eps=0.0
    )
    states = mdp.start(tasks(200))
    mask = mdp.mask(states)
    early = made(states, mask)
    assert all(row[slot] for row, slot in zip(mask, early, strict=True)) and len(set(early)) == mask[0].sum()
    made.seen = 10
    assert made(states, mask) == made.policy(states, mask)


def test_a_bandit_round_trips_and_survives_the_loss_of_an_expert(tmp_path: Path) -> None:
    mdp = make(2, 3)
    made = learner(mdp, 80)
    folder = made.save(tmp_path / "b")
    states = mdp.start(tasks(6)) + [step.after for step in steps_of(mdp, Random(), 4) if not step.after.ended]
    mask = mdp.mask(states)
    policy = policies.load(f"bandit:{folder}", mdp.actions)
    assert policy.id.startswith("bandit:b@") and policy(states, mask) == made.policy(states, mask)
    assert np.isneginf(policy.values(states, mask)[~mask]).all()
    fewer = make(2, 2)
    small = policies.load(f"bandit:{folder}", fewer.actions)
    keep = [mdp.actions.slots.index(action) for action in fewer.actions.slots]
    assert np.allclose(small.values(states, mask[:, keep]), policy.values(states, mask)[:, keep])
    with pytest.raises(PoserError, match="never learned about fake-tint-4"):
        policies.load(f"bandit:{folder}", make(2, 4).actions)


def test_a_damaged_bandit_is_one_line(tmp_path: Path) -> None:
    mdp = make()
    folder = learner(mdp, 20).save(tmp_path / "b")
    about = json.loads((folder / bandit.ABOUT).read_text())
    for change in ({"format": 9}, {"encoder": "0" * 64}, {"slots": ["stop"]}, {"embedder": {"name": "no", "model": 1}}):
        (folder / bandit.ABOUT).write_text(json.dumps(about | change))
        with pytest.raises(PoserError) as caught:
            policies.load(f"bandit:{folder}", mdp.actions)
        assert "\n" not in str(caught.value)
    (folder / bandit.ABOUT).write_text(json.dumps(about))
    (folder / bandit.WEIGHTS).write_bytes(b"\xff" * 64)
    with pytest.raises(PoserError, match="bandit:FOLDER"):
        policies.load(f"bandit:{folder}", mdp.actions)
    with pytest.raises(PoserError, match="bandit:FOLDER"):
        policies.load("bandit:", mdp.actions)


# abstention


class Sure:
    """Predicts the same return for every legal slot, takes the last."""

    id = "sure"

    def __init__(self, worth: float) -> None:
        self.worth = worth

    def values(self, states, mask):  # noqa: ANN001, ANN201
        return np.where(mask, self.worth, -np.inf)

    def __call__(self, states, mask):  # noqa: ANN001, ANN204
        return [int(np.flatnonzero(row)[-1]) for row in mask]


@pytest.mark.parametrize(("worth", "below", "abstains"), [(1.5, 0.5, False), (1.4, 0.5, True), (-1.0, 0.0, False)])
def test_it_abstains_where_the_predicted_share_of_what_is_pending_is_low(worth, below, abstains) -> None:  # noqa: ANN001
    mdp = make()
    states = mdp.start([Task(PROMPTS[0], seed=k) for k in range(3)])
    mask, pending = mdp.mask(states), len(states[0].plan.pending)
    assert pending == 3
    other = Fixed("fixed:x", (mdp.actions.slot("fake-draw-1"),))
    policy = Abstain(Sure(worth), other, below)
    assert policy(states, mask) == (other if abstains else Sure(worth))(states, mask)
    assert policy.confidence(states, mask) == pytest.approx([min(1, max(0, worth / 3))] * 3)


def test_each_state_abstains_by_itself() -> None:
    mdp = make()
    states = mdp.start([Task("A dog."), Task(PROMPTS[0])])
    mask = mdp.mask(states)
    other = Fixed("fixed:x", (mdp.actions.slot("fake-draw-1"),))
    assert Abstain(Sure(0.9), other, 0.5)(states, mask) == [Sure(0)(states, mask)[0], other(states, mask)[1]]


def test_abstention_is_a_wrapper() -> None:
    mdp = make()
    with pytest.raises(PoserError, match="no such policy"):
        policies.load("abstain:x", mdp.actions)
    with pytest.raises(PoserError, match="in it"):
        Abstain(Sure(1), Random(), 1.5)
    policy = Abstain(Sure(1.0), Random(), 0.9)
    assert policy.id == "sure|0.9|random"
    budget = Budget(3)
    assert all(t.steps for _, t in rollout(mdp, policy, [replace(t, budget=budget) for t in tasks(3)]))
