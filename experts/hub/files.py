"""Which files of a repository loading reads: of each part its settings and one set of safetensors, nothing beside them.

The rules are those of diffusers 0.42 (`DiffusionPipeline.download`) and transformers 5.23 without a variant: fp16
twins, pickles, ONNX and checkpoints at the top are for others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

INDEX = "model_index.json"
_SETTINGS = (".json", ".txt", ".model", ".jinja")
_BARE = re.compile(r".*(Tokenizer|Processor|FeatureExtractor|Scheduler)\w*")
"""Classes without weights."""
_STEMS = ("diffusion_pytorch_model", "model")
"""How the files of weights begin: diffusers', transformers'."""


def parts_of(index: Mapping[str, Any], leave: Collection[str] = ()) -> dict[str, str]:
    """The folders that a pipeline's index names -> class of the part.

    Args:
        index: what model_index.json holds.
        leave: parts that come from elsewhere.
    """
    rows = {name: value for name, value in index.items() if isinstance(value, list) and len(value) == 2}
    return {name: str(kind) for name, (library, kind) in rows.items() if library and kind and name not in leave}


def has_weights(kind: str) -> bool:
    """Whether a part of that class has any."""
    return _BARE.fullmatch(kind) is None


def of_pipeline(index: Mapping[str, Any], paths: Collection[str], leave: Collection[str] = ()) -> list[str]:
    """The files that a pipeline is loaded from.

    Args:
        index: what model_index.json holds.
        paths: every file of the repository.
        leave: parts that come from elsewhere.
    """
    found = [INDEX]
    for name, kind in parts_of(index, leave).items():
        inside = _inside(paths, name)
        chosen = ["config.json", *_weights(inside)] if has_weights(kind) else _settings(inside)
        found += [f"{name}/{file}" for file in chosen if file in inside]
    return sorted(found)


def of_model(paths: Collection[str], folder: str = "") -> list[str]:
    """The files that a model, a tokenizer or a processor is loaded from; `folder` of the repository, '': its top."""
    inside = _inside(paths, folder)
    return sorted(f"{folder}/{file}".lstrip("/") for file in {*_settings(inside), *_weights(inside)})


def absent(folder: Path, kind: str = "") -> list[str]:
    """What a part's folder lacks, by itself: nothing at all is there, or weights of a model, or shards of its index.

    Args:
        folder: where the files are.
        kind: the class of the part; '': whatever the folder says.
    """
    inside = {path.name for path in folder.iterdir() if path.exists()} if folder.is_dir() else set()
    if not inside or (kind and has_weights(kind) and "config.json" not in inside):
        return ["config.json"]
    if "config.json" not in inside or (kind and not has_weights(kind)):
        return []
    weights = _weights(inside)
    if not weights:
        return ["model.safetensors"]
    return sorted({shard for file in weights if file.endswith(".json") for shard in _shards(folder / file)} - inside)


def _inside(paths: Collection[str], folder: str) -> set[str]:
    """Names of the files that lie in that folder and no deeper."""
    return {name for path in paths for parent, _, name in [path.rpartition("/")] if parent == folder}


def _settings(inside: Collection[str]) -> list[str]:
    return [name for name in inside if name.endswith(_SETTINGS) and ".index." not in name]


def _weights(inside: Collection[str]) -> list[str]:
    """The files of weights that are read; diffusers looks for shards first, transformers for one file."""
    for stem in _STEMS:
        one, index = f"{stem}.safetensors", f"{stem}.safetensors.index.json"
        shards = [name for name in inside if re.fullmatch(rf"{stem}-\d+-of-\d+\.safetensors", name)]
        ways = [[index, *shards] if index in inside else [], [one] if one in inside else []]
        if found := next(filter(None, ways if stem == _STEMS[0] else ways[::-1]), []):
            return found
    return []


def _shards(index: Path) -> set[str]:
    """The files that an index of shards names; its own name where it cannot be read."""
    try:
        return set(map(str, json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {f"{index.name} (unreadable)"}
