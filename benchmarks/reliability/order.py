"""Whether a picture depends on what is played beside it: tasks at 1, 4 and 16 seats, in shuffled order."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from experts.poster.tasks import Deck
from experts.types import image_digest
from poser.agent import Poser
from poser.learning.tasks.poster import to_task
from poser.rollout import rollout
from poser.types import Task

USUAL = 100
SEATS = (1, 4, 16)


def played(tasks: Sequence[Task], seats: int, order: Sequence[int]) -> tuple[list[str], float]:
    """The digest of each task's delivered picture, in the order of `tasks`; and how long playing took, s.

    A new agent: nothing is remembered. `order`: which task is played first, second, ...
    """
    poser = Poser.from_pretrained("poster")
    start = time.perf_counter()
    found = {
        order[k]: "".join(image_digest(step.result.image) for step in whole.steps if step.result and step.result.image)
        for k, whole in rollout(poser.mdp, poser.policy, [tasks[k] for k in order], seats)
    }
    return [found[k] for k in range(len(tasks))], time.perf_counter() - start


def measure(n: int, seed: int) -> dict[str, Any]:
    """`n` tasks of the validation split, at each number of seats in an order of its own; every picture of every step
    is compared."""
    tasks = [replace(to_task(task), seed=k) for k, task in enumerate(Deck("validation", None).first(n, seed))]
    draws, rows, seconds = random.Random(seed), [], {}
    for seats in SEATS:
        order = list(range(n))
        draws.shuffle(order)
        digests, seconds[str(seats)] = played(tasks, seats, order)
        rows.append(digests)
    same = sum(len(set(digests)) == 1 for digests in zip(*rows, strict=True))
    return {
        "test": f"{n} tasks at 1, 4 and 16 seats, order shuffled: every picture of every step equal by the bit",
        "found": f"{same} of {n}",
        "tasks": n,
        "same": same,
        "seconds": seconds,
    }
