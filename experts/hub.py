"""Weights by hub id: what the local Hugging Face cache holds of them, read from its folders without any request.

A hub id is 'owner/name', 'owner/name/PART' for a folder or file of it, and either with '@COMMIT' (40 hex digits).
Layout of the cache: huggingface_hub 2.4, `models--OWNER--NAME/{refs/main, snapshots/COMMIT, blobs}`. Its own look-ups
import an HTTP client and do not say whether a folder's download was cut off, so that they are not used for listing.
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
    """The parts of a hub id.

    Returns:
        'owner/name'; the folder or file in it, '' for the whole; the commit, '' where none is pinned.
    """
    where, _, commit = need.partition("@")
    owner, name, *part = where.split("/")
    return f"{owner}/{name}", "/".join(part), commit


def pinned(where: str, revision: str | None) -> str:
    """A folder or hub id with its commit, where `revision` is one: 'owner/name@COMMIT'."""
    return f"{where}@{revision}" if revision and COMMIT.fullmatch(revision) else where


def place(where: str, revision: str | None = None) -> dict[str, str | None]:
    """Where weights are, as keyword arguments of `from_pretrained`.

    Args:
        where: an absolute folder, or a hub id without commit.
        revision: the commit of a hub id; None: what the cache holds as 'main'.
    """
    if Path(where).is_absolute():
        return {"pretrained_model_name_or_path": where}
    repo, folder, _ = split(where)
    return {"pretrained_model_name_or_path": repo, "subfolder": folder, "revision": revision}


def cached(need: str) -> str:
    """The commit of a hub id that would be loaded from the local cache: the pinned one, or its 'main'.

    Returns:
        40 hexadecimal digits; '' where it is not there, or its download was cut off.
    """
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
    """The shell command that downloads a hub id, without what is never loaded."""
    repo, part, commit = split(need)
    pinned = f" --revision {commit}" if commit else ""
    if part.endswith(".safetensors"):
        return f"hf download {repo} {part}{pinned}"
    return f"hf download {repo}{pinned} " + (f'--include "{part}/*"' if part else _UNUSED)


def _home(repo: str) -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"
