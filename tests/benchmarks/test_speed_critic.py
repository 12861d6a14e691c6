"""What sharing a picture saves: counted in the model, not computed."""

from __future__ import annotations

import json

import pytest

from benchmarks.speed import critic
from benchmarks.speed.__main__ import main


@pytest.fixture(scope="module")
def found() -> dict[str, float]:
    return critic.sharing()


def test_ten_questions_about_one_picture_take_a_fifth_of_the_tokens_at_most(found: dict[str, float]) -> None:
    assert found["questions"] == 10 and found["one_by_one"] > 10 * 1024
    assert 1024 < found["shared"] < 1024 + 10 * 64
    assert found["ratio"] == pytest.approx(found["shared"] / found["one_by_one"], abs=1e-4)
    assert found["ratio"] <= 0.2 and found["largest_difference"] <= 1e-4


def test_a_small_picture_saves_less() -> None:
    small = critic.sharing(count=4, side=128)
    assert small["ratio"] > critic.sharing(count=10, side=128)["ratio"] > 0.2


def test_its_part_says_what_was_counted(
    found: dict[str, float], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(critic, "sharing", lambda: found)
    assert main(["--part", "critic", "--json"]) == 0
    (figure,) = json.loads(capsys.readouterr().out)["critic"]["figures"]
    assert (figure["questions"], figure["ratio"]) == (10, found["ratio"])
