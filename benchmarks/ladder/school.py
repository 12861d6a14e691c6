"""How the ladder trains and loads policies: `poser.learning.train`, at a budget of expert calls that counts the probe's too."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.ladder.world import World
from poser import decks, probe
from poser.learned.observation import Scores
from poser.learning.train_config import Recipe
from poser.mdp import MDP

DONE = "policy-folder.txt"
"""Written last: where in its folder a trained policy lies."""
HELD_OUT = 16
"""Validation tasks that a finished policy is measured on; what it learns, and which policy is kept, does not depend on
them."""


@dataclass(frozen=True)
class School:
    """Policies of one world: each is trained once, and found again in `World.folder`. Tests have their own."""

    world: World

    def at(self, world: World) -> School:
        """The same in another world."""
        return replace(self, world=world)

    def trained(self, recipe: Recipe, seed: int, start: Path | None = None) -> Path:
        """The folder of the policy that this recipe gives with this seed and `World.calls`; trained if it is not there.

        A run shorter than four warm-ups warms up for a quarter of its calls. `start`: weights to begin with.
        """
        world = self.world
        warmup = 0 if start else min(recipe.warmup, world.calls // 4)
        recipe = recipe.model_copy(update={"steps": world.calls, "seed": seed, "warmup": warmup})
        mdp = world.mdp(recipe)
        rules, ids = world.rules.model_dump(), [mdp.actions.digest, mdp.critic.id, world.deck.id]
        parts = [recipe.model_dump(), rules, *ids, str(start)]
        name = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
        folder = world.folder / "policies" / name
        if not (folder / DONE).exists():
            made = self.train(mdp, recipe, folder, start)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / DONE).write_text(os.path.relpath(made, folder))
        return folder / (folder / DONE).read_text()

    def learned(self, recipe: Recipe, seed: int) -> Any:
        """The policy of `trained`; it has `values`."""
        return self.load(self.trained(recipe, seed))

    def train(self, mdp: MDP, recipe: Recipe, folder: Path, start: Path | None) -> Path:
        """A policy folder, trained with `recipe.steps` calls, the probe's included.

        There is one measurement, at the end: no policy is chosen by looking at held-out tasks on the way.
        """
        from poser import train

        world = self.world
        marks, spent = self.marks(mdp) if recipe.cards == "full" else ({}, 0)
        recipe = recipe.model_copy(update={"steps": max(1, recipe.steps - (0 if start else spent))})
        validation, every = decks.load("poster:validation"), recipe.steps
        setting = train.Setting(
            mdp, world.deck, validation, world.embedder, world.budget, marks, HELD_OUT, every=every, record=False
        )
        more: dict[str, Any] = {} if start is None else {"start": start}
        return Path(train.train(setting, recipe, folder, (folder / train.CHECKPOINT).exists(), **more))

    def load(self, folder: Path) -> Any:
        """The policy of a folder, over this world's experts."""
        from poser.policies import dqn

        return dqn.load(str(folder), self.world.actions)

    def tell(self, folder: Path, scores: Scores, to: Path) -> Path:
        """A copy of a policy that knows measured scores of more experts; its weights stay as they are."""
        from poser import policyfile

        about, tensors = policyfile.load(folder)
        known = {**about["observer"]["scores"], **{name: dict(kinds) for name, kinds in scores.items()}}
        policyfile.save(to, tensors, {**about, "observer": {**about["observer"], "scores": known}})
        return to

    def marks(self, mdp: MDP, experts: Sequence[str] | None = None) -> tuple[probe.Marks, int]:
        """Measured scores by a probe that takes at most a fifth of the calls, and the calls it took."""
        made, per_kind = [0], max(1, min(8, self.world.calls // 200))
        count = lambda _, whole: made.__setitem__(0, whole)  # noqa: E731
        return probe.probe(mdp, self.world.deck, experts, per_kind=per_kind, on_call=count), made[0]
