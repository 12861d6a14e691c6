"""Seats: episodes come and go while others play; who shares the table changes nothing; an exception costs one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poser.policies.random import Random
from poser.rollout import rollout
from poser.seats import Played, Seats
from poser.types import PoserError, State, Task, Trajectory
from tests.poser.world import PICTURE, PROMPTS, make

TASKS = {k: Task(PROMPTS[k % len(PROMPTS)], PICTURE if k % 2 else None, seed=k) for k in range(6)}


class Fussy:
    """Chooses at random, and raises for the task of one seed."""

    id = "fussy"

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, states: Sequence[State], mask: Any) -> list[int]:
        """Legal slots."""
        if any(state.task.seed == self.seed for state in states):
            raise ZeroDivisionError("not this one")
        return Random()(states, mask)


def finish(seats: Seats) -> dict[int, Played]:
    """Plays all to their end."""
    over = {}
    while len(seats):
        over |= {played.number: played for played in seats.step()}
    return over


def alone(number: int) -> Trajectory:
    """The same task with nobody beside it."""
    seats = Seats(make(), Random())
    over = {played.number: played for played in seats.add({number: TASKS[number]})}
    return (over | finish(seats))[number].trajectory


@settings(max_examples=15, deadline=None)
@given(st.permutations(list(TASKS)), st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_who_shares_the_table_changes_nothing(order: list[int], waits: list[int]) -> None:
    seats, over = Seats(make(), Random()), dict[int, Played]()
    for number, wait in zip(order, waits, strict=True):
        over |= {played.number: played for played in seats.add({number: TASKS[number]})}
        for _ in range(wait):
            over |= {played.number: played for played in seats.step()}
    over |= finish(seats)
    assert {number: played.trajectory.steps for number, played in over.items()} == {
        number: alone(number).steps for number in TASKS
    }


def test_an_exception_costs_the_episode_that_it_comes_from() -> None:
    seats = Seats(make(), Fussy(2))
    over = {played.number: played for played in seats.add(TASKS)} | finish(seats)
    assert {number for number, played in over.items() if played.error} == {2}
    assert isinstance(over[2].error, ZeroDivisionError) and not over[2].trajectory.steps
    assert over[3].trajectory.steps == alone(3).steps


def test_a_task_that_cannot_begin_is_over_at_once() -> None:
    seats = Seats(make(), Random())
    over = {played.number: played for played in seats.add({7: Task(" "), 1: TASKS[1]})}
    assert isinstance(over[7].error, PoserError) and 1 in (*seats.numbers, *over)


def test_a_dropped_episode_leaves_its_seat() -> None:
    seats = Seats(make(), Random())
    seats.add(TASKS)
    first = seats.numbers[0]
    before = len(seats)
    seats.step()
    dropped = seats.drop(first)
    if dropped is not None:
        assert len(dropped.steps) == 1 and first not in seats.numbers and len(seats) < before
    assert seats.drop(99) is None


def test_callbacks_see_what_is_played() -> None:
    begun, steps = [], []
    seats = Seats(make(), Random(), lambda n, step: steps.append(n), lambda n, whole: begun.append(n))
    over = {played.number: played for played in seats.add(TASKS)} | finish(seats)
    assert sorted(begun) == list(TASKS)
    assert {n: steps.count(n) for n in TASKS} == {n: len(over[n].trajectory.steps) for n in TASKS}


def test_a_rollout_gives_what_ended_before_it_raises() -> None:
    given = []
    with pytest.raises(ZeroDivisionError):
        for number, _ in rollout(make(), Fussy(5), TASKS.values(), 2):
            given.append(number)
    assert len(given) >= 3


def test_ctrl_c_is_no_episodes_fault() -> None:
    class Interrupted:
        id = "interrupted"

        def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
            raise KeyboardInterrupt

    seats = Seats(make(), Interrupted())
    seats.add(TASKS)
    with pytest.raises(KeyboardInterrupt):
        seats.step()
    assert len(seats) == len(TASKS)
