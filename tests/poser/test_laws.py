"""The laws of the design, as properties of `MDP.step`, `ActionSet` and `rollout`.

Tasks differ in their seeds: the pool makes identical requests of one run once, and charges them once.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.types import Failure, image_digest
from poser.mdp import MDP, Rules
from poser.policies.random import Random
from poser.rollout import rollout
from poser.types import Budget, InvalidAction, PoserError, State, Step, Task
from tests.poser.world import PICTURE, PROMPTS, make

tasks = st.builds(
    Task,
    prompt=st.sampled_from(PROMPTS),
    image=st.sampled_from([None, PICTURE]),
    seed=st.integers(0, 2**31 - 1),
    budget=st.builds(Budget, steps=st.integers(1, 6), usd=st.sampled_from([0.25, 1e9])),
)
cases = settings(max_examples=25, deadline=None)


def play(mdp: MDP, given_tasks: list[Task], seats: int = 4) -> list[list[Step]]:
    found = dict(rollout(mdp, Random(), given_tasks, seats))
    return [list(found[k].steps) for k in range(len(given_tasks))]


def reach(mdp: MDP, task: Task, turns: int) -> State:
    """A state some random steps into an episode, not ended where that can be."""
    state = mdp.start([task])[0]
    for _ in range(turns):
        after = mdp.step([state], Random()([state], mdp.mask([state])))[0].after
        if after.ended:
            break
        state = after
    return state


@cases
@given(
    st.lists(st.tuples(tasks, st.integers(0, 3)), min_size=2, max_size=5, unique_by=lambda case: case[0].seed),
    st.randoms(use_true_random=False),
)
def test_batch_order_and_repeat(cases_: list[tuple[Task, int]], shuffler: object) -> None:
    mdp = make()
    states = [reach(mdp, task, turns) for task, turns in cases_]
    slots = Random()(states, mdp.mask(states))
    whole = mdp.step(states, slots)
    assert whole == mdp.step(states, slots)
    assert whole == mdp.step(states[:1], slots[:1]) + mdp.step(states[1:], slots[1:])
    order = list(range(len(states)))
    shuffler.shuffle(order)  # type: ignore[attr-defined]
    assert [whole[k] for k in order] == mdp.step([states[k] for k in order], [slots[k] for k in order])


@cases
@given(tasks, st.integers(0, 4))
def test_mask_is_obeyed_and_never_empty(task: Task, turns: int) -> None:
    mdp = make(redraw=False)
    state = reach(mdp, task, turns)
    mask = mdp.mask([state])[0]
    assert mask.any()
    for slot in np.flatnonzero(~mask):
        with pytest.raises(InvalidAction, match="not legal"):
            mdp.step([state], [int(slot)])
    for slot in np.flatnonzero(mask):
        action = mdp.actions.slots[slot]
        if action.expert is not None:
            assert (mdp.actions.cards[action.expert].mode == "image-to-image") == (state.image is not None)


def test_mask_of_an_ended_state_is_empty() -> None:
    mdp = make()
    steps = play(mdp, [Task("A dog.", budget=Budget(steps=1))])[0]
    assert not mdp.mask([steps[-1].after]).any()


@cases
@given(st.lists(tasks, min_size=1, max_size=4))
def test_budget_spending_only_grows_and_every_episode_ends(given_tasks: list[Task]) -> None:
    for task, steps in zip(given_tasks, play(make(usd=0.1), given_tasks), strict=True):
        assert steps[-1].terminated or steps[-1].truncated
        assert steps[-1].after.spent.steps <= task.budget.steps
        for step in steps:
            assert step.after.spent.usd >= step.before.spent.usd
            assert step.after.spent.seconds >= step.before.spent.seconds
            assert step.before.spent.usd <= task.budget.usd


@cases
@given(st.lists(tasks, min_size=1, max_size=6, unique_by=lambda task: task.seed), st.integers(1, 6))
def test_seats_change_nothing(given_tasks: list[Task], seats: int) -> None:
    assert play(make(), given_tasks, seats) == play(make(), given_tasks, 1)


@cases
@given(tasks)
def test_failure_changes_no_pixel_is_charged_and_masks_the_expert(task: Task) -> None:
    broken = make(fail=lambda request: Failure("timeout", "too slow"))
    state = make().start([task])[0]
    slot = int(np.flatnonzero(broken.mask([state])[0])[-1])
    step = broken.step([state], [slot])[0]
    if step.action.expert is None:
        return
    assert step.result is not None and step.result.failure is not None and step.critique is None
    assert step.after.image is state.image and step.after.plan == state.plan and not step.accepted
    assert step.after.spent.steps == state.spent.steps + 1
    if not step.after.ended:
        row = broken.mask([step.after])[0]
        same = [k for k, a in enumerate(broken.actions.slots) if a.expert == step.action.expert]
        assert not row[same].any() and row.any()


@cases
@given(st.lists(tasks, min_size=1, max_size=4))
def test_guard_delivers_the_best_picture_seen(given_tasks: list[Task]) -> None:
    for steps in play(make(), given_tasks):
        values = [steps[0].before.value] + [step.after.value for step in steps]
        assert values == sorted(values)
        for step in steps:
            if step.request is not None and not step.accepted and step.before.image is not None:
                assert image_digest(step.after.image) == image_digest(step.before.image)  # type: ignore[arg-type]


def test_without_the_guard_a_worse_picture_is_taken() -> None:
    given_tasks = [Task(PROMPTS[1], seed=seed) for seed in range(12)]
    free = play(make(rules=Rules(guard=False)), given_tasks)
    assert any(step.after.value < step.before.value for steps in free for step in steps)


def test_no_verdict_keeps_the_picture_and_is_never_a_zero() -> None:
    mdp = make()
    state = mdp.start([Task("Do something silent. Add a hat.", image=PICTURE)])[0]
    step = mdp.step([state], [int(np.flatnonzero(mdp.mask([state])[0])[1])])[0]
    assert step.critique is not None and np.isnan(step.critique.score)
    assert step.after.image is PICTURE and step.after.value == state.value and step.reward["score"] == 0.0


def test_interrupted_episodes_go_on_to_the_same_end() -> None:
    mdp, task = make(), Task(PROMPTS[4], seed=5)
    ((_, whole),) = rollout(mdp, Random(), [task])
    assert len(whole.steps) > 2
    for cut in range(len(whole.steps)):
        begun = {0: replace(whole, steps=whole.steps[:cut])} if cut else None
        ((_, again),) = rollout(mdp, Random(), [task], begun=begun)
        assert again == whole


def test_an_empty_prompt_is_an_error() -> None:
    with pytest.raises(PoserError, match="empty"):
        make().start([Task("  \n")])
