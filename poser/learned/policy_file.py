"""A policy as a folder: `policy.safetensors` (the weights) and `policy.json` (what they are for). No pickle.

What is read may come from anywhere: sizes are limited, the form is checked, the weights must be those that the JSON
names by their sha256. Nothing of the folder is ever run.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from experts.files import write_whole
from poser.types import PoserError, Scope

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS, ABOUT = "policy.safetensors", "policy.json"
FORMAT = 2
MAX_WEIGHTS, MAX_ABOUT = 64 * 2**20, 4 * 2**20
"""Bytes."""

Width = Annotated[int, Field(ge=1, le=65_536)]
Name = Annotated[str, Field(max_length=1000)]


class _Part(BaseModel):
    """Unknown keys are let through: a newer version may say more."""

    model_config = ConfigDict(frozen=True, strict=True)


class Network(_Part):
    """`poser.learned.network.Shape`."""

    kind: Literal["slot", "flat"]
    state: Width
    cards: Width
    slots: Annotated[int, Field(ge=1, le=4096)]
    hidden: Annotated[int, Field(ge=1, le=4096)]
    text: Annotated[int, Field(ge=0, le=65_536)]
    own: Annotated[int, Field(ge=0, le=65_536)]
    fit: Annotated[int, Field(ge=0, le=65_536)] | None


class Embedding(_Part):
    """Which text embedder: `poser.learned.encode.embedder(name, model)`, and the id that it must have."""

    name: Name
    model: Name | None = None
    id: Name


class Observing(_Part):
    """What `poser.learned.observation.Observer` is made of; `digest` is the observer's."""

    embedder: Embedding
    extras: list[Name]
    remaining: bool
    cards: Literal["full", "identity"]
    digest: Name
    scores: dict[str, dict[str, float | None]] = {}


class Slots(_Part):
    """The slots of the training ('stop', 'EXPERT/SCOPE'), and what the policy may choose of them."""

    slots: Annotated[list[Name], Field(min_length=1, max_length=4096)]
    scopes: list[Scope]
    stop: bool
    redraw: bool
    digest: Name


class About(_Part):
    """What `policy.json` must hold."""

    format: Literal[2]
    sha256: Name
    network: Network
    observer: Observing
    actions: Slots


def save(folder: str | os.PathLike[str], tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> Path:
    """Writes both files, each whole or not at all; gives the folder. 'format' and 'sha256' are filled in; numbers that
    are not finite become null.

    Raises `PoserError` where `about` lacks a part, OSError.
    """
    from safetensors.torch import save as packed

    folder, data = Path(folder), packed({name: value.contiguous() for name, value in tensors.items()})
    whole = _plain({**about, "format": FORMAT, "sha256": hashlib.sha256(data).hexdigest()})
    _checked(whole, folder)
    text = json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False)
    write_whole(folder / WEIGHTS, data)
    write_whole(folder / ABOUT, text.encode())
    return folder


def load(folder: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a policy is for (checked as `About`; the rest as it stands there), and its weights, float32.

    Raises `PoserError`: no policy there, too large, damaged, or of another version.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as unpacked

    folder = Path(folder)
    text, data = _read(folder / ABOUT, MAX_ABOUT), _read(folder / WEIGHTS, MAX_WEIGHTS)
    try:
        about = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad(folder, f"{ABOUT} is no JSON: {error!s:.80}") from None
    found = _checked(about, folder)
    if hashlib.sha256(data).hexdigest() != found.sha256:
        raise _bad(folder, f"{WEIGHTS} is not the file that {ABOUT} was written for")
    try:
        tensors: dict[str, Tensor] = unpacked(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise _bad(folder, f"{WEIGHTS} is damaged: {error!s:.80}") from None
    for name, value in tensors.items():
        if str(value.dtype) != "torch.float32" or not bool(value.isfinite().all()):
            raise _bad(folder, f"{name!s:.80} is not made of finite float32 numbers")
    return about, tensors


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


def _checked(about: Any, folder: Path) -> About:
    if isinstance(about, dict) and about.get("format") != FORMAT:
        raise _bad(folder, f"its format is {about.get('format')!r:.40}, this version reads {FORMAT}")
    try:
        return About.model_validate(about)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or ABOUT
        raise _bad(folder, f"{where:.80}: {first['msg']:.80}") from None


def _plain(value: Any) -> Any:
    """JSON data: tuples as lists, NaN and the infinities as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
