"""The poster benchmark tests itself: a perfect picture scores 1, a damaged one less, a circular judge is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from benchmarks import poster
from benchmarks._judge import drawn, edited, refuse_circular
from experts.poster.render import render
from experts.poster.scene import Item, Scene
from poser.actions import STOP
from poser.learning.tasks.poster import to_task
from poser.types import Command, Critique, Plan, PoserError, Spent, State, Step, Task, Trajectory


def delivered(asked, image) -> Trajectory:  # noqa: ANN001
    task = Task(asked.prompt)
    after = State(task, Plan(), image=image, spent=Spent(3, 0.5, 2.0), ended=True)
    step = Step(replace(after, ended=False), STOP, None, None, None, {"total": 0.0}, False, after, True, False)
    return Trajectory(task, (step,), "test", "digest")


def claiming(asked, image) -> Trajectory:  # noqa: ANN001
    """The same, with the critic's word that everything is done."""
    whole = delivered(asked, image)
    after = replace(whole.steps[0].after, plan=Plan(done=(Command(asked.prompt),)), verdict=Critique((1.0,)))
    return replace(whole, steps=(replace(whole.steps[0], after=after),))


def test_gold_scores_one_on_every_task() -> None:
    for split in ("validation", "test"):
        for asked in poster.tasks(split, 40):
            assert poster.gold(asked) == {"share": 1.0, "exact": 1.0}


def test_score_of_a_perfect_and_of_an_untouched_picture() -> None:
    for asked in poster.tasks("test", 20, kind="i2i"):
        perfect = poster.score(asked, delivered(asked, render(asked.target)))
        assert perfect["share"] == perfect["exact"] == 1.0 and perfect["calls"] == 3 and perfect["usd"] == 0.5
        lazy = poster.score(asked, delivered(asked, to_task(asked).image))
        assert lazy["exact"] == 0.0 and lazy["share"] < 1.0


def test_a_claim_is_false_where_the_picture_is_not_exact() -> None:
    asked = poster.tasks("test", 1, kind="t2i")[0]
    empty = Scene(asked.target.background, ())
    right, wrong = (poster.score(asked, claiming(asked, render(scene))) for scene in (asked.target, empty))
    assert (right["claimed"], right["false_claims"]) == (1.0, 0.0)
    assert (wrong["claimed"], wrong["false_claims"]) == (1.0, 1.0)
    silent = poster.score(asked, delivered(asked, render(empty)))
    assert silent["claimed"] == 0.0 and math.isnan(silent["false_claims"])
    figures = poster.summary([asked, replace(asked, prompt="other")], [wrong, silent])
    assert figures["claimed"]["mean"] == 0.5 and figures["false_claims"]["n"] == 1


def test_kept_counts_only_what_nobody_asked_to_touch() -> None:
    asked = next(t for t in poster.tasks("test", 60, kind="i2i") if len(t.kept) == 2)
    one_lost = Scene(asked.target.background, tuple(i for i in asked.target.items if i != asked.kept[0]))
    assert poster.score(asked, delivered(asked, render(one_lost)))["kept"] == 0.5


def test_a_circular_judge_is_refused() -> None:
    with pytest.raises(PoserError, match="judge"):
        refuse_circular("reader:1")
    refuse_circular("vqa:critic@abc")


def test_figures_of_single_requests() -> None:
    star, heart = Item(0, "star", "red"), Item(4, "heart", "blue", "small")
    before, wanted = Scene("white", (star, heart)), Scene("white", (Item(0, "star", "green"), heart))
    assert edited(wanted, before, wanted) == {"done": 1.0, "kept": 1.0, "exact": 1.0}
    assert edited(before, before, wanted) == {"done": 0.0, "kept": 1.0, "exact": 0.0}
    assert edited(Scene("white", (Item(0, "star", "green"),)), before, wanted)["kept"] == 0.0
    three = Scene("white", tuple(Item(p, "star", "red") for p in (0, 1, 2)))
    assert drawn(three.without(Item(0, "star", "red")), three)["count"] == 0.0
    assert drawn(three, three) == {"objects": 1.0, "count": 1.0, "exact": 1.0}
