"""A policy as a folder: `policy.safetensors` (the weights) and `policy.json` (what they are for). No pickle.

What is read may come from anywhere: sizes are limited, the form is checked, the weights must be those that the JSON
names by their sha256. Nothing of the folder is ever run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json
from torch import Tensor

from experts.files import write_whole
from poser.actions import ActionSet
from poser.learned.embedders import described, of_a_stranger
from poser.learned.network import NetworkShape
from poser.learned.observation import Encoder, Observer
from poser.types import PoserError, Scope

WEIGHTS, ABOUT = "policy.safetensors", "policy.json"
NEXT = "policy.next.safetensors"
FORMAT = 3
MAX_WEIGHTS, MAX_ABOUT = 64 * 2**20, 4 * 2**20
"""Bytes."""

Name = Annotated[str, Field(max_length=1000)]


class _Part(BaseModel):
    """Unknown keys are ignored: a later version may say more."""

    model_config = ConfigDict(frozen=True, strict=True)


class EmbedderEntry(_Part):
    """What `embedder(name, model)` takes, and the id that the embedder must have."""

    name: Name
    model: Name | None = None
    id: Name


class ObserverEntry(_Part):
    """What an `Observer` is made of, and its digest. `cards`: 'identity' for the ablation without them; a score of null
    was not measured."""

    embedder: EmbedderEntry
    extras: list[Name]
    remaining: bool
    cards: Literal["full", "identity"]
    digest: Name
    scores: dict[str, dict[str, float | None]] = {}


class ActionsEntry(_Part):
    """The slots of the training ('stop', 'EXPERT/SCOPE'), which scopes the policy may choose, and whether text-to-image
    experts could draw again, and draw input pictures anew."""

    slots: Annotated[list[Name], Field(min_length=1, max_length=4096)]
    allowed: list[Scope]
    redraw: bool
    digest: Name
    recreate: bool = False


class About(_Part):
    """What `policy.json` must hold."""

    sha256: Name
    network: NetworkShape
    observer: ObserverEntry
    actions: ActionsEntry

    def observer_over(self, actions: ActionSet) -> Observer:
        """The observer of the training over the slots of `actions`.

        Raises `PoserError` for an unknown embedder or extra, and where its observations are not those of the training.
        """
        entry = self.observer
        inner = of_a_stranger(entry.embedder.name, entry.embedder.model)
        scores = {name: {k: s for k, s in row.items() if s is not None} for name, row in entry.scores.items()}
        encoder = Encoder(inner, tuple(entry.extras), entry.remaining)
        observer = Observer(encoder, actions, scores, entry.cards == "identity")
        if observer.digest != entry.digest:
            raise PoserError(
                f"it was trained on other observations (embedder {entry.embedder.id!r}, here {inner.id!r}); "
                "use that embedder and version, or train anew"
            )
        return observer


def describe(shape: NetworkShape, observer: Observer) -> dict[str, Any]:
    """The parts of `policy.json` that every policy has: 'network', 'observer' and 'actions' of its training."""
    encoder, actions = observer.encoder, observer.actions
    return {
        "network": shape.model_dump(),
        "observer": {
            "embedder": described(encoder.embedder),
            "extras": encoder.extras,
            "remaining": encoder.remaining,
            "cards": "identity" if observer.identity else "full",
            "digest": observer.digest,
            "scores": observer.scores,
        },
        "actions": {
            "slots": [str(action) for action in actions.slots],
            "allowed": actions.allowed,
            "redraw": actions.redraw,
            "recreate": actions.recreate,
            "digest": actions.digest,
        },
    }


def save(folder: str | os.PathLike[str], tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> Path:
    """Writes both files, so that at any moment the folder holds the policy before or this one, whole; gives the folder.

    The weights wait under `NEXT` until the JSON names them.

    Args:
        tensors: the weights, by name.
        about: what `describe` gives, and any more JSON data; 'format' and 'sha256' are filled in, numbers that are not
            finite become null.

    Raises `PoserError` where `about` lacks a part, OSError.
    """
    from safetensors.torch import save as packed

    folder, data = Path(folder), packed({name: value.contiguous() for name, value in tensors.items()})
    content = {**about, "format": FORMAT, "sha256": hashlib.sha256(data).hexdigest()}
    text = to_json(content, indent=1, inf_nan_mode="null", fallback=lambda number: number.item())
    checked(json.loads(text), folder)
    _finish(folder)
    write_whole(folder / NEXT, data)
    write_whole(folder / ABOUT, text)
    os.replace(folder / NEXT, folder / WEIGHTS)
    return folder


def _finish(folder: Path) -> None:
    """Ends a save that was cut off between its last two files; one that was cut off before them is as if it had not
    been begun."""
    if (folder / NEXT).is_file() and (folder / ABOUT).is_file():
        said = json.loads(_read(folder / ABOUT, MAX_ABOUT))
        if said.get("sha256") == hashlib.sha256(_read(folder / NEXT, MAX_WEIGHTS)).hexdigest():
            os.replace(folder / NEXT, folder / WEIGHTS)


def load(folder: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a policy is for (checked as `About`; the rest as it stands there), and its weights, float32.

    Raises `PoserError`: no policy there, too large, damaged, or of another version.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as unpacked

    folder = Path(folder)
    text = _read(folder / ABOUT, MAX_ABOUT)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad(folder, f"{ABOUT} is no JSON: {error!s:.80}") from None
    wanted = checked(content, folder).sha256
    for name in (NEXT, WEIGHTS) if (folder / NEXT).is_file() else (WEIGHTS,):
        data = _read(folder / name, MAX_WEIGHTS)
        if hashlib.sha256(data).hexdigest() == wanted:
            break
    else:
        raise _bad(folder, f"{WEIGHTS} is not the file that {ABOUT} was written for")
    try:
        tensors: dict[str, Tensor] = unpacked(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise _bad(folder, f"{WEIGHTS} is damaged: {error!s:.80}") from None
    for name, value in tensors.items():
        if str(value.dtype) != "torch.float32" or not bool(value.isfinite().all()):
            raise _bad(folder, f"{name!s:.80} is not made of finite float32 numbers")
    return content, tensors


def checked(content: Any, folder: Path) -> About:
    """The content of a `policy.json`. Raises `PoserError` for another format, and for the first entry that is wrong."""
    if isinstance(content, dict) and content.get("format") != FORMAT:
        raise PoserError(
            f"policy {str(folder)!r} cannot be used (its format is {content.get('format')!r:.40}, this version reads "
            f"{FORMAT}); train it again: poser train --out DIR, from its recorded episodes with --offline {folder}"
        )
    try:
        return About.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or ABOUT
        raise _bad(folder, f"{where:.80}: {first['msg']:.80}") from None


def _bad(folder: Path, why: str) -> PoserError:
    return PoserError(f"policy {str(folder)!r} cannot be used ({why}); give a folder that 'poser train' wrote")


def _read(path: Path, limit: int) -> bytes:
    """At most `limit` bytes of a regular file. Raises `PoserError`."""
    try:
        if not path.is_file():
            raise _bad(path.parent, f"there is no {path.name}")
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise _bad(path.parent, f"{path.name}: {error.strerror}") from None
    if len(data) > limit:
        raise _bad(path.parent, f"{path.name} is larger than {limit >> 20} MiB")
    return data
