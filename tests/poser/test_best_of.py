"""Best of N: the best in the critic's eyes is kept, everything is charged, the budget holds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.types import Failure
from poser.best_of import CHARGES, BestOf
from poser.policies.fixed import Fixed
from poser.policies.random import Random
from poser.rollout import rollout
from poser.types import Budget, InvalidAction, PoserError, Price, Task
from tests.poser.world import make

PROMPT = "Draw a cat. Make it blue. Add a hat. Remove the hat."
cases = settings(max_examples=20, deadline=None)


def all_legal(states, mask):
    return [[int(slot) for slot in np.flatnonzero(row)] for row in mask]


def tasks(count: int, **more) -> list[Task]:
    return [Task(PROMPT, seed=seed, id=str(seed), **more) for seed in range(count)]


@cases
@given(st.integers(0, 1000), st.integers(1, 6))
def test_it_keeps_the_best_of_what_the_transition_itself_gives(seed: int, n: int) -> None:
    mdp = make(3, 3)
    best, state = BestOf.of(mdp, n, all_legal), mdp.start([Task(PROMPT, seed=seed)])[0]
    for _ in range(2):
        slot = Random()([state], mdp.mask([state]))[0]
        if mdp.actions.slots[slot].expert is None:
            break
        left = state.task.budget.steps - state.spent.steps
        others = [k for k in all_legal([state], mdp.mask([state]))[0] if k != slot and mdp.actions.slots[k].expert]
        tried = [slot, *others][: min(n, left)]
        alone = [mdp.step([state], [k])[0] for k in tried]
        kept = best.step([state], [slot])[0]
        assert kept.after.value == max(step.after.value for step in alone)
        first = next(step for step in alone if step.after.value == kept.after.value)
        assert kept.action == first.action and kept.result == first.result
        assert kept.after.plan == first.after.plan and kept.after.turn == state.turn + 1
        assert kept.after.spent.steps == state.spent.steps + len(tried)
        assert kept.after.spent.usd == pytest.approx(state.spent.usd + 0.001 * len(tried))
        if kept.after.ended:
            break
        state = kept.after


def test_one_is_the_transition_itself() -> None:
    mdp = make()
    states = mdp.start(tasks(5))
    slots = Random()(states, mdp.mask(states))
    assert BestOf.of(mdp, 1, all_legal).step(states, slots) == mdp.step(states, slots)


@cases
@given(st.integers(1, 6), st.integers(1, 7))
def test_the_step_budget_is_never_exceeded_and_every_episode_ends(n: int, steps: int) -> None:
    mdp = BestOf.of(make(2, 4), n, all_legal)
    episodes = dict(rollout(mdp, Random(), tasks(4, budget=Budget(steps=steps))))
    assert len(episodes) == 4
    for whole in episodes.values():
        last = whole.steps[-1]
        assert last.after.spent.steps <= steps
        assert last.terminated or last.truncated
        assert last.truncated == (last.after.spent.steps >= steps and not last.terminated)


def test_dollars_are_never_exceeded_either() -> None:
    mdp = BestOf.of(make(4, 4, usd=0.1), 4, all_legal)
    episodes = dict(rollout(mdp, Random(), tasks(4, budget=Budget(usd=0.55))))
    spent = [whole.steps[-1].after.spent.usd for whole in episodes.values()]
    assert len(spent) == 4 and max(spent) <= 0.55 + 0.01  # the critic's cents come on top, in the transition too


def test_every_call_costs_its_terms_and_the_rest_is_the_kept_step_s() -> None:
    weights = {"progress": 1.0, "step": -0.1, "usd": -1.0, "price": -1.0, "failed": -2.0}
    mdp = replace(make(3, 0, usd=0.25), weights=weights)
    state = mdp.start([Task(PROMPT, seed=1, price=Price(usd=2.0))])[0]
    slots = [mdp.actions.slot(f"fake-draw-{k}") for k in (1, 2, 3)]
    alone = [mdp.step([state], [slot])[0] for slot in slots]
    kept = BestOf.of(mdp, 3, lambda states, mask: [slots] * len(states)).step([state], slots[:1])[0]
    best = max(alone, key=lambda step: step.after.value)
    for name, value in kept.reward.items():
        if name in CHARGES:
            assert value == pytest.approx(sum(step.reward[name] for step in alone))
        elif name != "total":
            assert value == best.reward[name]
    assert kept.reward["total"] == pytest.approx(sum(v for k, v in kept.reward.items() if k != "total"))


def test_a_failed_call_comes_last_is_charged_and_rests() -> None:
    def broken(request):
        return Failure("broken", "no") if request.prompt and request.seed % 2 else None

    mdp = make(4, 0, fail=broken, usd=0.5)
    seen = set()
    for state in mdp.start(tasks(12)):
        slots = [mdp.actions.slot(f"fake-draw-{k}") for k in (1, 2, 3, 4)]
        alone = [mdp.step([state], [slot])[0] for slot in slots]
        failed = {step.action.expert for step in alone if step.result and step.result.failure}
        kept = BestOf.of(mdp, 4, lambda states, mask, slots=slots: [slots]).step([state], slots[:1])[0]
        seen.add(len(failed))
        assert {name for name, _ in kept.after.down} == failed
        assert (kept.critique is None) == (len(failed) == 4)
        assert kept.after.spent.steps == 4
    assert len(seen) > 1


def test_illegal_choices_are_refused_and_illegal_proposals_let_go() -> None:
    mdp = make(redraw=False)
    wild = BestOf.of(mdp, 9, lambda states, mask: [[0, 99, -1, *range(mask.shape[1])]] * len(states))
    state = mdp.start([Task(PROMPT)])[0]
    legal = int(mdp.mask([state])[0].sum())
    slot = mdp.actions.slot("fake-draw-1")
    step = wild.step([replace(state, task=replace(state.task, budget=Budget(99)))], [slot])[0]
    assert step.after.spent.steps == legal
    with pytest.raises(InvalidAction, match="not legal"):
        wild.step([state], [0])
    with pytest.raises(InvalidAction, match="not legal"):
        wild.step([state], [99])
    with pytest.raises(PoserError, match="best of 0"):
        BestOf.of(mdp, 0, all_legal)
    assert wild.step([], []) == []


def test_stop_is_tried_alone() -> None:
    mdp = make()
    best = BestOf.of(mdp, 3, all_legal)
    drawn = best.step(mdp.start([Task(PROMPT)]), [1])[0].after
    step = best.step([drawn], [0])[0]
    assert step.terminated and step.after.spent == drawn.spent and step.result is None


def test_looking_is_worth_something_in_the_critic_s_eyes() -> None:
    mdp = make(4, 4)
    policy = Fixed("one", tuple(mdp.actions.slot(name) for name in ("fake-tint-1", "fake-draw-1")))
    budget = Budget(steps=24)

    def mean(transition) -> float:
        return float(
            np.mean([t.steps[-1].after.value for _, t in rollout(transition, policy, tasks(30, budget=budget))])
        )

    best = mean(BestOf.of(mdp, 4, all_legal))
    assert not math.isnan(best) and best > mean(mdp) + 0.02
