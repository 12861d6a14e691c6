"""What is each part worth, and what does a new expert bring before any retraining: the ladder's two further tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks._stats import Estimate, paired, ratio
from benchmarks.ladder.episodes import Built, Row, played, rows
from benchmarks.ladder.figures import means
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


ABLATIONS = (
    Change("without extras", train_config={"extras": ()}),
    Change("without remaining", train_config={"remaining": False}),
    Change("without cards", train_config={"cards": "identity"}),
    Change("without trust in cards", train_config={"correction_penalty": 0.0, "linear_lr_factor": 1.0}),
    Change("without scope", train_config={"scopes": ("current",)}),
    Change("without stop", train_config={"stop": False}),
    Change("without guard", rules={"guard": False}),
    Change("with returns over 3 steps", train_config={"n_steps": 3}),
    Change("without double Q", train_config={"double_q": False}),
    Change("myopic", train_config={"gamma": 0.0}),
    Change("4 steps", rules={"steps": 4}),
    Change("10 steps", rules={"steps": 10}),
    Change("1 attempt", rules={"attempts": 1}),
    Change("5 attempts", rules={"attempts": 5}),
)
"""Ours has 6 steps and 3 attempts."""


def changed(school: School, change: Change, seeds: int) -> list[Row]:
    """The rows of ours with one thing changed, trained and played so."""
    config = TrainConfig.model_validate(DQN.model_dump() | dict(change.train_config))
    world = school.world.changed(rules=change.rules)
    other, name = school.at(world), f"dqn, {change.name}"

    def build(seed: int) -> Built:
        return world.mdp(), other.learned(config, seed)

    about = ["changed", change.name, config.model_dump()]
    return [row for seed in range(seeds) for row in played(world, name, seed, build, [*about, seed])]


def worth(ours: list[Row], others: Mapping[str, list[Row]]) -> dict[str, Any]:
    """Share of every change, and its difference to ours by task."""
    base = means(ours)
    return {
        name: {
            "share": round(sum(means(part)) / len(base), 4),
            "difference": paired(means(part), base).to_json(),
            "calls": round(sum(means(part, "calls")) / len(base), 3),
        }
        for name, part in others.items()
    }


def newcomer(school: School, expert: str, seeds: int) -> dict[str, Any]:
    """Trains without `expert`, adds it, measures before any retraining and after `MORE` calls.

    'added': the card alone is new; 'probed': its measured scores too, from a probe; 'after': trained `MORE` calls more.
    'value': gain over the policy that has to do without the expert, as a share of the gain of one that was trained with
    it from the start (NaN where that gain is none); 'relative': mean share over that policy's. Raises `PoserError` for
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
    shares = {name: means(part) for name, part in found.items()}
    low, full = shares["without"], shares["trained with it"]

    def above(name: str) -> Estimate:
        gain, whole = ([a - b for a, b in zip(other, low, strict=True)] for other in (shares[name], full))
        return ratio(gain, whole)

    return {
        "share": {name: round(sum(values) / len(values), 4) for name, values in shares.items()},
        "value": {name: above(name).to_json() for name in STAGES},
        "relative": {name: ratio(shares[name], full).to_json() for name in STAGES},
    }
