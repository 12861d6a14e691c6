"""A candidate that did what was asked and spoiled something else is no success; what is claimed is true."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from experts.poster.scene import Item, Scene, match
from poser.mdp import Rules
from poser.policies.random import Random
from poser.rollout import rollout
from poser.runs.ends import claimed, ends_of
from poser.runs.summary import outcome, summarise
from poser.types import Budget, Critique, Look, Plan, State, Step, Task, Trajectory
from tests.poser.poster_world import Exact, Painter, make, play, seen
from tests.poser.world import PICTURE, PROMPTS, HashCritic
from tests.poser.world import make as hashed

STAR, CIRCLE = Item(4, "star", "red"), Item(6, "circle", "blue", "small")
HEART = Item(2, "heart", "black")
POSTER = Scene("white", (STAR, CIRCLE, HEART))
GREEN = "Make the star green."
DONE = Scene("white", (replace(STAR, colour="green"), CIRCLE, HEART))


def repainted(number: int, scene: Scene) -> Scene:
    """The heart is purple afterwards, on the first call."""
    return Scene(scene.background, tuple(_purple(item) if number == 1 else item for item in scene.items))


def always(number: int, scene: Scene) -> Scene:
    return Scene(scene.background, tuple(map(_purple, scene.items)))


def _purple(item: Item) -> Item:
    return replace(item, colour="purple") if item.shape == "heart" else item


def delivered(whole: Trajectory) -> Scene:
    return seen(whole.images[0].tobytes())


def test_a_candidate_that_spoils_something_is_not_accepted_is_named_and_is_an_attempt() -> None:
    painter = Painter(repainted)
    whole = play(make(painter), GREEN, POSTER)
    spoiled, clean = whole.steps
    assert spoiled.critique and spoiled.critique.wanted[0] > 0.9, "what was asked for is there"
    assert spoiled.critique.harmed == ("the heart is not black",) and not spoiled.accepted
    assert spoiled.after.image is spoiled.before.image and spoiled.after.attempts == 1
    assert spoiled.after.plan.current == spoiled.before.plan.current and outcome(spoiled) == "reverted"
    assert clean.accepted and delivered(whole) == DONE and claimed(whole)
    assert summarise(whole).standing == "all" and summarise(whole).harmed == ()


def test_after_its_attempts_it_has_failed_and_the_reason_names_the_harm() -> None:
    painter = Painter(always)
    whole = play(make(painter), GREEN, POSTER)
    (end,) = ends_of(whole)
    assert painter.calls == 3 and end.end == "failed" and "the heart is not black" in end.reason
    assert delivered(whole) == POSTER and not claimed(whole) and summarise(whole).standing == "none"


def test_what_an_earlier_command_made_is_to_be_kept_too() -> None:
    def undo(number: int, scene: Scene) -> Scene:
        items = (replace(i, colour="red") if number == 2 and i.shape == "star" else i for i in scene.items)
        return Scene(scene.background, tuple(items))

    whole = play(make(Painter(undo)), GREEN + " Remove the circle.", POSTER)
    spoiled = whole.steps[1]
    assert spoiled.critique and spoiled.critique.harmed == ("the star is not green",) and not spoiled.accepted
    assert claimed(whole) and match(delivered(whole), DONE.without(CIRCLE)).exact


def test_something_that_nobody_asked_for_is_harm() -> None:
    whole = play(make(Painter(lambda n, s: s.with_items(Item(0, "square", "black")) if n == 1 else s)), GREEN, POSTER)
    assert [step.accepted for step in whole.steps] == [False, True]
    assert whole.steps[0].critique and "top left" in whole.steps[0].critique.harmed[0]


def test_without_the_guard_it_is_kept_but_never_claimed() -> None:
    unguarded = Rules(guard=False)
    whole = play(make(Painter(always), rules=unguarded), GREEN, POSTER)
    assert whole.steps[0].accepted and delivered(whole) != DONE
    assert not claimed(whole) and summarise(whole).harmed == ("the heart is not black",)


def test_harm_that_is_made_good_again_is_no_harm() -> None:
    def mend(number: int, scene: Scene) -> Scene:
        return always(number, scene) if number == 1 else DONE

    whole = play(make(Painter(mend), rules=Rules(guard=False)), GREEN, POSTER)
    assert delivered(whole) == DONE and claimed(whole) and summarise(whole).harmed == ()


def test_a_candidate_without_a_verdict_is_never_accepted_over_a_picture() -> None:
    painter = Painter()
    whole = play(make(painter, Exact(lambda look: look.before is not None)), GREEN, POSTER)
    assert painter.calls == 3 and not any(step.accepted for step in whole.steps)
    assert {outcome(step) for step in whole.steps} == {"unjudged"}
    assert [end.end for end in ends_of(whole)] == ["failed"] and not claimed(whole)


def test_a_first_picture_without_a_verdict_is_delivered_and_not_claimed() -> None:
    whole = play(make(Painter(), Exact(lambda look: True)), "A big red star at the center on a white background.")
    assert whole.images and outcome(whole.steps[0]) == "unjudged" and not claimed(whole)
    assert [end.end for end in ends_of(whole)] == ["failed"] and summarise(whole).standing == "none"


GREEN_COMMAND = play(make(), GREEN, POSTER).steps[-1].after.plan.done[0]


@pytest.mark.parametrize(
    ("verdict", "wanted"),
    [
        (Critique((0.9,)), False),
        (Critique((0.9,), kept=0.9), True),
        (Critique((0.9,), (0.8,), kept=0.9), True),
        (Critique((0.9,), harmed=("the heart is not black",)), False),
        (Critique((0.9,), (0.8, 0.4)), False),
        (Critique((0.4,)), False),
        (Critique((0.9,), kept=0.3), False),
        (Critique((math.nan,)), False),
        (Critique((0.9,), (0.9, math.nan)), False),
        (None, False),
    ],
)
def test_the_claim_needs_a_verdict_on_the_delivered_picture_that_finds_nothing_wrong(
    verdict: Critique | None, wanted: bool
) -> None:
    task = Task(GREEN, PICTURE)
    state = State(task, Plan((GREEN_COMMAND,)), PICTURE, verdict=verdict, ended=True)
    step = replace(play(make(), GREEN, POSTER).steps[-1], after=state)
    assert claimed(Trajectory(task, (step,), "p", "a", {"rules": {"threshold": 0.5}})) is wanted


def test_the_claim_uses_the_threshold_of_the_run() -> None:
    whole = play(make(), GREEN, POSTER)
    assert claimed(whole) and not claimed(replace(whole, config={"rules": {"threshold": 0.999}}))


class Harming(HashCritic):
    """Scores by a hash, and finds harm or no verdict now and then."""

    def _one(self, look: Look) -> Critique:
        said = super()._one(look)
        draw = hashlib.sha256(repr(said.wanted + said.earlier).encode()).digest()
        scores = tuple(min(1.0, score + draw[2] / 255) for score in said.earlier)
        return replace(said, earlier=scores, harmed=("the barn is gone",) if draw[0] < 60 else ())


@pytest.mark.parametrize("guard", [True, False])
@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5])
def test_law_what_is_claimed_is_done_and_unharmed(guard: bool, threshold: float) -> None:
    """Whatever the experts paint and the critic says: a claim means that every end is 'done', by the last verdict."""
    rules = Rules(threshold=threshold, guard=guard)
    mdp = replace(hashed(rules=rules), critic=Harming())
    mdp = replace(mdp, extractor=replace(mdp.extractor, threshold=threshold))  # type: ignore[type-var]
    tasks = [Task(text, PICTURE if k % 2 else None, k, Budget(2 + k % 6)) for k in range(60) for text in PROMPTS]
    config = {"rules": {"threshold": threshold}}
    found = [whole for _, whole in rollout(mdp, Random(), tasks, config=config)]
    claims = [whole for whole in found if claimed(whole)]
    assert 0 < len(claims) < len(found), "the law is tried on both kinds"
    for whole in claims:
        last = whole.steps[-1].after
        assert {end.end for end in ends_of(whole)} == {"done"}
        assert last.verdict is not None and not last.verdict.harmed
        assert all(score >= threshold for score in (*last.verdict.wanted, *last.verdict.earlier))
        assert not last.plan.pending and not last.plan.dropped and summarise(whole).standing == "all"
    for whole in found:
        _the_verdict_is_on_the_picture(whole.steps)


def _the_verdict_is_on_the_picture(steps: Sequence[Step]) -> None:
    for step in steps:
        if step.accepted:
            assert step.result and step.after.image is step.result.image and step.after.verdict == step.critique
        else:
            assert step.after.image is step.before.image and step.after.verdict is step.before.verdict
