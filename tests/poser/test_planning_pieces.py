"""Commands of a language model by themselves: where they stand in a prompt, what a revision may do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poser.planning.text.grounded import locate, missing
from poser.planning.text.pieces import Change, Revision, revised, wrong_with_revision
from poser.types import Command

texts = st.text(alphabet="ab cd", min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.builds(Command, texts, failed=st.integers(0, 2)), min_size=1, max_size=4),
    st.lists(st.tuples(st.lists(st.integers(-1, 5), max_size=4), texts), max_size=4),
    st.lists(st.integers(-1, 5), max_size=3),
)
def test_no_revision_loses_a_command_or_a_failure(pending, changes, drop) -> None:  # noqa: ANN001
    said = Revision(
        pending=tuple(Change(numbers=tuple(n), text=t, verb="other", words="") for n, t in changes), drop=tuple(drop)
    )
    if wrong_with_revision(said, pending, "ab cd", 4):
        return
    after = revised(said, pending, "ab cd")
    for number, command in enumerate(pending, start=1):
        heirs = [new for change, new in zip(said.pending, after, strict=True) if number in change.numbers]
        assert (command.failed and number in said.drop) or (heirs and all(h.failed >= command.failed for h in heirs))


def test_where_words_stand() -> None:
    text = "Add a  cat.\nThen add A CAT, again."
    assert locate("add a cat", text) == (0, 10) and locate("add a cat.", text, 5) == (17, 26)
    assert locate("add a dog", text) is None and locate(" .", text) is None
    assert missing("Add a red cat", ["the cat is coloured"]) == pytest.approx(2 / 3) and missing("the", ["x"]) == 0.0
    assert missing("画一只红色的猫", ["画猫"]) == pytest.approx(5 / 7)
