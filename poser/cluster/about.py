"""What is installed and held in a process, and where two processes differ so that their pictures might."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experts import hub
from experts.registry import Registry
from poser.plugins import requirements_of
from poser.versions import versions

COMPARED = ("poser", "torch", "diffusers", "transformers", "safetensors", "numpy", "pillow")
"""Packages that decide pictures and verdicts; of torch, '+cpu' and '+cu128' count as the same."""
ENDS = 2**16
"""Bytes at the beginning and the end of a file that are looked at: the rest of many GB is not read."""


@dataclass(frozen=True)
class About:
    """A process: versions, cards' versions, weights ('' where they are not there), critic, device."""

    versions: Mapping[str, str]
    cards: Mapping[str, str]
    weights: Mapping[str, str]
    critic: str = ""
    device: str = ""
    lacks: Mapping[str, str] = field(default_factory=dict)


def about(registry: Registry, critic: Any = None, device: str = "") -> About:
    """This process, with these experts and this critic."""
    installed = versions()
    needs = {need for entry in registry.values() for need in entry.needs}
    needs |= set(requirements_of(critic).models) if critic is not None else set()
    return About(
        {name: installed.get(name, "none").partition("+")[0] for name in COMPARED},
        {id: entry.card.version for id, entry in registry.items()},
        {need: fingerprint(need) for need in sorted(needs)},
        str(critic.id) if critic is not None else "",
        device,
        {id: ", ".join(lacks) for id, entry in registry.items() if (lacks := entry.missing())},
    )


def fingerprint(need: str) -> str:
    """Of a hub id the commit that is here; of a folder or file a digest of names, sizes and both ends of every file; ''
    where it is not here."""
    if not Path(need).is_absolute():
        return hub.commit_of(need) if hub.snapshot(need) is not None else ""
    place = Path(need)
    if not place.exists():
        return ""
    files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    found = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        found.update(f"{file.relative_to(place)} {size}\n".encode())
        with file.open("rb") as stream:
            found.update(stream.read(ENDS))
            stream.seek(max(0, size - ENDS))
            found.update(stream.read(ENDS))
    return found.hexdigest()[:16]


def differences(here: About, there: Mapping[str, About]) -> list[str]:
    """What differs between the driver and its workers (by name), or among workers, a line each; what one of them does
    not have is no difference."""
    found: dict[str, None] = {}
    everyone: Sequence[tuple[str, About]] = [("here", here), *there.items()]
    for kind in ("versions", "cards", "weights"):
        seen: dict[str, tuple[str, str]] = {}
        for name, one in everyone:
            for key, value in getattr(one, kind).items():
                if not value or (kind == "cards" and key in one.lacks):
                    continue
                first, known = seen.setdefault(key, (name, value))
                if known != value:
                    found[f"{key} is {known} {_at(first)} and {value} {_at(name)}"] = None
    critics = {one.critic: name for name, one in there.items() if one.critic}
    if len(critics) > 1:
        found["the critic is " + " and ".join(f"{id} {_at(name)}" for id, name in critics.items())] = None
    return list(found)


def _at(name: str) -> str:
    return name if name == "here" else f"on {name}"
