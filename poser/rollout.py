"""Many episodes at once: a free seat is refilled at once. Used by the API, the CLI and the benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from poser.mdp import MDP
from poser.types import Plan, Policy, State, Step, Task, Trajectory


@dataclass
class _Seat:
    number: int
    state: State
    plan: Plan
    steps: list[Step] = field(default_factory=list)


def _seated(mdp: MDP, entries: Sequence[tuple[int, Task]], begun: Mapping[int, Trajectory]) -> list[_Seat]:
    """A seat a task: after the last step where it was begun, otherwise with its first plan, all planned together."""
    fresh = [(number, task) for number, task in entries if number not in begun or not begun[number].steps]
    states = iter(mdp.start([task for _, task in fresh]))
    first = {number: next(states) for number, _ in fresh}
    past = {number: begun[number] for number, _ in entries if number not in first}
    return [
        _Seat(number, first[number], first[number].plan)
        if number in first
        else _Seat(number, past[number].steps[-1].after, past[number].plan, list(past[number].steps))
        for number, _ in entries
    ]


def rollout(
    mdp: MDP,
    policy: Policy,
    tasks: Iterable[Task],
    seats: int = 16,
    on_step: Callable[[int, Step], None] | None = None,
    on_start: Callable[[int, Trajectory], None] | None = None,
    begun: Mapping[int, Trajectory] | None = None,
    config: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
) -> Iterator[tuple[int, Trajectory]]:
    """Plays every task to its end and yields (number of the task, trajectory) as episodes end.

    `tasks` may be a queue that goes on for ever; at most `seats` episodes are open. `on_start` sees each trajectory as
    it begins (or goes on), `on_step` each step as it is made. `begun` holds unfinished trajectories by task number:
    they go on from their last step.
    """
    source = enumerate(tasks)
    open_seats: list[_Seat] = []

    def finish(seat: _Seat) -> tuple[int, Trajectory]:
        told = dict(config or {}), dict(versions or {})
        steps = tuple(seat.steps)
        return seat.number, Trajectory(seat.state.task, steps, policy.id, mdp.actions.digest, *told, seat.plan)

    while True:
        while len(open_seats) < seats and (entries := list(islice(source, seats - len(open_seats)))):
            for seat in _seated(mdp, entries, begun or {}):
                if on_start:
                    on_start(*finish(seat))
                if seat.state.ended or seat.state.plan.current is None:
                    yield finish(seat)
                else:
                    open_seats.append(seat)
        if not open_seats:
            return
        states = [seat.state for seat in open_seats]
        mask = mdp.mask(states)
        steps = mdp.step(states, policy(states, mask), mask)
        for seat, step in zip(open_seats, steps, strict=True):
            seat.steps.append(step)
            seat.state = step.after
            if on_step:
                on_step(seat.number, step)
        done = [seat for seat in open_seats if seat.state.ended]
        open_seats = [seat for seat in open_seats if not seat.state.ended]
        yield from map(finish, done)
