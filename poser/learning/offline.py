"""Recorded episodes -> a replay buffer: the same steps that practising would have stored, without an expert call."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

import numpy as np

from poser.learned.observation import Observer
from poser.learning.buffer import NStepBuffer
from poser.mdp import MDP
from poser.types import Step, Trajectory


def fill(buffer: NStepBuffer, mdp: MDP, observer: Observer, episodes: Iterable[Trajectory]) -> int:
    """Stores episodes step by step, the newest over the oldest where the buffer is full; gives the number of steps.

    An episode ends before the first step whose expert this action set lacks, or that its mask forbids.
    """
    stored = 0
    for whole in episodes:
        steps = list(takewhile(lambda step: _legal(mdp, step), whole.steps))
        for step in steps:
            seen = observer([step.before, step.after], mdp.mask([step.before, step.after]))
            before, after = ({name: rows[k : k + 1] for name, rows in seen.items()} for k in (0, 1))
            slot = np.asarray([mdp.actions.slots.index(step.action)])
            earned = mdp.earned(step.before, step.action, step.result, step.critique, step.accepted, step.after)
            done = np.asarray([step.after.ended or step is steps[-1]])
            buffer.add(before, after, slot, np.asarray([earned["total"]]), done, [{}])
            stored += 1
    return stored


def _legal(mdp: MDP, step: Step) -> bool:
    slots = mdp.actions.slots
    return step.action in slots and bool(mdp.mask([step.before])[0, slots.index(step.action)])
