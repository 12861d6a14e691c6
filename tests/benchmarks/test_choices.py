"""The table of who is asked first is the order in which `greedy` asks, and says so of a preset that is not there."""

from __future__ import annotations

import pytest

from benchmarks.choices import PRESETS, choices, main, of_preset
from poser.config import load
from poser.roster import playable, registry_of


@pytest.mark.parametrize("preset", PRESETS)
def test_the_most_skilled_stand_first_and_the_unknown_last(preset: str) -> None:
    cards = playable(registry_of(load(preset)))
    for choice in choices(cards):
        known = [card.skills[choice.kind].score for card in choice.cards if choice.kind in card.skills]
        assert [round(score, 2) for score in known] == sorted((round(score, 2) for score in known), reverse=True)
        assert all(choice.kind in card.skills for card in choice.cards[: len(known)])
        assert not any(card.inputs for card in choice.cards)


def test_a_preset_s_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["local-24gb"]) == 0
    out = capsys.readouterr().out
    assert "| replace | `longcat-image-edit` 0.95 | `flux-kontext` 0.82 |" in out and of_preset("local-24gb") in out
    assert main(["local-25gb"]) == 2 and "no preset 'local-25gb'" in capsys.readouterr().err
