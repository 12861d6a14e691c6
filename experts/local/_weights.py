"""Reads a pipeline: its own parts from its folder or hub id, shared parts through the residency, each once.

Only safetensors, no remote code: classes come from diffusers and transformers alone. Whatever type the weights are
stored in, they are cast to the residency's.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experts.local._quiet import quiet_loading
from experts.residency import Residency
from experts.source import Source


def read(source: Source, pipelines: tuple[str, ...], residency: Residency) -> Any:
    """A diffusers pipeline on the residency's device; `pipelines` names the classes that will do (empty: any).

    Raises:
        FileNotFoundError: no such folder.
        OSError: a folder or hub id that cannot be read.
        ValueError: another kind of pipeline; a component that the pipeline does not have.
    """
    import torch

    weights = source.weights
    _demand(weights)
    with quiet_loading():
        from diffusers import DiffusionPipeline

        index = DiffusionPipeline.load_config(weights)
        kind = index["_class_name"]
        if pipelines and kind not in pipelines:
            raise ValueError(f"{weights} holds a {kind}, not a {' or '.join(pipelines)}: choose another family")
        parts = {name: _part(name, path, index, weights, residency) for name, path in source.components.items()}
        dtype = getattr(torch, residency.dtype)
        pipe = DiffusionPipeline.from_pretrained(weights, **parts, dtype=dtype, use_safetensors=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(residency.device)


def _part(name: str, path: str, index: Mapping[str, Any], weights: str, residency: Residency) -> Any:
    """One shared part, of the class that the pipeline's index names."""
    library, kind = index.get(name) or ("", "")
    if library not in ("diffusers", "transformers"):
        raise ValueError(f"{weights} has no component {name!r}: take it out of 'components'")
    made_by = getattr(importlib.import_module(library), kind)
    return residency.component(path, lambda: _load(made_by, path, residency))


def _load(made_by: Any, path: str, residency: Residency) -> Any:
    import torch

    _demand(path)
    where: dict[str, Any] = {"pretrained_model_name_or_path": path}
    if not Path(path).is_absolute():
        owner, name, *folder = path.split("/")
        where = {"pretrained_model_name_or_path": f"{owner}/{name}", "subfolder": "/".join(folder)}
    if not issubclass(made_by, torch.nn.Module):
        return made_by.from_pretrained(**where)
    dtype = getattr(torch, residency.dtype)
    module = made_by.from_pretrained(**where, dtype=dtype, use_safetensors=True)
    return module.eval().requires_grad_(False).to(residency.device)


def _demand(path: str) -> None:
    if Path(path).is_absolute() and not Path(path).is_dir():
        raise FileNotFoundError(f"no such folder: {path}")
