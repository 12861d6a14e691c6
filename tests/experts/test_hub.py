"""Commits: pinned ones and those that the hub cache holds, in versions, sources and what to type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experts.memory import Residency
from experts.registry import from_config

CARD: dict[str, Any] = {"mode": "text-to-image", "description": "Draws.", "params": {"steps": 4}}
ENTRY: dict[str, Any] = {"family": "stable_diffusion", "weights": "./sd", "card": CARD}
COMMIT, OTHER = "0123456789abcdef" * 2 + "01234567", "f" * 40


def test_commits_and_ways_of_loading_are_part_of_the_version() -> None:
    hub = {**ENTRY, "weights": "owner/model", "components": {"vae": f"owner/parts/vae@{OTHER}"}}
    card = {**CARD, "version": "7"}

    def version(**more: Any) -> str:
        return from_config({"m": {**hub, "card": card, **more}})["m"].card.version

    assert version(components={}) == "7" and version() == "7@ffffffffffff"
    assert version(revision=COMMIT) == "7@0123456789ab@ffffffffffff"
    loading = {"offload": False, "compile": True, "quantise": "nf4"}
    assert version(revision=COMMIT, components={}, load=loading) == "7@0123456789ab+nf4+compile"
    assert version(components={}, load={"quantise": None}) == "7"
    assert from_config({"m": {**ENTRY, "weights": "./here", "card": card}})["m"].card.version == "7"


def test_the_source_is_handed_to_the_family(monkeypatch: pytest.MonkeyPatch) -> None:
    from experts.local import _pipeline

    seen: list[Any] = []
    monkeypatch.setattr(_pipeline, "load", lambda card, family, source, residency: seen.append(source))
    hub = {**ENTRY, "weights": "owner/model", "components": {"vae": f"owner/parts/vae@{OTHER}", "unet": "/x"}}
    from_config({"m": {**hub, "revision": COMMIT, "load": {"compile": True}}})["m"].load(Residency("cpu"))
    assert seen[0].weights == "owner/model" and seen[0].revision == COMMIT and seen[0].loading == {"compile": True}
    assert seen[0].components == {"vae": "owner/parts/vae", "unet": "/x"} and seen[0].revisions == {"vae": OTHER}


def store(home: Path, repo: str, commit: str, *files: str, main: bool = True) -> Path:
    """A repository in a hub cache."""
    folder = home / f"models--{repo.replace('/', '--')}"
    for file in files:
        path = folder / "snapshots" / commit / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / "refs").mkdir(exist_ok=True)
    if main:
        (folder / "refs" / "main").write_text(commit)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_without_a_revision_the_cache_says_which_weights_run(cache: Path) -> None:
    entry = {**ENTRY, "weights": "owner/model", "components": {"vae": "owner/parts/vae"}}
    before = from_config({"m": entry})["m"]
    assert before.card.version == "1" and before.missing() == ["owner/model", "owner/parts/vae"]
    store(cache, "owner/model", COMMIT, "config.json", "model.safetensors")
    store(cache, "owner/parts", OTHER, "vae/config.json", "vae/model.safetensors")
    after = from_config({"m": entry})["m"]
    assert after.card.version == "1@0123456789ab@ffffffffffff" and after.missing() == [] and after.get == ""
    assert after.needs == (f"owner/model@{COMMIT}", f"owner/parts/vae@{OTHER}")


def test_a_pinned_commit_must_be_there_and_whole(cache: Path) -> None:
    entry = {**ENTRY, "weights": "owner/model", "revision": COMMIT}
    store(cache, "owner/model", OTHER, "config.json", "model.safetensors")
    found = from_config({"m": entry})["m"]
    assert found.missing() == [f"owner/model@{COMMIT}"]
    assert found.get == f"type: poser download owner/model@{COMMIT}"
    store(cache, "owner/model", COMMIT, "config.json", main=False)  # a download that was cut off
    assert from_config({"m": entry})["m"].missing() == [f"owner/model@{COMMIT}"]
    store(cache, "owner/model", COMMIT, "model.safetensors", main=False)
    assert from_config({"m": entry})["m"].missing() == []


def test_a_branch_of_a_pull_request_becomes_its_commit(cache: Path) -> None:
    entry = {**ENTRY, "weights": "owner/model", "revision": "refs/pr/2"}
    found = from_config({"m": entry})["m"]
    assert found.needs == ("owner/model@refs/pr/2",) and found.card.version == "1"
    folder = store(cache, "owner/model", COMMIT, "config.json", "model.safetensors", main=False)
    (folder / "refs" / "refs" / "pr").mkdir(parents=True)
    (folder / "refs" / "refs" / "pr" / "2").write_text(COMMIT)
    found = from_config({"m": entry})["m"]
    assert found.card.version == "1@0123456789ab" and found.missing() == []


def test_what_to_type_fits_what_is_missing(cache: Path) -> None:
    parts = {"vae": "owner/parts/vae", "ip_adapter": f"owner/parts/models/a.safetensors@{OTHER}"}
    entry = from_config({"m": {**ENTRY, "weights": "owner/model", "components": parts}})["m"]
    assert entry.get == f"type: poser download owner/model owner/parts/vae owner/parts/models/a.safetensors@{OTHER}"
    store(cache, "owner/parts", OTHER, "vae/config.json", "vae/model.safetensors", "models/a.safetensors")
    assert from_config({"m": {**ENTRY, "weights": "owner/model", "components": parts}})["m"].missing() == [
        "owner/model"
    ]
