"""Presets from an empty cache to a picture: `poser run` downloads what it needs, draws, edits, and asks its critic."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from poser import downloads
from poser.cli import main
from poser.config import load
from poser.roster import registry_of
from tests.full_size.hub import Hub

PROMPT = "Draw a red star on white. Make the star blue."
CPU = {"device": "cpu", "size": [512, 512], "profile": "draft"}
SMALLER = {"experts.flux-kontext.load": None}
"""nf4 needs a GPU."""
OWN = {"extractor": {"name": "rules"}, "critic": {"name": "vqa", "model": "qwen3-vl-2b"}}
"""In place of the paper's models at OpenAI."""
PRESETS: dict[str, dict[str, Any]] = {
    "local-24gb": CPU | SMALLER,
    "local-80gb": CPU,
    "mixed": CPU | {"experts": ["flux2-klein", "sdxl", "flux2-klein-edit", "instruct-pix2pix"]},
    "paper": CPU | OWN,
}
"""Those with local experts; of `mixed`, these alone. `api` has none, and is played in tests/experts."""


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_runs_from_an_empty_cache(
    name: str,
    stocked: Callable[..., Hub],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No call fails, every step has a verdict; the second run asks the hub for nothing."""
    for key in ("OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(key, raising=False)
    config = load(name, PRESETS[name])
    needs, _ = downloads.requirements(config)
    hub = stocked(*(one.need for one in downloads.of(registry_of(config), downloads.models(config, needs))))
    told = [text for key, value in PRESETS[name].items() for text in ("--set", f"{key}={json.dumps(value)}")]
    for run in ("first", "second"):
        code = main(["run", PROMPT, "--preset", name, "--out", str(tmp_path / run), "--json", *told])
        out = json.loads(capsys.readouterr().out)
        assert code in (0, 3), out
        assert (tmp_path / run / "report.html").is_file()
        if run == "first":
            assert {one.repo for one in hub.asked} >= {"Qwen/Qwen3-VL-2B-Instruct"} or name == "local-80gb"
            hub.asked.clear()
            monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert hub.asked == []
    steps = [json.loads(line) for line in (tmp_path / "first" / "trajectory.jsonl").read_text("utf-8").splitlines()[1:]]
    assert steps and not [step for step in steps if (step.get("result") or {}).get("failure")]
