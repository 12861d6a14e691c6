"""How the ladder trains and loads policies: `poser.learning.train`; its budget counts the calls of the probe too."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poser.actions import ActionSet
from poser.learned.observation import Scores
from poser.learning import probe
from poser.learning import tasks as decks
from poser.learning.train_config import Recipe
from poser.mdp import MDP

if TYPE_CHECKING:
    from benchmarks.ladder_world import World

DONE = "policy-folder.txt"
"""Written last: where in its folder a trained policy lies."""
HELD_OUT = 16
"""Validation tasks that a finished policy is measured on; what it learns, and which policy is kept, does not depend on
them."""


class School:
    """The real one; tests have their own."""

    def train(self, world: World, mdp: MDP, recipe: Recipe, folder: Path, start: Path | None) -> Path:
        """A policy folder, trained with `recipe.steps` calls, the probe's included; `start`: weights to begin with.

        There is one measurement, at the end: no policy is chosen by looking at held-out tasks on the way.
        """
        from poser.learning import train

        marks, spent = self.marks(world, mdp) if recipe.cards == "full" else ({}, 0)
        recipe = recipe.model_copy(update={"steps": max(1, recipe.steps - (0 if start else spent))})
        setting = train.Setting(
            mdp,
            world.deck,
            decks.load("poster:validation"),
            world.embedder,
            world.budget,
            marks,
            tasks=HELD_OUT,
            every=recipe.steps,
            record=False,
        )
        more: dict[str, Any] = {} if start is None else {"start": start}
        return Path(train.train(setting, recipe, folder, (folder / train.CHECKPOINT).exists(), **more))

    def load(self, folder: Path, actions: ActionSet) -> Any:
        """The policy of a folder."""
        from poser.policies import dqn

        return dqn.load(str(folder), actions)

    def tell(self, folder: Path, scores: Scores, to: Path) -> Path:
        """A copy of a policy that knows measured scores of more experts; its weights stay as they are."""
        from poser.learned import policy_file as policyfile

        about, tensors = policyfile.load(folder)
        known = {**about["observer"]["scores"], **{name: dict(kinds) for name, kinds in scores.items()}}
        policyfile.save(to, tensors, {**about, "observer": {**about["observer"], "scores": known}})
        return to

    def marks(self, world: World, mdp: MDP, experts: Sequence[str] | None = None) -> tuple[probe.Marks, int]:
        """Measured scores by a probe that takes at most a fifth of the calls, and the calls it took."""
        made = [0]
        found = probe.probe(
            mdp,
            world.deck,
            experts,
            per_kind=max(1, min(8, world.calls // 200)),
            on_call=lambda _, whole: made.__setitem__(0, whole),
        )
        return found, made[0]


def trained(world: World, recipe: Recipe, seed: int, start: Path | None = None) -> Path:
    """The folder of the policy that this recipe gives with this seed and `World.calls`; trained where it is not there.

    A run shorter than four warm-ups warms up for a quarter of its calls.
    """
    warmup = 0 if start else min(recipe.warmup, world.calls // 4)
    recipe = recipe.model_copy(update={"steps": world.calls, "seed": seed, "warmup": warmup})
    mdp = world.mdp(recipe)
    parts = [
        recipe.model_dump(),
        world.rules.model_dump(),
        mdp.actions.digest,
        mdp.critic.id,
        world.deck.id,
        str(start),
    ]
    name = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
    folder = world.folder / "policies" / name
    if not (folder / DONE).exists():
        made = world.school.train(world, mdp, recipe, folder, start)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DONE).write_text(os.path.relpath(made, folder))
    return folder / (folder / DONE).read_text()


def learned(world: World, recipe: Recipe, seed: int) -> Any:
    """The policy of `trained`; it has `values`."""
    return world.school.load(trained(world, recipe, seed), world.actions)
