"""The rules with and without each lever: legal choices, paired differences, a page that says them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks._judge import identity, worth
from benchmarks.levers import BASE, RULES, TwoLines, figures, page
from experts.poster.render import render
from experts.poster.tasks import CLASSES, Deck
from experts.types import Card, Skill
from poser import config
from poser.actions import ActionSet
from poser.learning.tasks.poster import to_task
from poser.planning.poster import first
from poser.types import State

CARDS = (
    Card("draw-1", "text-to-image", "draws", skills={"generate:1": Skill(0.5, "probe")}),
    Card("draw-2", "text-to-image", "draws", skills={"generate:1": Skill(0.9, "probe")}),
    *(Card(f"edit-{n}", "image-to-image", "edits", skills={"add": Skill(s, "probe")}) for n, s in ((1, 0.9), (2, 0.5))),
)


def state(prompt_kind: str) -> State:
    asked = Deck("train", prompt_kind).first(1)[0]
    task = to_task(asked)
    return State(task, first(task, asked.start), image=task.image)


def test_two_lines_draw_all_at_once_and_edit_one_by_one() -> None:
    actions = ActionSet.of(CARDS)
    states = [state("t2i"), state("i2i")]
    mask = actions.mask(states)
    slots = TwoLines(actions)(states, mask)
    assert all(row[slot] for row, slot in zip(mask, slots, strict=True))
    drawn, edited = (actions.slots[slot] for slot in slots)
    assert (drawn.expert, drawn.scope) == ("draw-2", "all")
    assert (edited.expert, edited.scope)[1] == "current" and edited.expert.startswith("edit")


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_a_policy_of_a_config_that_loads(rule: str) -> None:
    policy, overrides = RULES[rule]
    assert policy == "two-lines" or config.load("poster", {**overrides, "policy": policy}).policy == policy


def rows(rule: str, worths: list[float]) -> list[dict[str, object]]:
    names = list(CLASSES)
    figure = {"share": 0.5, "exact": 0.0, "identity": math.nan, "calls": 3.0, "claimed": 1.0, "false_claims": 0.0}
    return [{"rule": rule, "class": names[k % 4], "worth": w, **figure} for k, w in enumerate(worths)]


def test_differences_are_paired_by_task_and_said_on_the_page() -> None:
    rng = np.random.default_rng(0)
    base = [float(x) for x in rng.random(16)]
    found = figures([*rows(BASE, base), *rows("rules, net", [x + 0.1 for x in base])])
    above = found["rules, net"]["all"]["above"]
    assert above["mean"] == pytest.approx(0.1, abs=1e-4) and above["low"] > 0 and "above" not in found[BASE]["all"]
    text = page({"tasks": 4, "split": "validation", "seed": 0, "judge": "reader", "rules": found})
    assert "**+0.100 [" in text and all(f"| {name} |" in text for name in (*CLASSES, "all"))


def test_looks_have_a_price_as_one_command_more() -> None:
    assert worth(0.8, math.nan, 4) == 0.8
    assert worth(0.8, 0.3, 4) == pytest.approx((4 * 0.8 + 0.3) / 5)
    asked = Deck("validation", "i2i").first(1)[0]
    given = to_task(asked).image
    assert identity(given, given, asked) == 1.0
    assert identity(given, render(asked.start), asked) < 1.0
    assert math.isnan(identity(None, given, Deck("validation", "t2i").first(1)[0]))
