"""What a config needs that is not here: weights, keys, packages, memory. Only files and settings are looked at: nothing
is loaded, and no service is asked."""

from __future__ import annotations

import importlib.util
import os
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experts import hub
from experts.hub import cache, fetch
from experts.registry import Registry
from poser import downloads, plugins, policies
from poser.config import Config
from poser.downloads import Download
from poser.llm.endpoint import URL
from poser.plugins import Requirements, Service
from poser.roster import playable, registry_of
from poser.types import PoserError

ENDS = {
    "o3": ("2026-12-11", "gpt-6-sol"),
    "gpt-4o": ("2027-01-14", "gpt-6-sol"),
    "gpt-4.1": ("2027-01-14", "gpt-6-sol"),
}
"""Language model -> the day on which OpenAI ends it (openai 3.54, `types/shared/chat_model.py`), and another one."""
QUANTISER = "bitsandbytes"
"""The package behind `load.quantise`."""


TOKENIZERS = ("sentencepiece", "google.protobuf")
"""What transformers reads a `spiece.model` with; it names another package where one of them is missing."""


@dataclass(frozen=True)
class Findings:
    """What a config needs on this machine.

    Attributes:
        lacks: what keeps it from running, downloads aside, each with what to type.
        notes: what is worth knowing.
        downloads: what it reads from the hub and is not here whole.
    """

    lacks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    downloads: tuple[Download, ...] = ()

    @property
    def runs(self) -> bool:
        """Nothing is lacking."""
        return not self.lacks and not self.downloads

    @property
    def gb(self) -> float:
        """What is to be downloaded, 10**9 bytes; repositories of unknown size do not count."""
        return sum(one.gb or 0.0 for one in self.downloads)


def devices() -> list[dict[str, Any]]:
    """The devices that torch can use: name and memory, GiB; nothing where torch is missing."""
    try:
        import torch
    except ImportError:
        return []
    gpus = [torch.cuda.get_device_properties(k) for k in range(torch.cuda.device_count())]
    rows = [
        {"device": f"cuda:{k}", "name": gpu.name, "gib": round(gpu.total_memory / 2**30, 1)}
        for k, gpu in enumerate(gpus)
    ]
    return [*rows, {"device": "cpu", "name": platform.machine(), "threads": torch.get_num_threads()}]


def ram_gib() -> float:
    """The machine's memory, GiB."""
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)


def findings(config: Config) -> Findings:
    """What the config lacks on this machine."""
    try:
        entries = registry_of(config)
    except PoserError as error:
        return Findings((str(error),))
    needs, wrong = downloads.requirements(config)
    models = downloads.models(config, needs)
    absent = tuple(one for one in downloads.of(entries, models) if one.lacking)
    services = [service for need in needs.values() for service in need.services]
    parts = (
        _experts(entries),
        Findings((*_packages(entries, needs), *wrong)),
        Findings(tuple(line for kind, found in models.items() for line in _folders(kind, found))),
        _hub(absent),
        Findings((*_embedder(config), *_policy(config, entries))),
        _services(services),
        _memory(config, entries, max(((need.gib, kind) for kind, need in needs.items()), default=(0.0, "critic"))),
    )
    lacks, notes = ([line for part in parts for line in getattr(part, kind)] for kind in ("lacks", "notes"))
    return Findings(tuple(lacks), tuple(notes), absent)


def _hub(absent: Sequence[Download]) -> Findings:
    """Room on the disk, and licences that must be accepted first."""
    from huggingface_hub import get_token

    gb, room = sum(one.gb or 0.0 for one in absent), fetch.free() / 1e9
    lacks = []
    if gb > room:
        words = "make room, or set HF_HUB_CACHE to a folder on another disk"
        lacks.append(f"disk: {gb:.1f} GB are to come and {room:.1f} GB are free in {cache.home()}; {words}")
    gated = [one for one in absent if one.page]
    token = get_token() is not None
    for one in gated if not token else ():
        lacks.append(f"licence: {', '.join(one.readers)}: accept it at {one.page}, then type: hf auth login")
    return Findings(tuple(lacks), tuple(f"licence: {', '.join(one.readers)}: {one.page}" for one in gated if token))


def _folders(what: str, models: Iterable[str]) -> list[str]:
    """Of folders and hub ids, those that can be neither."""
    strange = [one for one in models if not Path(one).is_dir() and (one[0] == "/" or not hub.ID.fullmatch(one))]
    return [f"{what}: no folder {one}; set {what}.model to a folder or a hub id" for one in strange]


