"""Reads a pipeline into RAM: its own parts from its folder or hub id, shared parts through the residency, each once.

Only safetensors, no remote code: classes come from diffusers and transformers alone. Whatever type the weights are
stored in, they are cast to the residency's. Nothing is put on a device here: the residency does that.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from experts import hub
from experts.entries import Source
from experts.hub.fetch import folder
from experts.local._adapters import adapt
from experts.local._loading import prepared
from experts.local._prompts import remember
from experts.local._quantising import KEPT, file_of, packed, quantised, values, ways
from experts.memory import Residency, weight_files


def read(source: Source, pipelines: tuple[str, ...], residency: Residency, **given: Any) -> Any:
    """A diffusers pipeline in RAM; `pipelines` names the classes that will do (empty: any).

    `given`: parts that the family made itself, by their name in the pipeline.

    Raises:
        FileNotFoundError: no such folder.
        OSError: a folder or hub id that cannot be read or fetched.
        ImportError: what `source.loading` asks for needs a package that is not installed.
        ValueError: another kind of pipeline; a component that the pipeline does not have.
    """
    import torch

    passed = [*source.components, *(name for name, part in given.items() if part is not None)]
    weights = folder(source.weights, source.revision, passed)
    with quiet_loading():
        from diffusers import DiffusionPipeline
        from diffusers.quantizers import PipelineQuantizationConfig

        index = DiffusionPipeline.load_config(weights)
        kind = index["_class_name"]
        if pipelines and kind not in pipelines:
            raise ValueError(f"{source.weights} holds a {kind}, not a {' or '.join(pipelines)}: choose another family")
        dtype = source.loading.get("dtype") or residency.dtype
        smaller = quantised(index, source.loading, dtype)
        _make_room(source, index, residency)
        scales = source.loading.get("adapters") or {}
        files = {name: file_of(source.components[name], source.revisions.get(name)) for name in scales}
        shared = [name for name in source.components if name not in scales]
        parts = {name: _part(name, source, index, smaller, residency) for name in shared}
        options: dict[str, Any] = {**parts, **given, "dtype": getattr(torch, dtype)}
        if own := {name: config for name, config in smaller.items() if name not in options}:
            options["quantization_config"] = PipelineQuantizationConfig(quant_mapping=own)
        options |= {"use_safetensors": True, "trust_remote_code": False}
        pipe = DiffusionPipeline.from_pretrained(str(weights), **options)
        if files:
            adapt(pipe, files, scales, parts)
        prepared(pipe, source.loading, residency.device, dtype)
    pipe.set_progress_bar_config(disable=True)
    remember(pipe, residency)
    return pipe


def _make_room(source: Source, index: Mapping[str, Any], residency: Residency) -> None:
    """bitsandbytes loads straight to the device: others leave for what it will hold there."""
    direct = {name: way for name, way in ways(index, source.loading).items() if not way.startswith("torchao")}
    bytes = 0.0
    for name, way in direct.items():
        place = source.components.get(name) or f"{source.weights}/{name}"
        files = weight_files(hub.pinned(place, source.revisions.get(name) or source.revision))
        bytes += 2 * KEPT[way] * sum(map(values, files))
    if bytes:
        residency.make_room(int(bytes))


def _part(name: str, source: Source, index: Mapping[str, Any], smaller: Mapping[str, Any], residency: Residency) -> Any:
    """One shared part, of the class that the pipeline's index names."""
    library, kind = index.get(name) or ("", "")
    if library not in ("diffusers", "transformers"):
        raise ValueError(f"{source.weights} has no component {name!r}: take it out of 'components'")
    made_by = getattr(importlib.import_module(library), kind)
    path, revision, dtype = source.components[name], source.revisions.get(name), source.loading.get("dtype")
    options = {"quantization_config": smaller[name]} if name in smaller else {}
    way = ways(index, source.loading).get(name)
    key = "@".join([path, *filter(None, [revision, way, dtype])])

    def made() -> Any:
        if path.endswith(".gguf"):
            settings = file_of(f"{source.weights}/{name}/config.json", source.revision, ".json").parent
            return packed(made_by, file_of(path, revision, ".gguf"), settings, dtype or residency.dtype)
        return _made(made_by, path, revision, residency, options, dtype)

    return residency.component(key, made)


def _made(
    made_by: Any, path: str, revision: str | None, residency: Residency, options: Mapping[str, Any], dtype: str | None
) -> Any:
    import torch

    if issubclass(made_by, torch.nn.Module):
        return load(made_by, path, revision, residency, options, dtype)
    return made_by.from_pretrained(folder(path, revision))


def load(
    made_by: Any,
    path: str,
    revision: str | None,
    residency: Residency,
    options: Mapping[str, Any] | None = None,
    dtype: str | None = None,
) -> Any:
    """The torch module that `made_by`, its class or an Auto class, reads from a folder or hub id: in RAM, in `dtype`
    (None: the residency's).

    Raises:
        OSError: it cannot be read.
    """
    import torch

    given = {"dtype": getattr(torch, dtype or residency.dtype), "use_safetensors": True, **(options or {})}
    module = made_by.from_pretrained(folder(path, revision), **given)
    return module.eval().requires_grad_(False)


@contextlib.contextmanager
def quiet_loading() -> Iterator[None]:
    """No progress bars and no advice to install torchvision; warnings about weights are shown. Afterwards as before."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    were_on = [module for module in (diffusers_logging, transformers_logging) if module.is_progress_bar_enabled()]
    advice = logging.getLogger("transformers.utils.import_utils")
    advice.addFilter(_is_other_advice)
    for module in were_on:
        module.disable_progress_bar()
    try:
        yield
    finally:
        advice.removeFilter(_is_other_advice)
        for module in were_on:
            module.enable_progress_bar()


def _is_other_advice(record: logging.LogRecord) -> bool:
    return "torchvision" not in record.getMessage()
