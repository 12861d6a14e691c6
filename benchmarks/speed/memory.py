"""Memory: what is loaded once, what switching copies, what pinning costs, how often a prompt is encoded."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from PIL import Image

from benchmarks.speed.figure import Figure
from benchmarks.speed.gpu import full
from benchmarks.speed.models import EXPERTS, sizes, small, trunk
from experts.memory import Mirror, Residency, module_bytes
from experts.pool import Pool
from experts.registry import builtin
from experts.types import Job, Request

SCALE = 2**15
"""How many times smaller the weights of the registry are here; the sizes of all parts keep their proportions."""


class Model:
    """A model of named parts."""

    def __init__(self, parts: dict[str, Any]) -> None:
        self.parts = parts


def sharing() -> Figure:
    """Eleven experts loaded one by one, each with parts of its own, as from folders of their own."""
    home, naive = Residency(Mirror()), 0
    for name, parts in EXPERTS.items():
        model = Model({f"{k}": small(part, SCALE) for k, part in enumerate(parts)})
        naive += module_bytes(model.parts.values())
        home.acquire(name, partial(Model, model.parts), 0.0)
    true: dict[str, dict[str, int]] = {}
    for parts in EXPERTS.values():
        for part in parts:
            true.setdefault(trunk(part), {}).update(sizes(part))
    whole = sum(sum(sizes(part).values()) for parts in EXPERTS.values() for part in parts)
    limit = sum(sum(part.values()) for part in true.values()) / whole
    return Figure(
        "unique / naive bytes, 11 experts",
        home.store.weight / naive,
        round(limit, 4),
        round(limit * 1.01, 4),
        "the same experts, each with its own copy; limit from the full-size classes",
        {"naive_gb_full_size_bf16": round(2 * whole / 1e9, 1), "scale": SCALE, "unique_bytes": home.store.weight},
    )


def moving() -> list[Figure]:
    """Stable Diffusion 1.5 at its true size in bfloat16, random weights, in and out of a second memory inside RAM."""
    import torch

    device = Mirror()
    home = Residency(device)
    parts = {name: full(name) for name in ("unet sd15", "clip-l", "vae sd15")}
    model = Model(parts)
    home.acquire("sd15", lambda: model, 0.0)
    plain = torch.ones(home.store.bytes, dtype=torch.uint8)
    times, copies = [], []
    for _ in range(5):  # in turns: whatever else the machine does meets both
        home.evict("sd15")
        start = time.perf_counter()
        home.acquire("sd15", lambda: model, 0.0)
        times.append(time.perf_counter() - start)
        start = time.perf_counter()
        plain.clone()
        copies.append(time.perf_counter() - start)
    size = {"weight_bytes": home.store.weight, "copies_a_switch": len(parts)}
    switch = {"switch_s": round(min(times), 4), "copy_s": round(min(copies), 4)}
    return [
        Figure("bytes copied back on eviction", home.store.back, 0, 0, "weights are read only: 5 evictions", size),
        Figure("pinned / weight bytes", device.pinned / home.store.weight, 1, 1.02, "the weights themselves", size),
        Figure(
            "switch / one copy of as many bytes (CPU stand-in)", min(times) / min(copies), 1, 1.3, "memory copy", switch
        ),
    ]


def encoding(prompts: int = 8) -> Figure:
    """The embedded experts, all asked for the same prompts in batches of different make-up, twice."""
    import torch

    registry = builtin()
    names = [name for name in registry if name.startswith("poster-")]
    home = Residency("cpu")
    pool = Pool(registry.only(names), home)
    asked: set[tuple[Any, ...]] = set()
    total = 0

    def note(module: Any, args: Any, kwargs: Any) -> None:
        nonlocal total
        given = {**kwargs, **({"input_ids": args[0]} if args else {})}
        masks = given.get("attention_mask")
        for k, row in enumerate(given["input_ids"] if home.content(module) else ()):
            asked.add((home.content(module), *row.tolist(), None, *(masks[k].tolist() if masks is not None else ())))
            total += 1

    for name in names:
        for part, module in getattr(pool.expert(name), "parts", {}).items():
            if part.startswith("text_encoder") and not getattr(module, "noted", False):
                module.noted = True
                module.register_forward_pre_hook(note, with_kwargs=True)
    picture = Image.new("RGB", (96, 96), "white")
    words = [
        f"Draw a {colour} {shape}." for colour in ("red", "blue") for shape in ("star", "circle", "heart", "cross")
    ]
    for turn in range(2):
        jobs = [
            Job(name, Request(word, (picture,) if registry[name].card.mode == "image-to-image" else (), seed=turn))
            for word in words[:prompts][:: 1 - 2 * turn]
            for name in names
        ]
        with torch.no_grad():
            failed = [result.failure for result in pool.run(jobs) if result.failure]
        assert not failed, failed
    rows = {"rows_asked": total, "distinct_rows": len(asked), "passes": home.prompts.passes, "experts": len(names)}
    ratio = home.prompts.passes / len(asked)
    return Figure("text-encoder passes per distinct prompt", ratio, 1, 1, f"{total} rows without memory", rows)


def figures() -> list[Figure]:
    """All of it."""
    return [sharing(), *moving(), encoding()]