def _experts(entries: Registry) -> Findings:
    """Folders and keys of experts that are not here, each once; experts that are gone are never chosen."""
    gone = {id: entry for id, entry in entries.items() if entry.gone}
    absent: dict[tuple[str, str], list[str]] = {}
    for id, entry in entries.items():
        for need in entry.barred() if id not in gone else ():
            absent.setdefault((need, entry.get), []).append(id)
    lacks = [f"expert {', '.join(ids)}: not there: {need}; {remedy}" for (need, remedy), ids in absent.items()]
    if len(gone) == len(entries):
        lacks.append("experts: every one of them is gone; name others under experts")
    return Findings(tuple(lacks), tuple(f"expert {id}: {entry.gone}; {entry.get}" for id, entry in gone.items()))


def _packages(entries: Registry, needs: Mapping[plugins.Kind, Requirements]) -> list[str]:
    """Packages beyond this project's own that loading would import."""
    smaller = [id for id, entry in entries.items() if (entry.described.get("load") or {}).get("quantise")]
    wanted = {QUANTISER: f"load.quantise of {', '.join(smaller)}"} if smaller else {}
    wanted |= {name: f"the {kind}" for kind, need in needs.items() for name in need.packages}
    wanted |= dict.fromkeys(TOKENIZERS if any("family" in e.described for e in entries.values()) else (), "a tokenizer")
    lacking = {name: who for name, who in wanted.items() if not _importable(name)}
    names = {name: name.rpartition(".")[2] for name in lacking}
    return [f"package {names[name]}: {who} needs it; type: pip install {names[name]}" for name, who in lacking.items()]


def _importable(name: str) -> bool:
    """Whether there is such a package, by its name alone."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the package around it
        return False


def _services(services: Iterable[Service]) -> Findings:
    """Services of language models: keys that are not set, and models that were or will be shut down."""
    lacks, notes = dict[str, None](), dict[str, None]()
    for one in services:
        if one.key and not os.environ.get(one.key, "").strip():
            lacks[f"{one.owner}: no key; type: export {one.key}=..."] = None
        day, other = ENDS.get(one.model, ("", ""))
        if day and one.base_url == URL:
            over = time.strftime("%Y-%m-%d") >= day
            words = f"{one.owner}: {one.model} {'was' if over else 'will be'} shut down on {day}"
            (lacks if over else notes)[f"{words}; set its model to another, for example {other}"] = None
    return Findings(tuple(lacks), tuple(notes))


def _embedder(config: Config) -> list[str]:
    from poser.learned.embedders import embedder, packaged

    try:
        embedder(config.embedder.name, config.embedder.model)
        if config.embedder.name == "minilm" and config.embedder.model is None:
            packaged()
    except PoserError as error:
        return [str(error)]
    return []


def _policy(config: Config, entries: Registry) -> list[str]:
    """Why the policy cannot choose among these experts: its file, its embedder, its endpoint."""
    try:
        policies.load(config.policy, config.rules.actions(playable(entries)))
    except PoserError as error:
        return [] if all(entry.gone for entry in entries.values()) else [str(error)]
    return []


def _memory(config: Config, entries: Registry, model: tuple[float, plugins.Kind]) -> Findings:
    """What does not fit, and what fits only in turns: the largest expert and the largest other model (GiB, whose it is)
    against the room there is."""
    other, kind = model
    largest = max((entry.card for entry in entries.values()), key=lambda card: card.vram_gib)
    gpus = [row["gib"] for row in devices() if "gib" in row] if config.device != "cpu" else []
    lacks, notes = [], []
    if config.device == "cuda" and not gpus:
        lacks.append("device: torch finds no GPU; type: --set device=auto")
    elif not gpus and max(largest.vram_gib, other) > 1 and config.device == "auto":
        notes.append("device: torch finds no GPU: local models run on the CPU, slowly")
    room, where = (gpus[0], "the GPU") if gpus else (ram_gib(), "this machine")
    room = min(room, config.memory.vram_gib or room)
    if largest.vram_gib > room:
        words = "leave it out of experts, or give it load: {quantise: nf4} or {offload: true}"
        lacks.append(f"memory: {largest.id} needs {largest.vram_gib:g} GiB, {where} gives {room:g}; {words}")
    if other > room:
        lacks.append(
            f"memory: the {kind} needs {other:g} GiB, {where} gives {room:g}; set {kind}.model to a smaller one"
        )
    if not lacks and largest.vram_gib + other > room:
        both = f"{largest.id} ({largest.vram_gib:g} GiB) and the {kind} ({other:g} GiB)"
        notes.append(f"memory: {both} take turns: {where} gives {room:g} GiB")
    return Findings(tuple(lacks), tuple(notes))
