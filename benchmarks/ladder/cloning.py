"""Behaviour cloning: the network of ours, taught what the best simple rung does on training tasks, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.ladder.chosen import run
from benchmarks.ladder.world import World
from poser.learned.observation import Encoder, Observer
from poser.learning.train_config import DQN
from poser.protocols import Policy
from poser.types import Step

UPDATES, BATCH = 600, 128


def clone(world: World, teacher: Callable[[], Policy], seed: int) -> Any:
    """The policy that imitates `teacher` (masked cross-entropy over slots), from `World.calls` of its expert calls."""
    mdp = world.mdp()
    observer = Observer(Encoder(world.embedder, DQN.extras, DQN.remaining), mdp.actions)
    steps: list[Step] = []
    run(world, mdp, teacher(), seed, lambda _, step: steps.append(step), lambda: len(steps))
    seen = observer([step.before for step in steps])
    slots = np.asarray([mdp.actions.slots.index(step.action) for step in steps])
    return fitted(observer, seen, slots, seed)


def fitted(observer: Observer, seen: Mapping[str, np.ndarray], slots: np.ndarray, seed: int) -> Any:
    """A slot network whose values rank the slot that was taken first."""
    import torch
    from torch.nn.functional import cross_entropy

    from poser.learned.network import build, masked
    from poser.learning.learner import shape_of
    from poser.policies.dqn import DqnPolicy

    torch.manual_seed(seed)
    shape, rng = shape_of(observer.space, DQN), np.random.default_rng((seed, 3))
    network = build(shape)
    optimizer = torch.optim.AdamW(network.parameters(), lr=DQN.learning_rate)
    rows = {name: torch.as_tensor(value) for name, value in seen.items()}
    wanted = torch.as_tensor(slots)
    for _ in range(UPDATES):
        at = torch.as_tensor(rng.integers(len(slots), size=min(BATCH, len(slots))))
        scores = network(rows["state"][at].float(), rows["cards"][at].float())
        loss = cross_entropy(masked(scores, rows["mask"][at]), wanted[at])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    tensors = {name: value.detach() for name, value in network.state_dict().items()}
    return DqnPolicy.of(shape, tensors, observer, "clone")
