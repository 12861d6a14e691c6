"""What is each part worth, and what does a new expert bring before any retraining: the ladder's two further tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmarks._bootstrap import crossed, difference, holm, share_of_gain
from benchmarks.ladder.episodes import Built, Row, played, rows
from benchmarks.ladder.figures import aligned, matrix
from benchmarks.ladder.school import School
from poser.learned.skills import scores_of
from poser.learning.train_config import DQN, TrainConfig
from poser.types import PoserError

MORE = 200
"""Expert calls of the training that follows where an expert is new."""
GENTLY = {"exploration_initial_eps": 0.3, "learning_rate": 2e-4}
"""How that training goes: it starts from a policy that is good, and sees little."""
STAGES = ("added", "probed", "after")


@dataclass(frozen=True)
class Change:
    """One thing that is different in training and in play: settings of the training, rules of the episode."""

    name: str
    train_config: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Any] = field(default_factory=dict)


COPIES = 20
"""Copies to the target network that a training must have made before its ablations say anything."""
BASE = Change("as it is", train_config={"target_update_interval": 25})
"""Ours, with a target that is copied often enough for a training of a few thousand calls."""
ABLATIONS = (
    Change("without extras", train_config={"extras": ()}),
    Change("without remaining", train_config={"remaining": False}),
    Change("without cards", train_config={"cards": "identity"}),
    Change("without trust in cards", train_config={"correction_penalty": 0.0, "linear_lr_factor": 1.0}),
    Change("without scope", train_config={"scopes": ("current",)}),
    Change("without stop", train_config={"stop": False}),
    Change("without guard", rules={"guard": False}),
    Change("without double Q", train_config={"double_q": False}),
    Change("with returns over 3 steps", train_config={"n_steps": 3}),
    *(Change(f"discount {g:g}", train_config={"gamma": g}) for g in (0.0, 0.5, 0.8, 0.97, 1.0)),
    *(Change(f"target copied every {n}", train_config={"target_update_interval": n}) for n in (1, 10, 50, 200)),
    Change("1 attempt", rules={"attempts": 1}),
    Change("5 attempts", rules={"attempts": 5}),
)
"""Each has one thing other than `BASE`, which has discount 0.9, a copy every 25 updates, and 3 attempts."""


def copies(config: TrainConfig, calls: int) -> int:
    """Copies to the target network in a training of so many calls, those of the warm-up included."""
    practised = calls - min(config.learning_starts, calls // 4)
    return int(config.updates_per_step * practised) // config.target_update_interval


def tells(calls: int) -> None:
    """Raises `PoserError` where a training of so many calls copies the target too seldom for ablations to tell."""
    config = _config(BASE)
    if copies(config, calls) < COPIES:
        least = int(COPIES * config.target_update_interval / config.updates_per_step) + config.learning_starts
        raise PoserError(
            f"--calls {calls} copies the target network {copies(config, calls)} times, ablations need {COPIES}; "
            f"give --calls {least} or more"
        )


def _config(change: Change) -> TrainConfig:
    return TrainConfig.model_validate(DQN.model_dump() | dict(BASE.train_config) | dict(change.train_config))


def changed(school: School, change: Change, seeds: int) -> list[Row]:
    """The rows of ours with one thing changed, trained and played so."""
    config = _config(change)
    world = school.world.changed(rules=change.rules)
    other, name = school.at(world), f"dqn, {change.name}"

    def build(seed: int) -> Built:
        return world.mdp(), other.learned(config, seed)

    about = ["changed", change.name, config.model_dump()]
    return [row for seed in range(seeds) for row in played(world, name, seed, build, [*about, seed])]


def worth(parts: Mapping[str, list[Row]]) -> dict[str, Any]:
    """Worth of every change, its difference to `BASE`, and p corrected for the number of changes."""
    base, found = parts[BASE.name], dict[str, Any]()
    changes, p_values = {change.name: change for change in (BASE, *ABLATIONS)}, dict[str, float]()
    for name, part in parts.items():
        less, p_values[name] = difference(*aligned(part, base))
        found[name] = {"worth": crossed(matrix(part)).to_json(), "difference": less.to_json()}
        found[name] |= {"calls": crossed(matrix(part, "calls")).to_json(), "config": dict(changes[name].train_config)}
    right = holm({name: p for name, p in p_values.items() if name != BASE.name})
    return {name: row | {"holm": round(right[name], 5)} if name in right else row for name, row in found.items()}


def newcomer(school: School, expert: str, seeds: int) -> dict[str, Any]:
    """Trains without `expert`, adds it, measures before any retraining and after `MORE` calls.

    'added': the card alone is new; 'probed': its measured scores too, from a probe; 'after': trained `MORE` calls more.
    'value': gain over the policy that has to do without the expert, as a share of the gain of one that was trained with
    it from the start (NaN where that gain is none); 'relative': mean worth over that policy's. Raises `PoserError` for
    an unknown expert.
    """
    world = school.world
    if expert not in {card.id for card in world.cards}:
        raise PoserError(f"no such expert: {expert!r}; experts are {', '.join(card.id for card in world.cards)}")
    unmeasured = (replace(card, skills={}) if card.id == expert else card for card in world.cards)
    world = replace(world, cards=tuple(unmeasured))
    school = school.at(world)
    small = world.changed(without=[expert])
    fewer, more = school.at(small), school.at(replace(world, calls=MORE))
    found: dict[str, list[Row]] = {name: [] for name in ("without", *STAGES, "trained with it")}
    skill_scores, spent = school.skill_scores(world.mdp(), [expert])
    for seed in range(seeds):
        before = fewer.trained(DQN, seed)
        told = school.tell(before, scores_of(skill_scores), before.parent / f"{before.name}-{expert}")
        after = more.trained(DQN.model_copy(update=GENTLY), seed, start=told)
        found["without"] += rows(small, "without", seed, small.mdp(), fewer.load(before))
        for name, folder in zip(STAGES, (before, told, after), strict=True):
            found[name] += rows(world, name, seed, world.mdp(), school.load(folder))
        found["trained with it"] += rows(world, "with", seed, world.mdp(), school.learned(DQN, seed))
    return {"expert": expert, "calls_of_the_probe": spent, "calls_after": MORE} | _values(found)


def _values(found: Mapping[str, list[Row]]) -> dict[str, Any]:
    low, full = found["without"], found["trained with it"]

    def relative(name: str) -> dict[str, Any]:
        other, whole = aligned(found[name], full)
        return share_of_gain(other, np.zeros_like(whole), whole).to_json()

    return {
        "worth": {name: round(float(np.nanmean(matrix(part))), 4) for name, part in found.items()},
        "value": {name: share_of_gain(*aligned(found[name], low, full)).to_json() for name in STAGES},
        "relative": {name: relative(name) for name in STAGES},
    }
