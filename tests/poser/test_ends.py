"""What became of every command: in Python, in the summary, in JSON, in the log; each end by a run that has it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.poster.scene import Item, Scene
from poser.agent import Output
from poser.mdp import Rules
from poser.planning.poster import PosterExtractor
from poser.runs.ends import ORDER, Ended, claimed, ends_of
from poser.runs.record import Recorder, candidates, finished, load
from poser.runs.summary import as_data, sentence, summarise
from poser.types import Command, Plan, Task, Trajectory
from tests.poser import episodes
from tests.poser.poster_world import Painter, make, play

STAR, CIRCLE, SQUARE = Item(4, "star", "red"), Item(6, "circle", "blue", "small"), Item(8, "square", "green")
POSTER = Scene("white", (STAR, CIRCLE, SQUARE))
PROMPT = (
    "Make the star purple. Remove the heart. Write me a poem. Make the circle black. Don't add a triangle. "
    "Make the square small."
)


def stubborn(number: int, scene: Scene) -> Scene:
    """The circle stays blue."""
    items = (replace(item, colour="blue") if item.shape == "circle" else item for item in scene.items)
    return Scene(scene.background, tuple(items))


@pytest.fixture(scope="module")
def whole() -> Trajectory:
    """One call does the star, three fail at the circle, and the budget leaves the square over."""
    return play(make(Painter(stubborn)), PROMPT, POSTER, steps=4)


def recorded(whole: Trajectory, folder: Path) -> Trajectory:
    recorder = Recorder(folder)
    recorder.start(replace(whole, steps=()))
    for step in whole.steps:
        recorder.step(step)
    recorder.end(whole)
    return load(folder)


def test_every_end_in_the_order_of_the_prompt_with_its_reason(whole: Trajectory) -> None:
    found = ends_of(whole)
    assert [(ended.command, ended.end) for ended in found] == [
        ("Make the star purple", "done"),
        ("Remove the heart", "not possible"),
        ("Write me a poem", "not understood"),
        ("Make the circle black", "failed"),
        ("Don't add a triangle", "done"),
        ("Make the square small", "left over"),
    ]
    star, heart, poem, circle, triangle, square = (ended.reason for ended in found)
    assert star == "" and heart.startswith("there is no heart") and "poem" in poem
    assert circle.startswith("after 3 attempts: ") and "circle" in circle
    assert triangle and square == "the budget was used up before it"
    assert not claimed(whole) and len(whole.steps) == 4


def test_a_run_that_is_not_over_and_one_that_was_stopped_say_why(whole: Trajectory) -> None:
    begun = replace(whole, steps=whole.steps[:2])
    assert ends_of(begun)[-1] == ("Make the square small", "left over", "the run is not finished")
    assert summarise(begun).standing == "unfinished"
    assert ends_of(episodes.drawn())[-1] == ("Add a heart", "left over", "the policy delivered the picture before it")


def test_the_summary_and_its_json(whole: Trajectory, tmp_path: Path) -> None:
    again = recorded(whole, tmp_path / "run")
    summary = summarise(again)
    assert summary.standing == "some" and summary.ends == ends_of(whole) and summary.calls == 4
    assert [len(summary.of(end)) for end in ORDER] == [1, 1, 1, 1, 2]
    data = json.loads(json.dumps(as_data(again, tmp_path / "run", candidates(tmp_path / "run")), allow_nan=False))
    assert data["satisfied"] is False and data["standing"] == "some" and data["harmed"] == []
    assert data["ends"] == [{"command": e.command, "end": e.end, "reason": e.reason} for e in ends_of(whole)]


def test_the_sentence_names_everything_that_is_not_done(whole: Trajectory) -> None:
    head, *lines = sentence(whole).splitlines()
    assert head.startswith("2 of 6 done in 4 calls")
    assert [line.split(":")[0].strip() for line in lines] == ["not possible", "not understood", "failed", "left over"]
    assert all(ended.command in line for ended, line in zip(_undone(whole), lines, strict=True))
    done = play(make(), "Make the star purple.", POSTER)
    assert sentence(done).startswith("all satisfied (1 of 1) in 1 call")


def _undone(whole: Trajectory) -> list[Ended]:
    return [ended for ended in ends_of(whole) if ended.end != "done"]


def test_in_python_the_claim_and_the_ends_of_one_and_of_many(whole: Trajectory) -> None:
    done = play(make(), "Make the star purple.", POSTER)
    one, many = Output(whole.images, [whole]), Output([], [done, whole], many=True)
    assert one.satisfied is False and one.ends == list(ends_of(whole))
    assert many.satisfied == [True, False] and many.ends == [list(ends_of(done)), list(ends_of(whole))]
    assert Output([], [done], many=True).satisfied == [True] and Output([], [], many=True).ends == []


@pytest.mark.parametrize("prompt", ["hello", "Write me a poem", "zxq 12 --", "..."])
def test_a_prompt_that_is_not_understood_spends_no_call_and_delivers_no_picture(prompt: str) -> None:
    painter = Painter()
    whole = play(make(painter), prompt)
    assert painter.calls == 0 and whole.steps == () and whole.images == []
    assert {ended.end for ended in ends_of(whole)} == {"not understood"}
    assert all(ended.reason for ended in ends_of(whole))
    assert not claimed(whole) and summarise(whole).standing == "none" and math.isnan(summarise(whole).value)


@pytest.mark.parametrize("prompt", ["hello", "Write me a poem", "Thanks a lot!"])
def test_a_given_picture_is_not_handed_back_where_nothing_was_understood(prompt: str) -> None:
    whole = play(make(), prompt, POSTER)
    assert whole.steps == () and whole.images == [] and not claimed(whole)
    assert play(make(), "Don't add a triangle", POSTER).images != []
    assert play(make(), "Remove the heart", POSTER).images != [], "understood, and not possible: the picture stands"


def test_a_verdict_that_does_not_say_what_was_kept_is_no_claim() -> None:
    done = play(make(), "Make the star purple.", POSTER)
    last = done.steps[-1]
    assert claimed(done) and last.after.verdict is not None
    silent = replace(last.after, verdict=replace(last.after.verdict, kept=math.nan))
    assert not claimed(replace(done, steps=(*done.steps[:-1], replace(last, after=silent))))
    drawn = play(make(), "A white poster with a red star.")
    assert claimed(drawn) and math.isnan(drawn.steps[-1].after.verdict.kept)  # type: ignore[union-attr]


def test_a_run_without_steps_is_recorded_with_its_plan(tmp_path: Path) -> None:
    for k, (prompt, scene) in enumerate([("hello", None), ("Remove the heart. Make the star red.", POSTER)]):
        whole = play(make(), prompt, scene)
        assert whole.steps == () and whole.plan != Plan()
        again = recorded(whole, tmp_path / str(k))
        assert again.plan == whole.plan and finished(tmp_path / str(k))
        assert ends_of(again) == ends_of(whole) and summarise(again).standing == summarise(whole).standing
        assert [(c.end, c.reason) for c in again.plan.dropped] == [(c.end, c.reason) for c in whole.plan.dropped]


def test_meaning_order_notes_and_premises_are_recorded(tmp_path: Path) -> None:
    whole = play(make(), "A star. Make it blue.")
    again = recorded(whole, tmp_path)
    assert again.plan.notes == whole.plan.notes != ()
    for one, other in zip(again.steps, whole.steps, strict=True):
        for mine, theirs in zip(one.after.plan.commands, other.after.plan.commands, strict=True):
            assert (mine.meaning, mine.order, mine.end) == (theirs.meaning, theirs.order, theirs.end)
        assert one.after.refuted == other.after.refuted and one.critique and other.critique
        assert str(one.critique.premises) == str(other.critique.premises)
        assert str(one.after.verdict) == str(other.after.verdict)


def test_what_is_so_already_is_done_and_claimed_without_a_call() -> None:
    painter = Painter()
    whole = play(make(painter), "Make the star red.", POSTER)
    assert painter.calls == 0 and claimed(whole) and summarise(whole).standing == "all"
    (ended,) = ends_of(whole)
    assert ended.end == "done" and ended.reason


def test_a_clause_of_several_commands_is_done_where_all_of_them_are() -> None:
    text = "Make everything black."
    partly = play(make(Painter(stubborn), extractor=PosterExtractor(1, 0.5)), text, POSTER)
    assert [ended.end for ended in ends_of(partly)] == ["failed"] and len(partly.plan.pending) == 3
    assert len(partly.steps[-1].after.plan.done) == 2 and not claimed(partly)
    fully = play(make(), text, POSTER)
    assert ends_of(fully) == (("Make everything black", "done", ""),) and claimed(fully)


def test_the_threshold_decides_what_is_done() -> None:
    strict = play(make(rules=Rules(threshold=0.99, premises=False)), "Make the star purple.", POSTER)
    assert [ended.end for ended in ends_of(strict)] == ["failed"]


commands = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]), st.sampled_from(["done", "settled", "pending", *ORDER[:3]]), st.booleans()
    ),
    max_size=8,
)


@settings(max_examples=200, deadline=None)
@given(commands, st.booleans(), st.booleans())
def test_law_every_stretch_has_one_end_and_a_claim_means_that_all_are_done(
    drawn: list[tuple[str, str, bool]], stepped: bool, over: bool
) -> None:
    """Any plan: each stretch of the prompt once, in its order, with the worst of what became of its commands."""
    prompt = "a b c"
    groups: dict[str, list[Command]] = {"done": [], "settled": [], "pending": [], "dropped": []}
    for text, where, spanned in drawn:
        span = (prompt.index(text), prompt.index(text) + 1) if spanned else None
        ended = {"done": "done", "settled": "done", "pending": ""}.get(where, where)
        groups[where if where in groups else "dropped"].append(Command(text, span=span, end=ended))  # type: ignore[arg-type]
    done, settled, pending, dropped = (tuple(groups[name]) for name in ("done", "settled", "pending", "dropped"))
    plan = Plan(done, pending[0] if pending else None, pending[1:], dropped, settled=settled)
    step = episodes.drawn().steps[0]
    step = replace(step, after=replace(step.after, plan=plan), terminated=over)
    whole = Trajectory(Task(prompt), (step,) if stepped else (), "p", "a", plan=plan)
    found = ends_of(whole)
    assert {ended.command for ended in found} == {text for text, _, _ in drawn}
    keys = {(command.text, command.span) for command in (*plan.commands, *plan.settled)}
    assert len(found) == len(keys) and all(ended.end in ORDER for ended in found)
    bad = {text for text, where, _ in drawn if where not in ("done", "settled")}
    assert {ended.command for ended in found if ended.end != "done"} == bad
    if claimed(whole):
        assert found and not bad
