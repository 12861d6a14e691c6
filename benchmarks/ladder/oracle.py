"""The oracle of the ladder: searches the same transition with the exact reader, which no policy may see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experts.types import image_digest
from poser.mdp import MDP
from poser.types import State, Step, Task

CHUNK = 128
"""Steps of one batch."""
Judge = Callable[[int, State], float]
"""Number of a task and a state of it -> worth of its picture, [0, 1]."""


@dataclass(frozen=True)
class Node:
    """A state, the slots that lead to it, and the judge's worth of its picture."""

    state: State
    slots: tuple[int, ...]
    worth: float


def _batched(mdp: MDP, grown: Sequence[tuple[int, Node, int]]) -> Iterator[Step]:
    """The transition of every (task, node, slot), in order."""
    for start in range(0, len(grown), CHUNK):
        part = grown[start : start + CHUNK]
        yield from mdp.step([node.state for _, node, _ in part], [slot for _, _, slot in part])


def _front(children: Sequence[Node], width: int) -> list[Node]:
    """The `width` most promising open nodes, no two alike (picture, plan, attempts, who rests).

    Ties go to more commands done, then to the critic.
    """
    order = sorted(children, key=lambda node: (-node.worth, -len(node.state.plan.done), -node.state.value))
    kept: dict[str, Node] = {}
    for node in order:
        state = node.state
        picture = image_digest(state.image) if state.image is not None else ""
        if not state.ended and state.plan.current is not None:
            kept.setdefault(repr((picture, state.plan, state.attempts, state.down)), node)
        if len(kept) == width:
            break
    return list(kept.values())


def search(mdp: MDP, tasks: Sequence[Task], judge: Judge, width: int = 3) -> list[tuple[int, ...]]:
    """For each task the slots of the best picture found, the fewest where several are as good; then one may stop.

    A beam search over every legal slot within the task's own budget of steps: a path's calls are charged when it is
    played, the search's own are not. A perfect picture ends a task's search.

    Args:
        width: nodes of a task that are expanded at each depth, >= 1.
    """
    best = [Node(state, (), judge(k, state)) for k, state in enumerate(mdp.start(tasks))]
    beams = [_front([node], width) for node in best]
    while grown := list(_grown(mdp, beams, best)):
        children: list[list[Node]] = [[] for _ in tasks]
        for (k, node, slot), step in zip(grown, _batched(mdp, grown), strict=True):
            same = step.after.image is node.state.image
            worth = node.worth if same else judge(k, step.after)
            children[k].append(Node(step.after, (*node.slots, slot), worth))
        for k, nodes in enumerate(children):
            best[k] = max([best[k], *nodes], key=lambda node: node.worth)  # ties: the first, so the shortest
        beams = [_front(nodes, width) for nodes in children]
    return [node.slots for node in best]


def _grown(mdp: MDP, beams: Sequence[Sequence[Node]], best: Sequence[Node]) -> Iterator[tuple[int, Node, int]]:
    """Every (task, node, legal slot) but 'stop', for tasks whose best picture is not perfect yet."""
    for k, beam in enumerate(beams):
        if best[k].worth >= 1.0 or not beam:
            continue
        for node, row in zip(beam, mdp.mask([node.state for node in beam]), strict=True):
            yield from ((k, node, int(slot)) for slot in np.flatnonzero(row) if mdp.actions.slots[slot].expert)


@dataclass(frozen=True)
class Script:
    """Plays what was found: the slots of each task by its id, then 'stop'."""

    slots: Mapping[str, tuple[int, ...]]
    id: str = "oracle"

    def __call__(self, states: Sequence[State], mask: np.ndarray) -> list[int]:
        """One legal slot a state."""
        found = []
        for state, row in zip(states, mask, strict=True):
            plan = self.slots[state.task.id]
            found.append(plan[state.turn] if state.turn < len(plan) else int(row.argmax()))
        return found
