"""`poser probe` and `poser train` on the embedded preset, a few calls each, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from poser.cli import main


def test_probe_then_train_then_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores, folder = tmp_path / "scores.json", tmp_path / "policy"
    assert main(["probe", "poster-pixart", "poster-ip2p", "--calls", "1", "--out", str(scores), "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert f"use them with --set skills={scores}" in err
    assert set(told["skill_scores"]) == {"poster-pixart", "poster-ip2p"} and told["tasks"] == "poster:train"
    assert any(kind.startswith("generate") for kind in told["skill_scores"]["poster-pixart"])

    asked = ["train", "--skill-scores", str(scores), "--out", str(folder), "--steps", "24", "--seats", "8"]
    more = ["--n-eval-tasks", "2", "--eval-freq", "16", "--train-config", "learning_starts=8", "--json", "--quiet"]
    assert main([*asked, *more]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["calls"] for row in told["log"]] == [16, 24]
    written = {"policy.json", "policy.safetensors", "curve.png", "train.episodes.gz", "train_config.json"}
    assert written <= {f.name for f in folder.iterdir()}

    prompt, policy = "A red poster with a big white star at the center.", f"dqn:{folder}"
    out = ["--out", str(tmp_path / "run"), "--json", "--quiet"]
    assert main(["run", prompt, "--policy", policy, "--cost-weight", "1", "--abstain-below", "0.1", *out]) == 0
    assert json.loads(capsys.readouterr().out)["steps"]
    assert main([*asked, "--quiet"]) == 2
    assert "--resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["train", "--policy", "ppo"], "cannot train 'ppo'"),
        (["train", "--train-config", "gamma=2"], "gamma = 2"),
        (["train", "--train-config", "discount=2"], "keys are algorithm, network, hidden_size"),
        (["train", "--algorithm", "ppo", "--train-config", "rollout_steps=0"], "rollout_steps = 0"),
        (["train", "--algorithm", "ppo", "--resume"], "no run in"),
        (["train", "--track", "wandb", "--tasks", "poster:nowhere"], "no such split"),
        (["train", "--skill-scores", "none.json"], "poser probe"),
        (["train", "--offline", "nowhere"], "no records in 'nowhere'"),
        (["train", "--n-eval-tasks", "0"], "--n-eval-tasks 0"),
        (["train", "--preset", "posters"], "no preset"),
        (["probe", "nobody"], "no such expert"),
        (["probe", "--calls", "0"], "--calls 0"),
        (["run", "A star.", "--policy", "dqn:nowhere"], "no policy 'nowhere'"),
        (["run", "A star.", "--policy", "greedy", "--abstain-below", "0.5"], "abstain_below"),
        (["run", "A star.", "--cost-weight", "-1"], "cost_weight"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    asked: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(asked) == 2
    error = capsys.readouterr().err.strip()
    assert words in error and "\n" not in error
    assert not list(tmp_path.iterdir())
