"""Episodes over several drivers: `Shards` has the form of `Seats`, and its seats are in processes elsewhere.

Every shard has its own process, planning and policy; all ask the same workers. A shard that dies begins anew, and so do
the episodes that it had: with their seeds they come to the same.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from poser import config as configs
from poser.agent import Poser
from poser.cluster.joined import Standing
from poser.cluster.session import connected
from poser.seats import Played, Seats
from poser.types import PoserError, Task, Trajectory


class Shard:
    """A driver of its own, as an actor: an agent made of plain data (its config, and workers to ask), and seats."""

    def __init__(self, given: tuple[Mapping[str, Any], Standing]) -> None:
        config, standing = given
        agent = Poser.from_config(configs.checked(dict(config), "of the driver"), standing)
        self._seats = Seats(agent.mdp, agent.policy, config=agent.config.dump())

    def process(self) -> int:
        """The id of this process."""
        return os.getpid()

    def turn(self, tasks: Mapping[int, Task]) -> list[Played]:
        """These tasks begin, and every open episode makes a step; gives those that are over."""
        return self._seats.add(tasks) + (self._seats.step() if len(self._seats) else [])


@dataclass(eq=False)
class _Driver:
    """A shard as it is seen here: its actor, the tasks that it has, those it has not been told of, and its answer."""

    actor: Any
    tasks: dict[int, Task] = field(default_factory=dict)
    fresh: dict[int, Task] = field(default_factory=dict)
    ref: Any = None


class Shards:
    """`Seats` over `engine.shards` drivers: tasks go to the one that has the fewest.

    Args:
        agent: one whose models run on Ray.
    """

    def __init__(self, agent: Poser) -> None:
        if agent.joined is None:
            raise PoserError("engine.shards needs --engine ray")
        self._config, self._ray = agent.config, connected(agent.config.engine)
        self._given = self._ray.put((agent.config.dump(), agent.joined.standing))
        self._left = itertools.count(agent.config.engine.restarts, -1)
        self._drivers = [_Driver(self._begun()) for _ in range(agent.config.engine.shards)]

    def __len__(self) -> int:
        """Open episodes."""
        return sum(len(driver.tasks) for driver in self._drivers)

    def add(self, tasks: Mapping[int, Task]) -> list[Played]:
        """Opens an episode a task, by number. None is over before the next step."""
        for number, task in tasks.items():
            driver = min(self._drivers, key=lambda one: len(one.tasks))
            driver.tasks[number] = driver.fresh[number] = task
        return []

    def step(self) -> list[Played]:
        """Waits until a shard has made a step of all its episodes; gives those that are over with it.

        Raises PoserError: shards died more often than `engine.restarts` allows.
        """
        for driver in self._drivers:
            if driver.ref is None and driver.tasks:
                driver.ref, driver.fresh = driver.actor.turn.remote(driver.fresh), {}
        ready, _ = self._ray.wait([driver.ref for driver in self._drivers if driver.ref is not None])
        return [played for driver in self._drivers if driver.ref in ready for played in self._heard(driver)]

    def _heard(self, driver: _Driver) -> list[Played]:
        from ray import exceptions as rays

        ref, driver.ref = driver.ref, None
        try:
            over: list[Played] = self._ray.get(ref)
        except rays.RayActorError:
            if next(self._left) <= 0:
                raise PoserError("a shard died once more than engine.restarts allows; look at its machine") from None
            driver.actor, driver.fresh = self._begun(), dict(driver.tasks)
            return []
        except rays.RayTaskError as error:  # no episode's fault: all that it has end
            cause = error.cause if isinstance(error.cause, Exception) else error
            over = [Played(n, Trajectory(task, (), "", ""), cause) for n, task in driver.tasks.items()]
            driver.actor = self._begun()
        for played in over:
            del driver.tasks[played.number]
        return over

    def _begun(self) -> Any:
        actor = self._ray.remote(num_cpus=0, max_restarts=0, scheduling_strategy="SPREAD")(Shard)
        return actor.remote(self._given)
