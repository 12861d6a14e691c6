"""Brings what is not here: exactly the files that loading reads, resumed where a download was cut off."""

from __future__ import annotations

import glob
import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from experts.hub import cache, files
from experts.hub.names import pinned, split


class NotHere(OSError):
    """Weights that are not here and cannot be fetched; the message is one line with the remedy."""


class Unreachable(NotHere):
    """The hub does not answer: no other repository will come either."""


@dataclass(frozen=True)
class Plan:
    """What of a repository is read.

    Attributes:
        need: the hub id.
        commit: what it stands for at the hub.
        files: file -> bytes.
        absent: those that are not here.
    """

    need: str
    commit: str
    files: Mapping[str, int]
    absent: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(self.files.values())

    @property
    def left(self) -> int:
        """Bytes that are not here."""
        return sum(self.files[file] for file in self.absent)


def plan(need: str, leave: Collection[str] = ()) -> Plan:
    """Asks the hub what of a hub id is read.

    Args:
        need: the hub id.
        leave: parts of a pipeline that come from elsewhere.

    Raises:
        NotHere: the hub cannot be asked, or has no such thing.
    """
    from huggingface_hub import HfApi, hf_hub_download

    repo, part, revision = split(need)
    with _told(need):
        # one request that is not repeated: `list_repo_tree` tries for 23 s where there is no network
        info = HfApi().model_info(repo, revision=revision or None, files_metadata=True)
        commit, sizes = str(info.sha), {file.rfilename: file.size or 0 for file in info.siblings or ()}
        place = cache.snapshot(f"{repo}@{commit}")
        here = {file for file in sizes if place is not None and (place / file).exists()}
        if part in sizes:
            chosen = [part]
        elif part or files.INDEX not in sizes:
            chosen = files.of_model(sizes, part)
        else:
            index = Path(hf_hub_download(repo, files.INDEX, revision=commit))
            chosen = files.of_pipeline(json.loads(index.read_text("utf-8")), sizes, leave)
    if not chosen:
        raise NotHere(f"{need} holds nothing that can be loaded: no settings and no safetensors")
    return Plan(need, commit, {file: sizes[file] for file in chosen}, tuple(f for f in chosen if f not in here))


def fetch(what: Plan) -> Path:
    """Fetches what is not here; gives the folder of the repository.

    Raises:
        NotHere: the disk is full, or the hub cannot be asked.
    """
    from huggingface_hub import snapshot_download

    room = free()
    if what.left > room:
        words = f"{what.left / 1e9:.1f} GB are to come and {room / 1e9:.1f} GB are free in {cache.home()}"
        raise NotHere(f"{what.need}: {words}; make room, or set HF_HUB_CACHE to a folder on another disk")
    repo, _, revision = split(what.need)
    with _told(what.need):
        names = [glob.escape(file) for file in what.files]
        # a branch by its name, so that the cache keeps what it stands for
        return Path(snapshot_download(repo, revision=revision or None, allow_patterns=names))


def folder(where: str, revision: str | None = None, leave: Collection[str] = ()) -> Path:
    """The folder or file from which something is loaded; fetched first where it is a hub id that is not here whole.

    Args:
        where: an absolute folder or file, or a hub id without revision.
        revision: of the hub id; None: what the cache holds as 'main', else the newest.
        leave: parts of a pipeline that come from elsewhere.

    Raises:
        FileNotFoundError: no such folder.
        NotHere: it cannot be fetched.
    """
    if Path(where).is_absolute():
        if not Path(where).exists():
            raise FileNotFoundError(f"no such folder: {where}")
        return Path(where)
    need = pinned(where, revision)
    place = cache.snapshot(need) if cache.cached(need, leave) else fetch(plan(need, leave))
    assert place is not None
    return place / split(need)[1]


def free() -> int:
    """Bytes that are free where the cache is."""
    place = cache.home()
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


@contextmanager
def _told(need: str) -> Iterator[None]:
    """Errors of the hub's client as one line with the remedy."""
    import httpx2
    from huggingface_hub import errors

    repo, _, revision = split(need)
    try:
        yield
    except errors.GatedRepoError:
        page = f"https://huggingface.co/{repo}"
        raise NotHere(f"{repo} is gated: accept its licence at {page}, then type: hf auth login") from None
    except errors.RepositoryNotFoundError:
        raise NotHere(f"the hub has no {repo}, or not for you; check the name, or type: hf auth login") from None
    except errors.RevisionNotFoundError:
        raise NotHere(f"{repo} has no revision {revision}; drop it, or copy one from its page") from None
    except errors.OfflineModeIsEnabled:
        raise Unreachable(f"{need} is not here and HF_HUB_OFFLINE is set; unset it, or download it elsewhere") from None
    except (httpx2.TransportError, errors.LocalEntryNotFoundError) as error:
        raise Unreachable(f"{need} is not here, and the hub cannot be reached ({_words(error)})") from None
    except (errors.HfHubHTTPError, httpx2.HTTPError) as error:
        raise NotHere(f"{need} is not here, and the hub does not give it ({_words(error)})") from None


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
