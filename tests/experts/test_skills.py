"""Skills on cards: what is measured says by whom, one rule a benchmark, and what nobody measured is absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experts import published
from experts.poster.roster import SKILLS
from experts.registry import RegistryError, builtin, from_config
from experts.types import KINDS, Card, Skill

ROOT = Path(__file__).parents[2]
CARD: dict[str, Any] = {"mode": "image-to-image", "description": "Edits."}
ENTRY: dict[str, Any] = {"family": "flux_kontext", "weights": "./kontext"}


def test_a_column_becomes_the_kinds_that_it_stands_for() -> None:
    skills = published.edits("FLUX.2 [dev]")
    assert skills["add"].score == 0.875 and skills["all"].score == 0.615  # (4.50 - 1) / 4, (3.46 - 1) / 4
    assert skills["recolour"] == skills["resize"] == skills["relight"] and skills["move"] == skills["other"]
    assert skills["write"].score == 0.7 and skills["write"].source.startswith("REDEdit-Bench-EN: FLUX.2 [dev] (")
    assert "upscale" not in skills and "generate:0" not in skills
    drawn = published.draws("FLUX.2 [dev]")
    assert drawn["generate:0"].score == 0.87 and drawn["generate:4"].score == 0.8757 and len(drawn) == 5
    assert drawn["generate:1"].source.startswith("GenEval: ") and drawn["generate:2"].source.startswith("DPG-Bench: ")


def test_an_overall_score_and_a_later_version_say_so() -> None:
    whole = published.edits("FLUX.2 [klein] 4B")
    assert {skill.score for skill in whole.values()} == {0.7525}
    assert all(skill.source.startswith("ImgEdit-Bench, overall: ") for skill in whole.values())
    later = published.edits("GPT Image 2", for_later=True)["add"].source
    assert later == "ImgEdit-Bench, overall: GPT Image 2, an earlier version (CPI-Bench, arXiv:2608.14546)"
    with pytest.raises(KeyError, match="no published score of 'FLUX.9'"):
        published.draws("FLUX.9")
    assert "generate:0" not in published.draws("Qwen-Image-2512")  # no GenEval of it is published


@pytest.mark.parametrize("table", [published.REDEDIT_TEXT, published.GENEVAL, published.DPG])
def test_every_row_is_in_the_range_of_its_benchmark(table: Any) -> None:
    low, high = {id(published.REDEDIT_TEXT): (1, 5), id(published.GENEVAL): (0, 1), id(published.DPG): (50, 100)}[
        id(table)
    ]
    assert all(low < score < high and ("arXiv:" in where or "README" in where) for where, score in table.values())
    assert all(len(row) in (1, len(published.COLUMNS)) for _, row in published.IMGEDIT.values())
    assert all(1 < score < 5 for _, row in published.IMGEDIT.values() for score in row)


def test_every_full_size_expert_has_skills_of_its_mode_or_is_known_to_have_none() -> None:
    """A new entry without a published score is added here by hand."""
    unknown = {"gemini-nano-banana-2.1", "replicate-flux-2-pro", "replicate-flux-2-pro-edit"}
    unknown |= {"flux-dev-hyper", "sdxl-lightning", "sd-1.5-lcm"}  # few-step adapters: no row of their own
    for id, entry in builtin().items():
        card = entry.card
        if card.inputs or id in unknown:  # guided experts: nobody measured them by kind of command
            assert not card.skills
            continue
        draws = {kind.startswith("generate:") for kind in card.skills}
        assert draws == {card.mode == "text-to-image"}, id
        assert set(card.skills) <= set(KINDS) and all(skill.source for skill in card.skills.values())


def test_the_embedded_experts_have_what_the_shipped_probe_measured() -> None:
    file = ROOT / "poser" / "policies" / "weights" / "poster" / "skill_scores.json"
    probed = json.loads(file.read_text("utf-8"))["skill_scores"]
    assert set(SKILLS) == set(probed)
    for id, kinds in probed.items():
        assert SKILLS[id] == pytest.approx({kind: row["score"] for kind, row in kinds.items()}, abs=0.0006)
        assert {skill.source for skill in builtin()[id].card.skills.values()} == {"probe"}


def test_a_config_may_give_skills() -> None:
    card = {
        **CARD,
        "skills": {"add": {"score": 0.8, "source": "mine"}, "all": [0.5, "mine"]},
        "inputs": ["description"],
    }
    found = from_config({"mine": {**ENTRY, "card": card}})["mine"].card
    assert found.skills == {"add": Skill(0.8, "mine"), "all": Skill(0.5, "mine")} and found.inputs == ("description",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skills": {"fly": [0.5, "x"]}}, "card.skills of card 'mine': no such kind of command 'fly'; kinds are gener"),
        ({"skills": {"add": [1.5, "x"]}}, "card.skills of card 'mine': skill 'add' is 1.5; give a score from 0 to 1"),
        ({"skills": {"add": [float("nan"), "x"]}}, "skill 'add' is nan"),
        ({"skills": {"add": 0.5}}, "'mine': card.skills.add = 0.5"),
        ({"skills": {"add": {"score": 0.5}}}, "'card.skills.add.source' is missing: add it"),
        ({"inputs": ["picture"]}, "card.inputs.0 = 'picture': input should be 'mask' or 'description'"),
    ],
)
def test_wrong_skills_are_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RegistryError) as caught:
        from_config({"mine": {**ENTRY, "card": {**CARD, **change}}})
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_no_skill_is_what_a_card_has_by_itself() -> None:
    assert Card("x", "image-to-image", "Edits.").skills == {}
