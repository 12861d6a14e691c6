"""How the ladder trains and loads policies: `poser.learning.train`; its budget counts the calls of the probe too."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.ladder.world import World
from poser.learned.observation import Scores
from poser.learned.skills import SkillScores
from poser.learning import probe
from poser.learning.tasks import load as load_tasks
from poser.learning.train_config import TrainConfig
from poser.mdp import MDP

DONE = "policy-folder.txt"
"""Written last: where in its folder a trained policy lies."""
HELD_OUT = 16
"""Most validation tasks that a finished policy is measured on; what it learns, and which policy is kept, does not
depend on them."""


@dataclass(frozen=True)
class School:
    """Policies of one world: each is trained once, and found again in `World.folder`. Tests have their own."""

    world: World

    def at(self, world: World) -> School:
        """The same in another world."""
        return replace(self, world=world)

    def trained(self, config: TrainConfig, seed: int, start: Path | None = None) -> Path:
        """The folder of the policy that this config gives with this seed and `World.calls`; trained if it is not there.

        A run shorter than four warm-ups warms up for a quarter of its calls. `start`: weights to begin with.
        """
        world = self.world
        starts = 0 if start else min(config.learning_starts, world.calls // 4)
        config = config.model_copy(update={"total_timesteps": world.calls, "seed": seed, "learning_starts": starts})
        mdp = world.mdp(config)
        rules, ids = world.rules.model_dump(), [mdp.actions.digest, mdp.critic.id, mdp.extractor.id, world.tasks.id]
        parts = [config.model_dump(), rules, *ids, str(start)]
        name = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
        folder = world.folder / "policies" / name
        if not (folder / DONE).exists():
            made = self.train(mdp, config, folder, start)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / DONE).write_text(os.path.relpath(made, folder))
        return folder / (folder / DONE).read_text()

    def learned(self, config: TrainConfig, seed: int) -> Any:
        """The policy of `trained`; it has `values`."""
        return self.load(self.trained(config, seed))

    def train(self, mdp: MDP, config: TrainConfig, folder: Path, start: Path | None) -> Path:
        """A policy folder, trained with `total_timesteps` calls, the probe's included.

        There is one measurement, at the end: no policy is chosen by looking at held-out tasks on the way.
        """
        from poser.learning import train

        world = self.world
        skill_scores, spent = self.skill_scores(mdp) if config.cards == "full" else ({}, 0)
        calls = max(1, config.total_timesteps - (0 if start else spent))
        config = config.model_copy(update={"total_timesteps": calls})
        eval_tasks = load_tasks(f"poster:validation:{world.name}")
        held_out = max(1, min(HELD_OUT, world.calls // 60))
        setting = train.Setting(
            mdp, world.tasks, eval_tasks, world.embedder, world.budget, skill_scores, held_out, calls, record=False
        )
        if config.algorithm == "ppo":
            shutil.rmtree(folder, ignore_errors=True)  # it cannot go on
        more: dict[str, Any] = {} if start is None else {"start": start}
        return Path(train.train(setting, config, folder, (folder / train.CHECKPOINT).exists(), **more))

    def load(self, folder: Path) -> Any:
        """The policy of a folder, over this world's experts."""
        from poser.policies import dqn

        return dqn.of_folder(str(folder), self.world.actions)

    def tell(self, folder: Path, scores: Scores, to: Path) -> Path:
        """A copy of a policy that knows measured scores of more experts; its weights stay as they are."""
        from poser.learned import policy_file

        about, tensors = policy_file.load(folder)
        known = {**about["observer"]["scores"], **{name: dict(kinds) for name, kinds in scores.items()}}
        policy_file.save(to, tensors, {**about, "observer": {**about["observer"], "scores": known}})
        return to

    def skill_scores(self, mdp: MDP, experts: Sequence[str] | None = None) -> tuple[SkillScores, int]:
        """Measured scores by a probe that takes at most a fifth of the calls, and the calls it took."""
        made, per_kind = [0], max(1, min(8, self.world.calls // 200))
        count = lambda _, whole: made.__setitem__(0, whole)  # noqa: E731
        return probe.probe(mdp, self.world.tasks, experts, per_kind=per_kind, on_call=count), made[0]
