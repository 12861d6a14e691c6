"""Many episodes at once: a free seat is refilled at once. Used by the API, the CLI and the benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from poser.mdp import MDP
from poser.types import Policy, State, Step, Task, Trajectory


@dataclass
class _Seat:
    number: int
    state: State
    steps: list[Step] = field(default_factory=list)


def rollout(
    mdp: MDP,
    policy: Policy,
    tasks: Iterable[Task],
    seats: int = 16,
    on_step: Callable[[int, Step], None] | None = None,
    begun: Mapping[int, Trajectory] | None = None,
    config: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
) -> Iterator[tuple[int, Trajectory]]:
    """Plays every task to its end and yields (number of the task, trajectory) as episodes end.

    `tasks` may be a queue that goes on for ever; at most `seats` episodes are open. `on_step` sees each step as it is
    made. `begun` holds unfinished trajectories by task number: they go on from their last step.
    """
    source = enumerate(tasks)
    open_seats: list[_Seat] = []

    def finish(seat: _Seat) -> tuple[int, Trajectory]:
        record = Trajectory(
            seat.state.task, tuple(seat.steps), policy.id, mdp.actions.digest, dict(config or {}), dict(versions or {})
        )
        return seat.number, record

    while True:
        while len(open_seats) < seats and (entry := next(source, None)) is not None:
            number, task = entry
            past = list(begun[number].steps) if begun and number in begun else []
            seat = _Seat(number, past[-1].after if past else mdp.start([task])[0], past)
            if seat.state.ended or seat.state.plan.current is None:
                yield finish(seat)
            else:
                open_seats.append(seat)
        if not open_seats:
            return
        states = [seat.state for seat in open_seats]
        steps = mdp.step(states, policy(states, mdp.mask(states)))
        for seat, step in zip(open_seats, steps, strict=True):
            seat.steps.append(step)
            seat.state = step.after
            if on_step:
                on_step(seat.number, step)
        done = [seat for seat in open_seats if seat.state.ended]
        open_seats = [seat for seat in open_seats if not seat.state.ended]
        yield from map(finish, done)
