"""The learned policies over a deck: the project's own learner, with nothing changed but reward, scope and prices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.replay.world import Replay, Tasks
from poser.learned.embedders import Embedder
from poser.learning import probe
from poser.learning.train import Setting, train
from poser.learning.train_config import DQN, TrainConfig
from poser.policies.dqn import of_folder
from poser.protocols import Policy

PER_KIND = 100
"""Recorded calls for each expert and kind of command that the probe takes."""


def config(replay: Replay, calls: int, seed: int, highest: float) -> TrainConfig:
    """Ours, for tasks of one command whose calls have a price."""
    reward = {"progress": replay.worth, "price": -1.0}
    update = {"reward": reward, "scopes": ("current",), "max_price_second": highest, "max_price_usd": 0.0}
    return DQN.model_copy(update=update | {"total_timesteps": calls, "seed": seed})


def trained(
    replay: Replay, numbers: Sequence[int], embedder: Embedder, calls: int, seed: int, highest: float, folder: Path
) -> Policy:
    """'dqn', trained on these items alone. `highest`: the highest price of a call; `folder`: where it is written."""
    tasks = Tasks(replay, tuple(numbers))
    scores = probe.probe(replay.mdp, tasks, per_kind=PER_KIND, seed=seed)
    setting = Setting(replay.mdp, tasks, tasks, embedder, None, scores, n_eval_tasks=16, eval_freq=calls, record=False)
    return of_folder(str(train(setting, config(replay, calls, seed, highest), folder)), replay.mdp.actions)
