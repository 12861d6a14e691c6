"""Many episodes at once: a free seat is refilled at once. Used by the API, the CLI and the benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from poser.mdp import MDP
from poser.protocols import Policy
from poser.seats import OnStart, OnStep, Seats
from poser.types import Task, Trajectory


def rollout(
    mdp: MDP,
    policy: Policy,
    tasks: Iterable[Task],
    seats: int = 16,
    on_step: OnStep | None = None,
    on_start: OnStart | None = None,
    begun: Mapping[int, Trajectory] | None = None,
    config: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
    on_error: Callable[[int, Exception], None] | None = None,
) -> Iterator[tuple[int, Trajectory]]:
    """Plays every task to its end and yields (number of the task, trajectory) as episodes end.

    `tasks` may be a queue that goes on for ever; at most `seats` episodes are open. `on_start` sees each trajectory as
    it begins (or goes on), `on_step` each step as it is made. `begun` holds unfinished trajectories by task number:
    they go on from their last step. Raises what an episode raises, once those that ended with it were given; or tells
    it to `on_error`, and what was played of that episode is given as the others are.
    """
    source = enumerate(tasks)
    playing = Seats(mdp, policy, on_step, on_start, config, versions)
    while True:
        over = []
        while len(playing) < seats and (entries := dict(islice(source, seats - len(playing)))):
            over += playing.add(entries, begun)
        if not over and not len(playing):
            return
        over += playing.step()
        yield from ((played.number, played.trajectory) for played in over if played.error is None or on_error)
        for played in over:
            if played.error is not None:
                if on_error is None:
                    raise played.error
                on_error(played.number, played.error)
