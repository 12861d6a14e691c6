"""Commands of a language model by themselves: where they stand in a prompt, what a revision may do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poser.planning.text.grounded import locate, missing
from poser.planning.text.pieces import Change, Revision, revised, wrong_with_revision
from poser.types import Command

PROMPT = "ab cd"
texts = st.sampled_from(("ab", "cd", "ab cd", "cd ab", "AB  cd"))


@st.composite
def revisions(draw: st.DrawFn) -> tuple[list[Command], Revision]:
    """Pending commands and a revision within the rules: what has not failed is carried on, the rest is carried on or
    dropped; commands are merged, split and reordered at will."""
    pending = draw(st.lists(st.builds(Command, texts, failed=st.integers(0, 2)), min_size=1, max_size=4))
    may_go = [number for number, command in enumerate(pending, 1) if command.failed]
    drop = draw(st.lists(st.sampled_from(may_go), unique=True)) if may_go else []
    rest = [number for number in range(1, len(pending) + 1) if number not in drop]
    changes: list[Change] = []
    for number in draw(st.permutations(rest)):
        also = draw(st.lists(st.sampled_from(rest), max_size=2))
        words = draw(st.sampled_from(("", PROMPT)))
        changes.append(Change(numbers=(number, *also), text=draw(texts), verb="other", words=words))
    if changes:  # nothing of what is left is lost
        changes[0] = changes[0].model_copy(update={"words": PROMPT})
    return pending, Revision(pending=tuple(changes), drop=tuple(drop))


@settings(max_examples=150, deadline=None)
@given(revisions())
def test_no_revision_loses_a_command_or_a_failure(case: tuple[list[Command], Revision]) -> None:
    pending, said = case
    assert wrong_with_revision(said, pending, PROMPT, 40) == ""
    after = revised(said, pending, PROMPT)
    assert len(after) == len(said.pending)
    for number, command in enumerate(pending, start=1):
        heirs = [new for change, new in zip(said.pending, after, strict=True) if number in change.numbers]
        if number in said.drop:
            assert command.failed and not heirs
        else:
            assert heirs and all(heir.failed >= command.failed for heir in heirs)


@settings(max_examples=150, deadline=None)
@given(revisions(), st.data())
def test_whatever_breaks_the_rules_is_named(case: tuple[list[Command], Revision], data: st.DataObject) -> None:
    """The same revisions, broken in one way each."""
    pending, said = case
    strange = Change(numbers=(len(pending) + 1,), text=PROMPT, verb="other", words="")
    number = data.draw(st.integers(1, len(pending)))
    others = tuple(change for change in said.pending if number not in change.numbers)
    broken = {
        "there are only the numbers": said.model_copy(update={"pending": (*said.pending, strange)}),
        'has no "numbers"': said.model_copy(
            update={"pending": (*said.pending, strange.model_copy(update={"numbers": ()}))}
        ),
    }
    if not pending[number - 1].failed:
        broken["has not failed yet"] = Revision(
            pending=tuple(
                Change(numbers=(k,), text=PROMPT, verb="other", words="")
                for k in range(1, len(pending) + 1)
                if k != number
            ),
            drop=(number,),
        )
    if number not in said.drop:
        gone = {k for change in others for k in change.numbers} | set(said.drop)
        if gone == set(range(1, len(pending) + 1)) - {number}:
            broken[f"number {number} is neither"] = said.model_copy(update={"pending": others})
    for words, revision in broken.items():
        assert words in wrong_with_revision(revision, pending, PROMPT, 40)


def test_where_words_stand() -> None:
    text = "Add a  cat.\nThen add A CAT, again."
    assert locate("add a cat", text) == (0, 10) and locate("add a cat.", text, 5) == (17, 26)
    assert locate("add a dog", text) is None and locate(" .", text) is None
    assert missing("Add a red cat", ["the cat is coloured"]) == pytest.approx(2 / 3) and missing("the", ["x"]) == 0.0
    assert missing("画一只红色的猫", ["画猫"]) == pytest.approx(5 / 7)
