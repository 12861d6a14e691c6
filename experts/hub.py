"""Weights by hub id: what the local Hugging Face cache holds of them, read from its folders without any request.

A hub id is 'owner/name', 'owner/name/PART' for a folder or file of it, and either with '@COMMIT' (40 hex digits).
Layout of the cache: huggingface_hub 2.4, `models--OWNER--NAME/{refs/main, snapshots/COMMIT, blobs}`.
"""

from __future__ import annotations

import re
from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{40}")
ID = re.compile(r"[\w.-]+/[\w.-]+(/[\w./-]+)?(@[0-9a-f]{40})?")
INDEXES = ("model_index.json", "config.json")
"""One of them lies at the top of every repository that can be loaded as a whole."""
_UNUSED = '--exclude "*.bin" --exclude "*.ckpt" --exclude "*.msgpack"'  # only safetensors are loaded


def split(need: str) -> tuple[str, str, str]:
    """(owner/name, folder or file or '', commit or '') of a hub id."""
    where, _, commit = need.partition("@")
    owner, name, *part = where.split("/")
    return f"{owner}/{name}", "/".join(part), commit


def pinned(where: str, revision: str | None) -> str:
    """A folder or hub id with its commit, where `revision` is one: 'owner/name@COMMIT'."""
    return f"{where}@{revision}" if revision and COMMIT.fullmatch(revision) else where


def place(where: str, revision: str | None = None) -> dict[str, str | None]:
    """Where a folder (an absolute path) or a hub id is, as arguments of `from_pretrained`."""
    if Path(where).is_absolute():
        return {"pretrained_model_name_or_path": where}
    repo, folder, _ = split(where)
    return {"pretrained_model_name_or_path": repo, "subfolder": folder, "revision": revision}


def cached(need: str) -> str:
    """The commit that would be loaded from the local cache: the pinned one, or its 'main'; '' where it is not there."""
    repo, part, commit = split(need)
    home = _home(repo)
    if not commit:
        main = home / "refs" / "main"
        commit = main.read_text("utf-8").strip() if main.is_file() else ""
    snapshot = home / "snapshots" / commit
    whole = [snapshot / part] if part else [snapshot / name for name in INDEXES]
    if not COMMIT.fullmatch(commit) or not any(path.exists() for path in whole):
        return ""
    return "" if any(home.glob("blobs/*.incomplete")) else commit  # those: a download that was cut off


def command(need: str) -> str:
    """What to type to get it."""
    repo, part, commit = split(need)
    pinned = f" --revision {commit}" if commit else ""
    if part.endswith(".safetensors"):
        return f"hf download {repo} {part}{pinned}"
    return f"hf download {repo}{pinned} " + (f'--include "{part}/*"' if part else _UNUSED)


def _home(repo: str) -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"
