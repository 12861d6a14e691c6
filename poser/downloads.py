"""What a config loads from the hub: every repository once, who reads it, and what of it is not on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from experts import hub
from experts.hub import cache, known
from experts.registry import Registry
from poser.config import Config
from poser.plugins import Kind, Requirements, load, named, requirements_of
from poser.types import PoserError


@dataclass(frozen=True)
class Download:
    """A hub id that is read.

    Attributes:
        need: the hub id, with its revision where one is pinned.
        readers: ids of experts, and 'critic', 'embedder', ...
        leave: parts of a pipeline that none of them reads.
        lacking: files that are not here; the id itself where nothing is.
        gb: what is not here, 10**9 bytes; None: not known before the hub is asked.
        page: where its licence is accepted; '': nowhere.
    """

    need: str
    readers: tuple[str, ...]
    leave: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    gb: float | None = 0.0
    page: str = ""

    @property
    def partial(self) -> bool:
        """Part of it is here, part is not."""
        return bool(self.lacking) and self.lacking != (self.need,)


def of(entries: Registry, models: Mapping[str, Iterable[str]]) -> list[Download]:
    """What experts and other models read from the hub, here or not.

    Args:
        entries: the experts; those that are gone are left out.
        models: 'critic', ... -> folders and hub ids.
    """
    readers: dict[str, list[str]] = {}
    leaves: dict[str, set[str]] = {}
    asked = [
        (need, id, entry.leaves.get(need, ()))
        for id, entry in entries.items()
        if not entry.gone
        for need in entry.needs
    ]
    asked += [(need, who, ()) for who, needs in models.items() for need in needs]
    for need, who, leave in asked:
        if Path(need).is_absolute() or Path(need).is_dir() or not hub.ID.fullmatch(need):
            continue
        readers.setdefault(need, []).append(who)
        leaves[need] = leaves.get(need, set(leave)) & set(leave)
    return [_looked_at(need, tuple(who), tuple(sorted(leaves[need]))) for need, who in readers.items()]


def _looked_at(need: str, readers: tuple[str, ...], leave: tuple[str, ...]) -> Download:
    lacking = tuple(hub.lacking(need, leave))
    gb = cache.left(need, lacking) if lacking else 0.0
    return Download(need, readers, leave, lacking, gb, known.page(need) if lacking else "")


def requirements(config: Config) -> tuple[dict[Kind, Requirements], list[str]]:
    """What critic, extractor and wording say that they need, and why one of them cannot be built."""
    needs, wrong = dict[Kind, Requirements](), list[str]()
    kinds: tuple[tuple[Kind, Mapping[str, object]], ...] = (
        ("critic", config.critic),
        ("extractor", config.extractor),
        ("wording", config.wording),
    )
    for kind, entry in kinds:
        try:
            needs[kind] = requirements_of(load(kind, *named(entry)))
        except PoserError as error:
            wrong.append(str(error))
    return needs, wrong


def models(config: Config, needs: Mapping[Kind, Requirements]) -> dict[str, tuple[str, ...]]:
    """'critic', 'embedder', ... -> folders and hub ids of their models."""
    found: dict[str, tuple[str, ...]] = {kind: need.models for kind, need in needs.items() if need.models}
    return found | ({"embedder": (config.embedder.model,)} if config.embedder.model else {})
