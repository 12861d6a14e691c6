"""A hub on loopback that has every repository of every preset in its true layout, and an empty cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experts.hub import COMMIT, ID, split
from tests.full_size import repos
from tests.full_size.hub import Hub, served


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Repository -> its folder, written when it is first asked for."""
    home = tmp_path_factory.mktemp("repositories")

    def folder(repo: str) -> Path:
        if not (home / repo).is_dir():
            repos.write(repo, home / repo)
        return home / repo

    return folder


@pytest.fixture
def hub(written: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub, which has what `stocked` brings; huggingface_hub asks it, and its cache is empty."""
    with served() as hub:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", hub.url)
        monkeypatch.setattr("transformers.utils.hub._hf_api", None)  # made at the first call, for the hub of that time
        yield hub


@pytest.fixture
def stocked(hub: Hub, written: Callable[[str], Path]) -> Callable[..., Hub]:
    """The hub with the repositories of these hub ids, each at the commit that is pinned, or at one made of its name."""

    def stock(*needs: str) -> Hub:
        for need in needs:
            assert ID.fullmatch(need), need
            repo, _, revision = split(need)
            commit = revision if COMMIT.fullmatch(revision) else hashlib.sha1(repo.encode()).hexdigest()
            hub.repos[repo] = (commit, written(repo))
        return hub

    return stock
