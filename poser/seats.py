"""Open episodes of one transition: add a task, step all of them together, drop one. Everything that plays goes over it.

An exception costs the episode that it comes from and no other: where a joint step raises, each episode takes it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from poser.mdp import MDP
from poser.protocols import Policy
from poser.types import Plan, State, Step, Task, Trajectory

OnStep = Callable[[int, Step], None]
OnStart = Callable[[int, Trajectory], None]


@dataclass
class _Seat:
    number: int
    state: State
    plan: Plan
    steps: list[Step] = field(default_factory=list)


class Played(NamedTuple):
    """An episode that is over: its number, what was played, and the exception that ended it, if one did."""

    number: int
    trajectory: Trajectory
    error: Exception | None = None


class Seats:
    """Episodes that are stepped together.

    Args:
        mdp, policy: the transition, and who chooses.
        on_start: sees each trajectory as it begins or goes on; on_step: each step as it is made.
        config, versions: written into the trajectories.
    """

    def __init__(
        self,
        mdp: MDP,
        policy: Policy,
        on_step: OnStep | None = None,
        on_start: OnStart | None = None,
        config: Mapping[str, Any] | None = None,
        versions: Mapping[str, str] | None = None,
    ) -> None:
        self.mdp, self.policy = mdp, policy
        self._on_step, self._on_start = on_step, on_start
        self._told = dict(config or {}), dict(versions or {})
        self._open: list[_Seat] = []

    def __len__(self) -> int:
        """Open episodes."""
        return len(self._open)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Those of the open episodes."""
        return tuple(seat.number for seat in self._open)

    def add(self, tasks: Mapping[int, Task], begun: Mapping[int, Trajectory] | None = None) -> list[Played]:
        """Opens an episode a task, by number; all first plans are made together.

        `begun`: trajectories by number that go on from their last step. Gives those that are over at once: nothing to
        do, or a task that cannot begin.
        """
        past = {number: whole for number, whole in (begun or {}).items() if number in tasks and whole.steps}
        fresh = [number for number in tasks if number not in past]
        over, first = list[Played](), dict[int, State]()
        for numbers, states, error in _alone(fresh, lambda part: self.mdp.start([tasks[n] for n in part])):
            if error is not None:
                over.append(
                    Played(
                        numbers[0], self._trajectory(_Seat(numbers[0], State(tasks[numbers[0]], Plan()), Plan())), error
                    )
                )
            else:
                first |= dict(zip(numbers, states, strict=True))
        for number in tasks:
            if number in past:
                seat = _Seat(number, past[number].steps[-1].after, past[number].plan, list(past[number].steps))
            elif number in first:
                seat = _Seat(number, first[number], first[number].plan)
            else:
                continue
            if self._on_start:
                self._on_start(number, self._trajectory(seat))
            if seat.state.ended or seat.state.plan.current is None:
                over.append(Played(number, self._trajectory(seat)))
            else:
                self._open.append(seat)
        return over

    def step(self) -> list[Played]:
        """One step of every open episode; gives those that are over with it."""
        over = list[Played]()
        for seats, steps, error in _alone(self._open, self._steps):
            if error is not None:
                over.append(Played(seats[0].number, self._trajectory(seats[0]), error))
                continue
            for seat, step in zip(seats, steps, strict=True):
                seat.steps.append(step)
                seat.state = step.after
                if self._on_step:
                    self._on_step(seat.number, step)
            over += [Played(seat.number, self._trajectory(seat)) for seat in seats if seat.state.ended]
        gone = {played.number for played in over}
        self._open = [seat for seat in self._open if seat.number not in gone]
        return over

    def drop(self, number: int) -> Trajectory | None:
        """Ends an episode where it stands and gives what was played; None where it is not open."""
        found = next((seat for seat in self._open if seat.number == number), None)
        self._open = [seat for seat in self._open if seat is not found]
        return self._trajectory(found) if found else None

    def _steps(self, seats: Sequence[_Seat]) -> list[Step]:
        states = [seat.state for seat in seats]
        mask = self.mdp.mask(states)
        return self.mdp.step(states, self.policy(states, mask), mask)

    def _trajectory(self, seat: _Seat) -> Trajectory:
        steps = tuple(seat.steps)
        return Trajectory(seat.state.task, steps, self.policy.id, self.mdp.actions.digest, *self._told, seat.plan)


def _alone(
    items: Sequence[Any], work: Callable[[Sequence[Any]], list[Any]]
) -> list[tuple[Sequence[Any], list[Any], Exception | None]]:
    """(items, results, None) of all together; where that raises, of each alone, with the exception of those that do."""
    if not items:
        return []
    try:
        return [(items, work(items), None)]
    except Exception as error:
        if len(items) == 1:
            return [(items, [], error)]
    return [row for item in items for row in _alone([item], work)]
