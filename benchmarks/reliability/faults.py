"""Steps with experts and a critic that go wrong in every way of `tests.experts.faulty` and `tests.poser.faulty`."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from experts.cache import Cache
from experts.fake import fake_entries
from experts.memory import Residency
from experts.pool import Pool
from experts.registry import Entry, Registry
from experts.types import Card
from poser.actions import ActionSet
from poser.mdp import MDP, Rules
from poser.planning.rules import RulesExtractor
from poser.policies.random import Random
from poser.rollout import rollout
from poser.types import Budget, Step, Task, Trajectory
from poser.wording import load as wording
from tests.experts.faulty import FAULTS as EXPERT
from tests.experts.faulty import FaultyExpert
from tests.poser.faulty import FAULTS as CRITIC
from tests.poser.faulty import FaultyCritic
from tests.poser.world import PICTURE, PROMPTS, HashCritic

USUAL = 10_000
RATE = 0.2


def world(seed: int) -> tuple[MDP, list[FaultyExpert], FaultyCritic]:
    """A transition over four experts, one of them remote, and a critic: each goes wrong at 20 % a request."""
    made = [FaultyExpert(entry.card, RATE, seed + k) for k, entry in enumerate(fake_entries(2, 2, usd=0.01))]
    registry = Registry([_entry(expert, remote=k == 0) for k, expert in enumerate(made)])
    critic = FaultyCritic(HashCritic(), RATE, seed + 9)
    actions = ActionSet.of(registry.cards)
    pool = Pool(registry, Residency("cpu"), Cache())
    rules = Rules()
    return MDP(pool, critic, RulesExtractor(), wording("plain"), actions, rules, size=(32, 32)), made, critic


def _entry(expert: FaultyExpert, remote: bool) -> Entry:
    card: Card = expert.card
    return Entry(card, lambda residency: expert, remote=remote)


def tasks(seed: int) -> Iterator[Task]:
    """Tasks without end, every other one with a picture, with a budget of USD."""
    number = seed
    while True:
        picture = PICTURE if number % 2 else None
        yield Task(PROMPTS[number % len(PROMPTS)], picture, number, Budget(12, usd=1.0, seconds=1e6))
        number += 1


def lost(whole: Trajectory) -> bool:
    """Whether a picture that was accepted is not the one delivered, or cannot be read."""
    kept = [step.after.image for step in whole.steps if step.accepted]
    wanted = kept[-1] if kept else whole.task.image
    if wanted is None:
        return bool(whole.images)
    return not whole.images or whole.images[0] is not wanted or whole.images[0].tobytes() == b""


def odd(step: Step) -> bool:
    """Whether something is in a step that must not be: a cost that is no number, a score beyond [0, 1]."""
    spent = step.after.spent
    scores = (*step.critique.wanted, *step.critique.earlier) if step.critique else ()
    costs = math.isfinite(spent.usd + spent.seconds) and spent.usd >= step.before.spent.usd
    return not costs or any(not (math.isnan(score) or 0 <= score <= 1) for score in scores)


def played(mdp: MDP, batch: list[Task]) -> tuple[list[Step], list[Trajectory] | None]:
    """The steps that were made, and the episodes; None for these where something was raised."""
    seen: list[Step] = []
    try:
        return seen, [whole for _, whole in rollout(mdp, Random(), batch, 16, lambda _, step: seen.append(step))]
    except KeyboardInterrupt:
        raise
    except BaseException:
        return seen, None


def measure(n: int, seed: int) -> dict[str, Any]:
    """At least `n` steps; what the program warns of on the way is not printed."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        return _measured(n, seed)
    finally:
        logging.disable(before)


def _measured(n: int, seed: int) -> dict[str, Any]:
    mdp, made, critic = world(seed)
    source, count = tasks(seed), Counter[str]()
    while count["steps"] + count["crashes"] < n:
        seen, episodes = played(mdp, [next(source) for _ in range(256)])
        count.update(steps=len(seen), odd=sum(map(odd, seen)), crashes=int(episodes is None))
        for whole in episodes or []:
            endless = bool(whole.steps) and not whole.steps[-1].after.ended
            count.update(episodes=1, lost=int(lost(whole)), endless=int(endless))
    kinds = [("expert", kind) for one in made for kind in one.done] + [("critic", kind) for kind in critic.done]
    faults = sum(sum(one.done.values()) for one in (*made, critic))
    return {
        "test": f"{count['steps']:,} steps; experts and critic go wrong at 20 % a request ({faults:,} faults of "
        f"{len(set(kinds))} kinds)",
        "found": f"{count['crashes']} crashes, {count['lost']} lost pictures, {count['endless']} of "
        f"{count['episodes']:,} episodes without an end, {count['odd']} steps with a cost or score that is none",
        **{name: count[name] for name in ("steps", "crashes", "lost", "endless", "episodes", "odd")},
        "faults": faults,
        "kinds": len(set(kinds)),
        "of_kinds": len(EXPERT) + len(CRITIC),
    }
