"""The examples: every command of their README runs as it is written there, and leaves what the README says."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
README = (EXAMPLES / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"^```sh\n(.*?)\n```$", README, re.DOTALL | re.MULTILINE)
SKILL_SCORES = ROOT / "poser" / "policies" / "weights" / "poster" / "skill_scores.json"
LONGEST = 60
"""Lines of an example's file."""


@pytest.fixture
def shell(session, tmp_path: Path):
    """Runs a command line in a folder that holds the examples."""
    (tmp_path / "examples").symlink_to(EXAMPLES)
    return session


def command(word: str) -> str:
    """The one command of the README that has this word."""
    (found,) = [line for line in COMMANDS if word in line]
    return found


def steps(folder: Path) -> list[dict[str, Any]]:
    """The recorded steps of a run."""
    rows = [json.loads(line) for line in (folder / "trajectory.jsonl").read_text("utf-8").splitlines()]
    return [row for row in rows if row.get("action")]


def test_every_folder_has_a_command_and_a_link() -> None:
    folders = [folder.name for folder in EXAMPLES.iterdir() if folder.is_dir() and folder.name != "__pycache__"]
    assert len(folders) >= 5
    for folder in folders:
        assert f"]({folder})" in README and any(f"examples/{folder}/" in line for line in COMMANDS)


@pytest.mark.parametrize("file", sorted(f for f in EXAMPLES.glob("*/*") if f.is_file()), ids=lambda file: file.name)
def test_examples_are_short(file: Path) -> None:
    assert len(file.read_text("utf-8").splitlines()) <= LONGEST


def test_own_expert_is_chosen_and_accepted(shell, tmp_path) -> None:
    done = shell(command("own_expert"))
    assert done.returncode == 0, done.stderr
    last = steps(tmp_path / "out/own-expert")[-1]
    assert last["action"]["expert"] == "paint-background" and last["accepted"]
    assert "paint-background" in (tmp_path / "out/own-expert/report.html").read_text("utf-8")


def test_own_critic_judges_by_what_it_measures(shell, tmp_path) -> None:
    done = shell(command("own_critic"))
    assert done.returncode == 0, done.stderr
    for step in steps(tmp_path / "out/own-critic"):
        assert step["critique"]["critic"].startswith("measured(vqa:")
    strict = shell(command("own_critic") + "-strict --set critic.share=0.5")
    assert strict.returncode == 3, strict.stderr
    assert "covers" in steps(tmp_path / "out/own-critic-strict")[-1]["critique"]["feedback"]


def test_own_policy_draws_everything_in_one_call(shell, tmp_path) -> None:
    done = shell(command("own_policy"))
    assert done.returncode == 0, done.stderr
    made = steps(tmp_path / "out/own-policy")
    assert made[0]["action"] == {"expert": "poster-pixart", "scope": "all"} and len(made) < 3
    wrong = shell(command("own_policy").replace("poster-pixart", "poster-pixel") + "-wrong")
    assert wrong.returncode == 2 and "no artist 'poster-pixel'" in wrong.stderr and wrong.stderr.count("\n") == 1


def test_own_extractor_carries_out_the_lines(shell, tmp_path) -> None:
    done = shell(command("own_extractor"))
    assert done.returncode == 0, done.stderr
    assert "all satisfied (3 of 3)" in done.stdout
    asked = [step["request"]["asked"] for step in steps(tmp_path / "out/own-extractor")]
    assert "heart" not in " ".join(asked) and "Add a small red star at the top left" in " ".join(asked)


def test_training_with_stable_baselines3(shell, tmp_path) -> None:
    done = shell(command("with_sb3.py"))
    assert done.returncode == 0, done.stderr
    assert "return of this one" in done.stdout
    assert {file.name for file in (tmp_path / "runs/sb3").iterdir()} == {"policy.zip", "episode.png"}


def test_training_with_the_command(shell, tmp_path) -> None:
    (tmp_path / "runs/own-policy").mkdir(parents=True)
    shutil.copy(SKILL_SCORES, tmp_path / "runs/own-policy/measured.json")  # what an earlier run has left
    done = shell(command("train.sh"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs/own-policy/policy/policy.safetensors").exists()
    assert (tmp_path / "runs/own-policy/run/final.png").exists() and "of 2)" in done.stdout


def test_searching_settings(shell, tmp_path) -> None:
    done = shell(command("search.py"))
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"trial [01]: return -?[\d.]+ with \{.*\}\n", done.stdout)
    assert {"study.db", "trial-0", "trial-1"} <= {path.name for path in (tmp_path / "runs" / "search").iterdir()}
