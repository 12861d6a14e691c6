"""Every full-size entry from its true hub layout: what lacks, what is downloaded, loading offline, one call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experts.hub import split
from experts.hub.fetch import fetch, plan
from experts.memory import Residency
from experts.registry import Entry, builtin, from_config
from experts.types import Expert, Request
from tests.full_size.hub import Hub

HUB = {id: entry for id, entry in builtin().items() if entry.needs and not Path(entry.needs[0]).is_absolute()}
KINDS = (
    *("pixart-sigma", "sd-1.5-ip-adapter", "sdxl-depth", "sdxl-refined", "sd-3.5-large", "flux-kontext", "magicbrush"),
    *("flux2-klein-edit", "qwen-image-edit-2511", "z-image-turbo", "longcat-image-edit", "sd-1.5-lcm"),
)
"""One of every layout; the others are asked in the slow tests."""
EVERY = [pytest.param(id, marks=() if id in KINDS else pytest.mark.slow) for id in HUB]
UNREAD = ("vae_1_0/",)
"""diffusers fetches the weights of every folder, also of those that the index does not name; loading reads none."""


def offline(id: str, stocked: Callable[..., Hub], monkeypatch: pytest.MonkeyPatch) -> Expert:
    """The expert, downloaded by its plan and loaded with HF_HUB_OFFLINE=1, without a request."""
    entry = from_config({id: dict(HUB[id].described)})[id]
    hub = stocked(*entry.needs)
    assert entry.missing() == list(entry.needs) and entry.get == f"type: poser download {' '.join(entry.needs)}"
    for need in entry.needs:
        fetch(plan(need, entry.leaves[need]))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    before = len(hub.asked)
    entry = from_config({id: dict(HUB[id].described)})[id]
    assert entry.missing() == [] and entry.get == ""
    expert = entry.load(Residency("cpu"))
    assert len(hub.asked) == before
    return expert


@pytest.mark.parametrize("id", EVERY)
def test_what_is_downloaded_loads_offline(
    id: str, stocked: Callable[..., Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert offline(id, stocked, monkeypatch).card.id == id


@pytest.mark.slow
@pytest.mark.parametrize("id", HUB)
def test_what_was_downloaded_draws(id: str, stocked: Callable[..., Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    expert = offline(id, stocked, monkeypatch)
    side, edits = expert.card.min_side, expert.card.mode == "image-to-image"
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    images = (Image.fromarray(pixels),) if edits else ()
    (result,) = expert([Request("Make the star blue", images, size=(side, side), seed=1, params={"steps": 3})])
    assert result.failure is None, result.failure
    assert result.image is not None and result.image.size == (side, side)


def test_an_empty_negative_prompt_is_none(stocked: Callable[..., Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    """SDXL sets the embedding of what is not wanted to zero where there is none, and only there."""
    expert: Any = offline("sdxl", stocked, monkeypatch)
    seen: list[dict[str, Any]] = []
    real = type(expert.pipe).encode_prompt
    monkeypatch.setattr(type(expert.pipe), "encode_prompt", lambda *a, **k: seen.append(k) or real(*a, **k))
    side = expert.card.min_side
    for more in ({}, {"negative_prompt": "blur"}):
        (result,) = expert([Request("a star", size=(side, side), params={"steps": 2, **more})])
        assert result.failure is None
    assert [given["negative_prompt"] for given in seen] == [None, ["blur"]]


def from_pretrained(entry: Entry) -> None:
    """Asks the hub as diffusers and transformers do, each part by its own `from_pretrained`."""
    import diffusers
    import transformers
    from huggingface_hub import hf_hub_download

    names = {where: name for name, where in entry.described.get("components", {}).items()}
    pipeline: Any = diffusers.DiffusionPipeline
    for need in entry.needs:
        (repo, part, revision), name = split(need), names.get(need, "pipeline")
        at: dict[str, Any] = {"revision": revision or None}
        if name in ("pipeline", "refiner"):
            pipeline.download(repo, use_safetensors=True, **at, **dict.fromkeys(entry.leaves[need]))
        elif name == "controlnet":
            diffusers.ControlNetModel.from_pretrained(repo, use_safetensors=True, **at)
        elif name == "depth_estimator":
            transformers.AutoModelForDepthEstimation.from_pretrained(repo, use_safetensors=True, **at)
            transformers.AutoImageProcessor.from_pretrained(repo, **at)
        elif name == "image_encoder":
            transformers.CLIPVisionModelWithProjection.from_pretrained(repo, subfolder=part, use_safetensors=True, **at)
        else:
            hf_hub_download(repo, part, **at)


@pytest.mark.parametrize("id", EVERY)
def test_the_plan_is_what_from_pretrained_asks_for(
    id: str, stocked: Callable[..., Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File by file, byte by byte: neither a checkpoint at the top, nor a twin, nor a pickle."""
    entry = from_config({id: dict(HUB[id].described)})[id]
    hub = stocked(*entry.needs)
    planned = {(split(need)[0], file): size for need in entry.needs for file, size in _plan(entry, need).items()}
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "other"))
    hub.asked.clear()
    from_pretrained(entry)
    asked = {(one.repo, one.file) for one in hub.asked if one.file and not one.file.startswith(UNREAD)}
    assert {key: hub.files(key[0])[key[1]] for key in asked if key[1] in hub.files(key[0])} == planned
    whole = sum(sum(hub.files(repo).values()) for repo in {repo for repo, _ in planned})
    assert sum(planned.values()) < whole


def _plan(entry: Entry, need: str) -> dict[str, int]:
    return dict(plan(need, entry.leaves[need]).files)


@pytest.mark.parametrize("name", ["qwen3-vl-2b", pytest.param("qwen3-vl-4b", marks=pytest.mark.slow)])
def test_a_critic_is_downloaded_and_asked_offline(
    name: str, stocked: Callable[..., Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its chat template lies in chat_template.json; what is planned is what transformers asks for."""
    from transformers import AutoModelForImageTextToText, AutoTokenizer, Qwen2VLImageProcessor

    from poser.critics.questions.asking import Ask
    from poser.critics.vlm.model import Vlm
    from poser.critics.vlm.presets import PRESETS

    repo = PRESETS[name].model
    hub = stocked(repo)
    vlm = Vlm(repo, device="cpu")
    picture = Image.new("RGB", (128, 128), "red")
    (yes, no) = vlm.ask([Ask(picture, "Is it red?"), Ask(picture, "Is it blue?")])
    assert vlm.shared and 0 < yes.yes < 1 and yes.yes != no.yes
    planned = dict(plan(repo).files)
    hub.asked.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert Vlm(repo, device="cpu").ask([Ask(picture, "Is it red?")])[0].yes == pytest.approx(yes.yes, abs=1e-5)
    assert not hub.asked
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "other"))
    AutoModelForImageTextToText.from_pretrained(repo)
    AutoTokenizer.from_pretrained(repo)
    Qwen2VLImageProcessor.from_pretrained(repo)
    asked = {one.file for one in hub.asked if one.file in hub.files(repo)}
    assert {file for file in planned if file.endswith((".safetensors", ".index.json"))} <= asked
    assert asked <= set(planned) and set(planned) - asked <= {"video_preprocessor_config.json", "chat_template.json"}
