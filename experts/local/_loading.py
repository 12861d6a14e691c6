"""Levers of diffusers on a denoiser in RAM: offloaded in blocks, compiled, cast by layers, with a step cache.

Each is left to the library; the entry that uses one names what it gains and where that was measured.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from experts.failures import hint

DENOISERS = ("transformer", "unet")
"""Names that the large part of a pipeline has in diffusers."""
CACHES = {
    "faster": "FasterCacheConfig",
    "first_block": "FirstBlockCacheConfig",
    "mag": "MagCacheConfig",
    "pyramid": "PyramidAttentionBroadcastConfig",
    "sea": "SeaCacheConfig",
    "taylorseer": "TaylorSeerCacheConfig",
    "text_kv": "TextKVCacheConfig",
}
"""Step caches by name: what diffusers calls them."""


def prepared(pipe: Any, loading: Mapping[str, Any], device: str, dtype: str) -> None:
    """Sets the levers of the pipeline's denoiser that work on a model in RAM, as `loading` says.

    Offloading brings one block after the other to the device; on a GPU the next one comes while one computes, from a
    copy that torch pins (so that the denoiser takes up to three times its size in RAM). Compiling happens at the first
    call of each shape: the repeated blocks, where the class names them, else the whole.

    Raises:
        ValueError: a class that cannot be offloaded in blocks or has no step cache, an unknown backend or cache.
    """
    import torch

    for denoiser in denoisers(pipe):
        if loading.get("attention"):
            _attend(denoiser, loading["attention"])
        if loading.get("cache"):
            _cache(denoiser, pipe, loading["cache"])
        if loading.get("cast"):
            denoiser.enable_layerwise_casting(torch.float8_e4m3fn, getattr(torch, dtype))
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


def denoisers(pipe: Any) -> list[Any]:
    """The large parts of a pipeline."""
    return [part for name in DENOISERS if (part := getattr(pipe, name, None)) is not None]


def around(pipe: Any) -> Any:
    """What a call of the pipeline runs in: a function without arguments -> context manager.

    A step cache starts empty, and has a context where the pipeline opens none of its own (FLUX.1 Kontext).
    """
    cached = [one for one in denoisers(pipe) if getattr(one, "is_cache_enabled", False)]

    def context() -> AbstractContextManager[Any]:
        for one in cached:
            one._reset_stateful_cache()
        return cached[0].cache_context("call") if cached else nullcontext()

    return context if cached else nullcontext


def _attend(denoiser: Any, backend: str) -> None:
    """That backend for this model alone: diffusers would make it everybody's that has none."""
    from diffusers.models import attention_dispatch

    if backend.endswith("_hub"):
        raise ValueError(f"load.attention {backend!r} runs code from the hub: install the package and take its name")
    registry = attention_dispatch._AttentionBackendRegistry
    active = registry._active_backend
    try:
        denoiser.set_attention_backend(backend)
    finally:
        registry._active_backend = active


def _cache(denoiser: Any, pipe: Any, asked: Mapping[str, Any]) -> None:
    import diffusers

    method = asked.get("method", "")
    if method not in CACHES:
        raise ValueError(f"load.cache.method: {method!r} is none; {hint(str(method), CACHES, 'step caches')}")
    if not hasattr(denoiser, "enable_cache"):
        raise ValueError(f"{type(denoiser).__name__} has no step cache: take load.cache out")
    kind = getattr(diffusers, CACHES[method], None) or getattr(diffusers.hooks, CACHES[method])
    known = [field.name for field in dataclasses.fields(kind)]
    given = {name: value for name, value in asked.items() if name != "method"}
    for name in given:
        if name not in known:
            raise ValueError(f"load.cache.{name}: {method} has no such field; {hint(name, known, 'fields')}")
    if "current_timestep_callback" in known:
        given["current_timestep_callback"] = lambda: pipe.current_timestep
    denoiser.enable_cache(kind(**given))
