"""Commands of a language model by themselves: where they stand in a prompt, what a revision may do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poser.planning.text.grounded import locate, missing
from poser.planning.text.pieces import Change, Revision, revised, wrong_with_revision
from poser.types import Command

texts = st.text(alphabet="ab cd", min_size=1, max_size=6).filter(str.strip)


@st.composite
def revisions(draw) -> tuple[list[Command], Revision]:  # noqa: ANN001
    """Pending commands and a valid revision of them: some of those that failed are dropped, the others are kept,
    merged and split, in any order."""
    pending = draw(st.lists(st.builds(Command, texts, failed=st.integers(0, 2)), min_size=1, max_size=4))
    drop = [n for n, command in enumerate(pending, start=1) if command.failed and draw(st.booleans())]
    heirs: dict[int, list[int]] = {}
    for number in set(range(1, len(pending) + 1)) - set(drop):
        for heir in draw(st.sets(st.integers(1, 4), min_size=1, max_size=2)):
            heirs.setdefault(heir, []).append(number)
    changes = [
        Change(numbers=tuple(numbers), text=" ".join(pending[n - 1].text for n in numbers), verb="other", words="")
        for numbers in draw(st.permutations(list(heirs.values())))
    ]
    return pending, Revision(pending=tuple(changes), drop=tuple(drop))


@settings(max_examples=150, deadline=None)
@given(revisions())
def test_no_revision_loses_a_command_or_a_failure(case) -> None:  # noqa: ANN001
    pending, said = case
    assert wrong_with_revision(said, pending, "ab cd", 4) == ""
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
