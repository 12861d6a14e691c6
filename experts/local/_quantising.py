"""Quantised parts: made so while they are read, or read as they lie (GGUF, repositories that were quantised before).

bitsandbytes needs a GPU and loads straight to it; torchao and GGUF work in RAM as well.
"""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experts.failures import hint
from experts.hub.fetch import folder
from experts.local._loading import DENOISERS

KEPT = {"nf4": 0.28, "int8": 0.53, "torchao-int8": 0.53, "torchao-fp8": 0.53, "torchao-int4": 0.29}
"""Share of the bytes in 16 bits that is left, scales included and a few layers kept as they are: FLUX.1's transformer
in nf4 takes 6.7 of 23.8 GB (diffusers' benchmark)."""


HEADER = 100_000_000
"""Bytes that the header of a safetensors file may have, as the library sets it."""


def ways(index: Mapping[str, Any], loading: Mapping[str, Any]) -> dict[str, str]:
    """Part -> how it is quantised; a way alone is that of the denoisers.

    Raises:
        ValueError: a part that the pipeline does not have.
    """
    asked = loading.get("quantise") or {}
    if isinstance(asked, str):
        return {name: asked for name in DENOISERS if index.get(name)}
    parts = [name for name, kind in index.items() if isinstance(kind, (list, tuple)) and kind[0]]
    for name in asked:
        if name not in parts:
            raise ValueError(f"load.quantise.{name}: no such part; {hint(name, parts, 'parts')}")
    return dict(asked)


def quantised(index: Mapping[str, Any], loading: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    """Quantisation config by part of the pipeline with that index; empty where `loading` asks for none.

    Raises:
        ImportError: the library that does it is not installed.
        ValueError: a part that the pipeline does not have.
    """
    return {name: _config(way, index[name][0], dtype) for name, way in ways(index, loading).items()}


def _config(way: str, library: str, dtype: str) -> Any:
    """'nf4': 4 bits (arXiv:2305.14314), computed in `dtype`; 'int8': 8 bits (arXiv:2208.07339); else torchao's."""
    package = "torchao" if way.startswith("torchao") else "bitsandbytes"
    if importlib.util.find_spec(package) is None:
        gpu = ", and a GPU" if package == "bitsandbytes" else ""
        raise ImportError(f"load.quantise {way} needs {package}{gpu}; type: pip install {package}")
    kinds = importlib.import_module("transformers" if library == "transformers" else "diffusers")
    if package == "torchao":
        from torchao import quantization

        kind = {"int8": "Int8WeightOnlyConfig", "fp8": "Float8WeightOnlyConfig", "int4": "Int4WeightOnlyConfig"}
        return kinds.TorchAoConfig(getattr(quantization, kind[way.partition("-")[2]])())
    if way == "int8":
        return kinds.BitsAndBytesConfig(load_in_8bit=True)
    import torch

    four = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": getattr(torch, dtype)}
    return kinds.BitsAndBytesConfig(load_in_4bit=True, **four)


def values(file: Path) -> int:
    """How many numbers a safetensors file holds, by its header.

    Raises:
        ValueError: it is no such file.
    """
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > HEADER:
            raise ValueError(f"{file} is no safetensors file")
        header = json.loads(opened.read(length))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def file_of(where: str, revision: str | None, ends: str = ".safetensors") -> Path:
    """A file of weights: an absolute path, or a file of a hub repository, fetched where it is not there yet.

    Raises:
        ValueError: another kind of file.
        OSError: it is not there and cannot be fetched.
    """
    if not where.endswith(ends):
        raise ValueError(f"{where} is no {ends[1:]} file: only those are read")
    return folder(where, revision)


def packed(made_by: Any, file: Path, settings: Path, dtype: str) -> Any:
    """A denoiser out of a GGUF file: its weights stay packed, and each layer unpacks them while it computes.

    Args:
        made_by: its class.
        file: as llama.cpp's tools write it.
        settings: the folder with its config.json.
        dtype: what it computes in.

    Raises:
        ImportError: gguf is not installed.
    """
    if importlib.util.find_spec("gguf") is None:
        raise ImportError(f"{file.name} needs gguf; type: pip install 'poser[levers]'")
    import torch
    from diffusers import GGUFQuantizationConfig

    computed = getattr(torch, dtype)
    options = {"quantization_config": GGUFQuantizationConfig(compute_dtype=computed), "torch_dtype": computed}
    return made_by.from_single_file(str(file), config=str(settings), **options).eval().requires_grad_(False)
