"""What the local hub cache holds, read from its folders without any request.

Layout: huggingface_hub 2.4, `models--OWNER--NAME/{refs/main, snapshots/COMMIT, trees/COMMIT.json}`. Its own
look-ups import an HTTP client and do not say what loading needs.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from experts.hub import files, known
from experts.hub.names import COMMIT, split


def home() -> Path:
    """The folder of the cache."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def commit_of(need: str) -> str:
    """The commit that a hub id stands for here: the pinned one, or what the cache knows its branch as; '': unknown."""
    repo, _, revision = split(need)
    if COMMIT.fullmatch(revision):
        return revision
    ref = _repository(repo) / "refs" / (revision or "main")
    commit = ref.read_text("utf-8").strip() if ref.is_file() else ""
    return commit if COMMIT.fullmatch(commit) else ""


def snapshot(need: str) -> Path | None:
    """The folder of a hub id's repository here, complete or not; None where there is none."""
    commit = commit_of(need)
    place = _repository(split(need)[0]) / "snapshots" / commit
    return place if commit and place.is_dir() else None


def cached(need: str, leave: Collection[str] = ()) -> str:
    """The commit of a hub id that is loaded from the local cache; '' where anything of it is not there.

    Args:
        need: the hub id.
        leave: parts of a pipeline that come from elsewhere.
    """
    return commit_of(need) if snapshot(need) is not None and not lacking(need, leave) else ""


def present(need: str, leave: Collection[str] = ()) -> bool:
    """Whether all that loading reads of a folder, a file or a hub id is on this machine."""
    return not lacking(need, leave)


def lacking(need: str, leave: Collection[str] = ()) -> list[str]:
    """The files that loading reads of a folder, a file or a hub id and that are not here; of what is not here at all,
    the need itself."""
    if Path(need).is_absolute():
        place, part, listing = Path(need), "", None
    else:
        found = snapshot(need)
        if found is None:
            return [need]
        place, part = found, split(need)[1]
        listing = _listing(need)
    whole = place / part
    if whole.is_file():
        return []
    tops = (files.INDEX, "config.json")
    if not whole.is_dir() or not (part or Path(need).is_absolute() or any((place / top).is_file() for top in tops)):
        return [part or need]
    if part or not (place / files.INDEX).is_file():
        read = files.of_model(listing, part) if listing else [str(Path(part, file)) for file in files.absent(whole)]
    else:
        try:
            index = json.loads((place / files.INDEX).read_text("utf-8"))
        except ValueError:
            return [files.INDEX]
        if listing:
            read = files.of_pipeline(index, listing, leave)
        else:
            parts = files.parts_of(index, leave).items()
            read = [f"{name}/{file}" for name, kind in parts for file in files.absent(place / name, kind)]
    return [file for file in read if not (place / file).exists()]


def _repository(repo: str) -> Path:
    return home() / f"models--{repo.replace('/', '--')}"


def _listing(need: str) -> dict[str, int] | None:
    """File -> bytes of all that the repository has at its commit, where a download kept that list."""
    path = _repository(split(need)[0]) / "trees" / f"{commit_of(need)}.json"
    try:
        return {file: int(row["size"]) for file, row in json.loads(path.read_text("utf-8"))["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def left(need: str, lacking: Collection[str]) -> float | None:
    """What is still to come of a hub id, 10**9 bytes: exact where its list of files is here, else what is known of it.

    Args:
        need: the hub id.
        lacking: the files of it that are not here.
    """
    listing = _listing(need) or {}
    if all(file in listing for file in lacking):
        return sum(listing[file] for file in lacking) / 1e9
    return known.size(need)
