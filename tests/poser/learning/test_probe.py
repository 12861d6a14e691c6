"""The probe: every expert, kind by kind; its file; and the command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experts.types import Failure
from poser.learned.skills import SkillScore, load, save, scores_of
from poser.learning.probe import probe
from poser.types import PoserError, Task
from tests.poser.world import make


@dataclass
class Words:
    id: str = "words"

    def draw(self, rng: np.random.Generator) -> Task:
        seed = int(rng.integers(1000))
        if rng.random() < 0.5:
            return Task("Draw a cat. Make it blue.", seed=seed)
        return Task("Add a hat. Remove the dog.", Image.new("RGB", (32, 32), (seed % 256, 0, 0)), seed)

    def first(self, count: int) -> list[Task]:
        return [self.draw(np.random.default_rng(k)) for k in range(count)]


def test_every_expert_gets_the_kinds_that_its_mode_allows() -> None:
    mdp, told = make(), []
    skills = probe(mdp, Words(), per_kind=5, on_call=lambda done, whole: told.append((done, whole)))
    for name, card in mdp.actions.cards.items():
        assert set(skills[name]) == ({"generate:0"} if card.mode == "text-to-image" else {"add"})
        assert all(0 <= skill.score <= 1 and skill.n == 5 for skill in skills[name].values())
    assert told[-1] == (20, 20)
    assert scores_of(skills) == scores_of(probe(mdp, Words(), per_kind=5))  # seconds differ


def test_failed_calls_score_nothing() -> None:
    mdp = make(fail=lambda request: Failure("broken", "no"))
    skills = [skill for kinds in probe(mdp, Words(), per_kind=3).values() for skill in kinds.values()]
    assert skills and all(skill.score == 0 for skill in skills)


def test_one_expert_alone_and_an_unknown_one() -> None:
    mdp = make()
    name = next(iter(mdp.actions.cards))
    assert set(probe(mdp, Words(), [name], 2)) == {name}
    with pytest.raises(PoserError, match="no such expert"):
        probe(mdp, Words(), ["nobody"], 2)


def test_a_file_keeps_the_scores_of_the_others(tmp_path: Path) -> None:
    file = tmp_path / "skill_scores.json"
    save({"a": {"add": SkillScore(0.5, 4, 0.1)}}, file, {"critic": "x"})
    save({"b": {"add": SkillScore(0.25, 4, 0.1)}}, file, {"critic": "x"})
    assert scores_of(load(file)) == {"a": {"add": 0.5}, "b": {"add": 0.25}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"marks": {}}',
        '{"skill_scores": {"a": {"add": 1}}}',
        '{"skill_scores": {"a": {"add": {"score": 2, "n": 1}}}}',
    ],
)
def test_a_damaged_file_is_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "skill_scores.json"
    file.write_text(text)
    with pytest.raises(PoserError) as caught:
        load(file)
    assert "\n" not in str(caught.value) and "poser probe" in str(caught.value)
