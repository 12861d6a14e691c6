"""A vision-language model from a folder or a hub id: weights, processor, labels. Safetensors only, no remote code."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experts import hub
from experts.hub.fetch import folder
from poser.critics.vlm.yes_probability import Loaded, control_of
from poser.types import PoserError

HASHED = 2**26
"""Bytes of each weight file that go into the version."""


def version_of(folder: Path) -> str:
    """The first 12 hexadecimal digits of sha256 over the weight files (the first 64 MiB of each, and its size)."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(file.read(HASHED))
        if path.stat().st_size > HASHED:
            digest.update(str(path.stat().st_size).encode())
    return digest.hexdigest()[:12]


def named(name: str, revision: str | None) -> str:
    """Folder name and version of the weights; a hub id with its revision."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return f"{folder.name}@{version_of(folder)}"
    return f"{name}@{revision}" if revision else name


def room(name: str) -> float:
    """GiB that the model of a folder may need (twice its weight files); 10 for a hub id."""
    weights = [path.stat().st_size for path in Path(name).expanduser().glob("*.safetensors")]
    return 2 * sum(weights) / 2**30 if weights else 10.0


def device_of(device: str, residency: Any) -> str:
    """The device meant by 'auto': the residency's, or a GPU where there is one."""
    import torch

    if device != "auto":
        return device
    if residency is not None:
        return str(residency.device)
    return "cuda" if torch.cuda.is_available() else "cpu"


def failed(name: str, error: BaseException) -> PoserError:
    """Why a model cannot be loaded, in one line with the remedy."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    if isinstance(error, ImportError):
        package = getattr(error, "name", None) or ("num2words" if "num2words" in str(error) else "torchvision")
        if importlib.util.find_spec(package.partition(".")[0]) is not None:
            return PoserError(f"critic: {name!r} cannot import {package}, which is installed ({lines[0][:200]})")
        return PoserError(f"critic: {name!r} needs a package that is not there; type: pip install {package}")
    return PoserError(f"critic: cannot load {name!r} ({lines[0][:200]}); set critic.model to a folder or hub id")


def dtype_of(dtype: str, device: str) -> str:
    """The dtype meant by 'auto': float32 on a CPU, else bfloat16."""
    return dtype if dtype != "auto" else "float32" if device == "cpu" else "bfloat16"


def load(
    name: str, dtype: str, yes: Sequence[str], no: Sequence[str], images: Mapping[str, Any], revision: str | None
) -> Loaded:
    """The model in RAM; the arguments as for `Vlm`. Raises `PoserError`: not there, not loadable, no label tokens."""
    import torch
    from transformers import AutoModelForImageTextToText

    from poser.critics.vlm.image_processor import processor_of

    try:
        where = place_of(name, revision)
        processor = processor_of(where)
        given: dict[str, Any] = {"dtype": getattr(torch, dtype), "use_safetensors": True, "trust_remote_code": False}
        model: Any = AutoModelForImageTextToText.from_pretrained(where, **given)
    except (OSError, ValueError, AttributeError, ImportError) as error:
        raise failed(name, error) from error
    tokenizer = processor.tokenizer
    labels = labels_of(name, tokenizer, no), labels_of(name, tokenizer, yes)
    return Loaded(model.eval().requires_grad_(False), processor, labels, images, control_of(tokenizer))


def place_of(name: str, revision: str | None = None) -> Path:
    """The folder that a model is read from; of a hub id, the local cache's, fetched first where it is not there.
    Raises OSError: it cannot be fetched."""
    here = Path(name).expanduser()
    return here if here.is_dir() or not hub.ID.fullmatch(name) else folder(name, revision)


def labels_of(name: str, tokenizer: Any, words: Sequence[str]) -> list[int]:
    """Ids of the words that are one known token. Raises `PoserError` where none is."""
    found = [tokenizer.encode(word, add_special_tokens=False) for word in words]
    ids = {ids[0] for ids in found if len(ids) == 1 and ids[0] != tokenizer.unk_token_id}
    if not ids:
        raise PoserError(
            f"critic: none of {', '.join(map(repr, words))} is one token of {name!r}; set critic.yes and critic.no"
        )
    return sorted(ids)
