"""One thread that plays every caller's episodes together, over `Seats`. Anybody may submit, from any thread.

The queue is bounded; whoever finds it full is told when to come back. A cancelled episode frees its seat before the
next step. What an episode comes to does not depend on who sits beside it (law 1).
"""

from __future__ import annotations

import itertools
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from poser.agent import Poser
from poser.seats import Played, Seats
from poser.types import PoserError, Step, Task, Trajectory
from poser.versions import versions

Event = Trajectory | Step | Played
"""What a caller is told: the trajectory with its plan, each step, and `Played` as the last, always and once."""
Tell = Callable[[Event], None]
LATEST = 60.0
"""Longest time after which a refused caller is told to come back, s."""
log = logging.getLogger("poser.serve")


class Busy(PoserError):
    """The queue is full. `retry_after`: when there should be room, s."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"the queue is full; try again in {retry_after} s")
        self.retry_after = retry_after


class Stopping(PoserError):
    """The engine is closing, or the caller went away: the episode ends where it stands."""


@dataclass(eq=False)
class Ride:
    """An episode that a caller waits for. `tell` is called from the engine's thread and must be quick."""

    model: str
    task: Task
    tell: Tell
    cancelled: bool = False


class Engine:
    """Plays tasks of several agents, at most `seats` at once; at most `backlog` more wait.

    Args:
        agents: by the name of their model.
        seats, backlog: episodes, >= 1.
    """

    def __init__(self, agents: Mapping[str, Poser], seats: int = 16, backlog: int = 32) -> None:
        self.agents, self.seats, self.backlog = dict(agents), seats, backlog
        self.turns = 0
        self.pace = 1.0
        """Seconds an ended episode while the engine works, a moving mean."""
        self._waiting: deque[Ride] = deque()
        self._playing: dict[int, Ride] = {}
        self._numbers = itertools.count()
        self._rooms = {name: self._room(agent) for name, agent in self.agents.items()}
        self._change = threading.Condition()
        self._last = math.inf
        self._worked, self._due = 0.0, 0.0
        self._thread = threading.Thread(target=self._run, name="poser engine", daemon=True)
        self._thread.start()

    def _room(self, agent: Poser) -> Seats:
        told = agent.config.dump(), versions()
        return Seats(agent.mdp, agent.policy, self._tell, self._tell, *told)

    @property
    def waiting(self) -> int:
        """Episodes that wait for a seat."""
        return len(self._waiting)

    @property
    def playing(self) -> int:
        """Episodes that have a seat."""
        return len(self._playing)

    def submit(self, model: str, tasks: Sequence[Task], tells: Sequence[Tell]) -> list[Ride]:
        """Queues one episode a task, all of them or none.

        Raises Busy, with the time to come back; Stopping; PoserError for more tasks than could ever be queued.
        """
        rides = [Ride(model, task, tell) for task, tell in zip(tasks, tells, strict=True)]
        with self._change:
            if not math.isinf(self._last):
                raise Stopping("the server is stopping; try again later")
            if len(rides) > self.backlog:
                raise PoserError(
                    f"{len(rides)} pictures are more than the {self.backlog} that may wait here; ask fewer"
                )
            lacks = len(self._waiting) + len(rides) - self.backlog
            if lacks > 0:
                raise Busy(self._place(lacks, len(rides)))
            self._waiting.extend(rides)
            self._change.notify()
        return rides

    def _place(self, lacks: int, count: int) -> int:
        """When `count` more find room, whole seconds: behind those who were told a time before."""
        now = time.monotonic()
        self._due = min(max(now + lacks * self.pace, self._due + count * self.pace), now + LATEST)
        return max(1, math.ceil(self._due - now))

    def cancel(self, rides: Sequence[Ride]) -> None:
        """Nobody waits for these any more: their places are free before the next step. Ended ones stay as they are."""
        with self._change:
            for ride in rides:
                ride.cancelled = True
            gone = [ride for ride in self._waiting if ride.cancelled]
            self._waiting = deque(ride for ride in self._waiting if not ride.cancelled)
            self._change.notify()
        for ride in gone:
            _told(ride, Played(-1, Trajectory(ride.task, (), "", ""), Stopping("cancelled")))

    def close(self, grace: float = 0.0) -> None:
        """Takes nothing more; what waits ends now, what plays has `grace` seconds to end. Returns when all is over."""
        with self._change:
            self._last = time.monotonic() + grace
            waiting, self._waiting = self._waiting, deque()
            self._change.notify()
        for ride in waiting:
            _told(ride, Played(-1, Trajectory(ride.task, (), "", ""), Stopping("the server is stopping")))
        self._thread.join()

    def _run(self) -> None:
        while (fresh := self._next()) is not None:
            began = time.monotonic()
            try:
                over = self._turn(fresh)
            except Exception as error:  # no episode's fault: all of them end, the engine goes on
                log.exception("a turn failed")
                over = [self._dropped(number, error) for number in list(self._playing)]
            for played in over:
                _told(self._playing.pop(played.number), played)
            self._measured(time.monotonic() - began, len(over))
        for number in list(self._playing):
            played = self._dropped(number, Stopping("the server stopped before the end"))
            _told(self._playing.pop(number), played)

    def _next(self) -> dict[int, Ride] | None:
        """The waiting episodes that get a seat now, once there is anything to do; None at the end."""
        with self._change:
            while not self._waiting and not self._playing and math.isinf(self._last):
                self._change.wait()
            if time.monotonic() >= self._last or (not math.isinf(self._last) and not self._playing):
                return None
            free = self.seats - sum(not ride.cancelled for ride in self._playing.values())
            fresh = [self._waiting.popleft() for _ in range(min(free, len(self._waiting)))]
            return {next(self._numbers): ride for ride in fresh}

    def _turn(self, fresh: Mapping[int, Ride]) -> list[Played]:
        """Those who left are let out, those who wait are let in, everybody makes a step; gives who is done."""
        self.turns += 1
        over = [self._dropped(n, Stopping("cancelled")) for n, ride in list(self._playing.items()) if ride.cancelled]
        self._playing |= fresh
        for name, room in self._rooms.items():
            tasks = {number: ride.task for number, ride in fresh.items() if ride.model == name}
            over += room.add(tasks) if tasks else []
            over += room.step() if len(room) else []
        return over

    def _dropped(self, number: int, error: Exception) -> Played:
        ride = self._playing[number]
        whole = self._rooms[ride.model].drop(number)
        return Played(number, whole or Trajectory(ride.task, (), "", ""), error)

    def _tell(self, number: int, event: Trajectory | Step) -> None:
        _told(self._playing[number], event)

    def _measured(self, seconds: float, ended: int) -> None:
        self._worked += seconds
        if ended:
            self.pace += 0.2 * (self._worked / ended - self.pace)
            self._worked = 0.0


def _told(ride: Ride, event: Event) -> None:
    """Whatever happens to a caller is that caller's own."""
    try:
        ride.tell(event)
    except Exception as error:
        ride.cancelled = True
        log.warning("a caller could not be told: %s", type(error).__name__)
