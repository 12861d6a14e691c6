"""`poser doctor`: what is installed, which devices there are, which presets can run, and what the others lack."""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poser.config import Config

KEYS = ("OPENAI_API_KEY", "GEMINI_API_KEY", "REPLICATE_API_TOKEN", "HF_TOKEN")
"""Environment variables that services read. Whether they are set is shown, never what they hold."""


def add(commands: Any) -> None:
    """Says what `poser doctor` takes."""
    command = commands.add_parser("doctor", help="check the installation", description=__doc__)
    command.add_argument("--preset", help="check this preset or config file only")
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    command.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    """Checks; gives the exit code: 1 where no preset that was asked for can run."""
    from poser.config import presets
    from poser.versions import PACKAGES, VERSION, installed

    asked = [args.preset] if args.preset is not None else list(presets())
    found: dict[str, Any] = {
        "poser": VERSION,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: installed(name) for name in PACKAGES},
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "devices": _devices(),
        "keys": {name: bool(os.environ.get(name)) for name in KEYS},
        "presets": {name: _problems(name) for name in asked},
    }
    if args.json:
        found["presets"] = {name: {"runs": not lacks, "lacks": lacks} for name, lacks in found["presets"].items()}
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return 0 if any(state["runs"] for state in found["presets"].values()) else 1
    print("\n".join(_lines(found)))
    return 0 if not all(found["presets"].values()) else 1


def _devices() -> list[dict[str, Any]]:
    """The devices that torch can use: name and memory, GiB."""
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


def _problems(preset: str) -> list[str]:
    """What a preset lacks, each with what to type; nothing where it can run."""
    from poser.config import load
    from poser.roster import registry_of
    from poser.types import PoserError

    try:
        config = load(preset)
        entries = registry_of(config)
    except PoserError as error:
        return [str(error)]
    lacks = {name: missing for name, entry in entries.items() if (missing := entry.missing())}
    missing = [f"expert {name}: not there: {', '.join(needs)}; {entries[name].get}" for name, needs in lacks.items()]
    return missing + _critic(config) + _embedder(config) + _device(config)


def _critic(config: Config) -> list[str]:
    from poser.critics import load
    from poser.types import PoserError

    settings = {key: value for key, value in config.critic.items() if key != "name"}
    try:
        load(config.critic["name"], settings)
    except PoserError as error:
        return [str(error)]
    return _model("critic", settings.get("model")) if settings.get("model") != "poster" else []


def _embedder(config: Config) -> list[str]:
    from poser.embed import embedder, packaged
    from poser.types import PoserError

    try:
        embedder(config.embedder.name, config.embedder.model)
        if config.embedder.name == "minilm" and config.embedder.model is None:
            packaged()
    except PoserError as error:
        return [str(error)]
    return _model("embedder", config.embedder.model)


def _device(config: Config) -> list[str]:
    if config.device != "cuda" or any(row["device"].startswith("cuda") for row in _devices()):
        return []
    return ["device: torch finds no GPU; type: --set device=auto"]


def _model(what: str, model: str | None) -> list[str]:
    """A folder, or a hub id that was downloaded."""
    if model is None or Path(model).is_dir():
        return []
    if Path(model).is_absolute():
        return [f"{what}: no folder {model}; set {what}.model to a folder or a hub id"]
    from huggingface_hub import try_to_load_from_cache

    there = isinstance(try_to_load_from_cache(model, "config.json"), str)
    return [] if there else [f"{what}: {model} is not downloaded; type: hf download {model}"]


def _lines(found: dict[str, Any]) -> list[str]:
    """The findings for people."""
    lines = [f"poser     {found['poser']}, python {found['python']}, {found['platform']}"]
    lines.append(f"machine   {found['cores']} cores, {found['memory_gib']} GiB")
    for row in found["devices"]:
        more = f"{row['gib']} GiB" if "gib" in row else f"{row['threads']} threads"
        lines.append(f"device    {row['device']}: {row['name']}, {more}")
    for name, version in found["packages"].items():
        lines.append(
            f"package   {name} {version}" if version else f"package   {name} MISSING; type: pip install {name}"
        )
    lines += [f"key       {name} {'is set' if there else 'is not set'}" for name, there in found["keys"].items()]
    for name, lacks in found["presets"].items():
        lines.append(f"preset    {name} {'cannot run:' if lacks else 'can run'}")
        lines += [f"            {problem}" for problem in lacks]
    return lines
