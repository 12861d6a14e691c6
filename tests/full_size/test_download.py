"""`poser download` and `poser doctor` against a hub: exact bytes, resumed, gated, without a network, on a full disk."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experts import hub as names
from experts.hub.fetch import NotHere, fetch, folder, free, plan
from poser.cli import main
from poser.config import load
from poser.doctor import findings
from tests.full_size.hub import Hub

SDXL = "stabilityai/stable-diffusion-xl-base-1.0"
KONTEXT = "black-forest-labs/FLUX.1-Kontext-dev"


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_dry_run_tells_every_byte_and_fetches_none(stocked: Callable[..., Hub], capsys: Any) -> None:
    hub = stocked(SDXL)
    assert main(["download", SDXL, "--dry-run", "--json"]) == 0
    told = said(capsys)
    (row,) = told["downloads"]
    assert row["bytes"] == row["left"] == told["left"] == sum(row["files"].values())
    assert set(hub.got(SDXL)) <= {"model_index.json"}
    assert not [file for file in row["files"] if "fp16" in file or "/" not in file and file != "model_index.json"]
    assert main(["download", SDXL, "--json"]) == 0
    assert set(hub.got(SDXL)) <= set(row["files"])
    assert main(["download", SDXL, "--dry-run"]) == 0
    assert f"0.00 GB of 0.00  {SDXL}" in capsys.readouterr().out


def test_a_preset_is_downloaded_and_doctor_finds_it(
    stocked: Callable[..., Hub], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load("local-24gb")
    before = findings(config)
    hub = stocked(*(one.need for one in before.downloads))
    assert {"critic", "flux-kontext", "sdxl-depth"} <= {who for one in before.downloads for who in one.readers}
    assert before.gb == pytest.approx(107.3) and all(one.gb for one in before.downloads)
    assert main(["download", "local-24gb"]) == 0
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert findings(config).downloads == () and hub.asked
    capsys.readouterr()
    assert main(["doctor", "--preset", "local-24gb", "--json"]) == 1  # no GPU
    assert said(capsys)["presets"]["local-24gb"]["downloads"] == []


def test_a_cut_download_is_seen_and_goes_on(stocked: Callable[..., Hub], tmp_path: Path) -> None:
    hub = stocked(KONTEXT)
    file = "transformer/diffusion_pytorch_model-00002-of-00003.safetensors"
    hub.away.add(file)
    with pytest.raises(NotHere, match="the hub does not give it"):
        fetch(plan(KONTEXT))
    hub.away.clear()
    hub.cut[file] = 1000
    commit = hub.repos[KONTEXT][0]
    left = names.lacking(f"{KONTEXT}@{commit}")
    assert file in left and "model_index.json" not in left
    hub.asked.clear()
    place = fetch(plan(KONTEXT))
    assert (place / file).read_bytes() == (hub.repos[KONTEXT][1] / file).read_bytes()
    assert names.lacking(KONTEXT) == []
    assert not set(hub.got(KONTEXT)) - set(left), "what was here came again"


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(
    "gone",
    [
        "vae/diffusion_pytorch_model.safetensors",
        "transformer/diffusion_pytorch_model-00003-of-00003.safetensors",
        "text_encoder_2/model-00001-of-00002.safetensors",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
    ],
)
def test_a_partial_snapshot_is_found(gone: str, listed: bool, stocked: Callable[..., Hub]) -> None:
    """With the list of files that a download keeps, and without it: by the index of the pipeline and of the shards."""
    stocked(KONTEXT)
    place = fetch(plan(KONTEXT))
    if not listed:
        for tree in place.parents[1].glob("trees/*.json"):
            tree.unlink()
    assert names.cached(KONTEXT)
    (place / gone).unlink()
    assert not names.cached(KONTEXT) and [Path(file).parent for file in names.lacking(KONTEXT)] == [Path(gone).parent]


def test_gated_repositories_are_named_before_and_after(
    stocked: Callable[..., Hub], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    hub = stocked(KONTEXT)
    hub.gated.add(KONTEXT)
    lacks = findings(load("local-24gb")).lacks
    page = f"https://huggingface.co/{KONTEXT}"
    assert f"licence: flux-kontext: accept it at {page}, then type: hf auth login" in lacks
    assert main(["download", KONTEXT]) == 1
    assert f"{KONTEXT} is gated: accept its licence at {page}, then type: hf auth login" in capsys.readouterr().out
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "hf_x")
    found = findings(load("local-24gb"))
    assert not any("licence" in lack for lack in found.lacks) and any(page in note for note in found.notes)


def test_without_a_network_nothing_is_tried_twice(hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    start = time.perf_counter()
    with pytest.raises(NotHere, match="is not here, and the hub cannot be reached"):
        folder(SDXL)
    assert main(["download", "local-24gb"]) == 1
    assert capsys.readouterr().out.count("cannot be reached") == 1 and time.perf_counter() - start < 15


def test_a_full_disk_is_said_before_anything_comes(
    stocked: Callable[..., Hub], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    hub = stocked(SDXL)
    monkeypatch.setattr("experts.hub.fetch.free", lambda: 1000)
    with pytest.raises(NotHere, match="are to come and 0.0 GB are free in .*; make room, or set HF_HUB_CACHE"):
        fetch(plan(SDXL))
    assert set(hub.got(SDXL)) <= {"model_index.json"}
    assert any(lack.startswith("disk: ") for lack in findings(load("local-24gb")).lacks)
    assert main(["download", SDXL, "--dry-run"]) == 1 and "too much; make room" in capsys.readouterr().out
    assert free() > 1000


@pytest.mark.parametrize(
    ("target", "words"), [("flux-kontxt", "no preset"), ("owner/nothing", "the hub has no owner/nothing")]
)
def test_a_wrong_target_is_one_line(target: str, words: str, hub: Hub, capsys: Any) -> None:
    assert main(["download", target]) in (1, 2)
    told = capsys.readouterr()
    assert words in told.out + told.err and (told.out + told.err).count("\n") <= 2
