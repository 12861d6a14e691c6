"""Ways to load a denoiser that is too large or too slow as it is: quantised, offloaded in blocks, compiled.

Each is left to the library that does it; a module so treated is weighed by the residency, not moved.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

DENOISERS = ("transformer", "unet")
"""Names that the large part of a pipeline has in diffusers."""


def quantised(index: Mapping[str, Any], loading: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    """Quantisation config by denoiser of the pipeline with that index; empty where `loading` asks for none.

    'nf4': 4 bits (arXiv:2305.14314), computed in `dtype`; 'int8': 8 bits (arXiv:2208.07339).

    Raises:
        ImportError: bitsandbytes is not installed.
    """
    way = loading.get("quantise")
    if not way:
        return {}
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ImportError(f"load.quantise {way} needs bitsandbytes, and a GPU; type: pip install bitsandbytes")
    import torch
    from diffusers import BitsAndBytesConfig

    four: dict[str, Any] = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": getattr(torch, dtype)}
    config = BitsAndBytesConfig(load_in_4bit=True, **four) if way == "nf4" else BitsAndBytesConfig(load_in_8bit=True)
    return {name: config for name in DENOISERS if index.get(name)}


def prepared(pipe: Any, loading: Mapping[str, Any], device: str) -> None:
    """Offloads and compiles the pipeline's denoiser as `loading` says.

    Offloading brings one block after the other to the device; on a GPU the next one comes while one computes, from a
    copy that torch pins (so that the denoiser takes up to three times its size in RAM). Compiling happens at the first
    call of each shape: the repeated blocks, where the class names them, else the whole.

    Raises:
        ValueError: a class that cannot be offloaded in blocks.
    """
    import torch

    for name in DENOISERS:
        denoiser = getattr(pipe, name, None)
        if denoiser is None:
            continue
        if loading.get("offload"):
            denoiser.enable_group_offload(
                onload_device=torch.device(device),
                offload_device=torch.device("cpu"),
                offload_type="block_level",
                num_blocks_per_group=1,
                use_stream=device.startswith("cuda"),
            )
        if loading.get("compile"):
            if getattr(denoiser, "_repeated_blocks", None):
                denoiser.compile_repeated_blocks()
            else:
                denoiser.compile()
