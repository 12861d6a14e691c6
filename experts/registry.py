"""Ids -> cards and loaders. Listing the experts imports neither torch nor diffusers: loading does.

Three sources, joined with `|`: `builtin()` (each `experts/*/roster.py`), `from_config()` (pipelines and services as
data), `from_plugins()` (other people's packages, entry points of the group 'poser.experts').
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.metadata
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

from experts import hub
from experts.entries import (
    Described,
    Local,
    Own,
    RegistryError,
    card_of,
    checked,
    laid,
    locate,
    needs_of,
    source_of,
    stamp,
)
from experts.failures import hint
from experts.memory import Residency
from experts.own_file import module_of
from experts.types import Card, Expert

__all__ = ["Entry", "Registry", "RegistryError", "UnknownExpert", "builtin", "from_config", "from_plugins"]

GROUP = "poser.experts"


class UnknownExpert(ValueError, KeyError):
    """An id that nobody registered; the message is one line with the nearest known id."""

    def __str__(self) -> str:
        """The message as it is (a KeyError would quote it)."""
        return str(self.args[0])


@dataclass(frozen=True)
class Entry:
    """An expert that can be loaded.

    Attributes:
        card: what it is.
        load: puts it on the residency's device; raises OSError where its weights are not there.
        needs: folders, files or hub ids of its weights.
        leaves: of a need that is a pipeline, the parts that come from elsewhere.
        get: how to get them: what to type.
        env: environment variables that it reads, a service's key for example.
        gone: why nobody can have it any more: a model that its service shut down.
        profiles: the profiles that it has, besides its card as it stands.
        described: what it was built from, with absolute paths: what 'like' lays another description over.
        remote: it runs elsewhere, and several threads may call it at once.
        wording: the wording that it was trained on and does not understand a prompt without; '': any words.
    """

    card: Card
    load: Callable[[Residency], Expert]
    needs: tuple[str, ...] = ()
    leaves: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    get: str = ""
    env: tuple[str, ...] = ()
    gone: str = ""
    profiles: tuple[str, ...] = ()
    described: Mapping[str, Any] = field(default_factory=dict)
    remote: bool = False
    wording: str = ""

    def missing(self) -> list[str]:
        """What of `needs` and `env` is not on this machine (hub ids: not in the local hub cache), or why it is gone."""
        if self.gone:
            return [self.gone]
        absent = [need for need in self.needs if not hub.present(need, self.leaves.get(need, ()))]
        return absent + [name for name in self.env if not os.environ.get(name, "").strip()]

    def barred(self) -> list[str]:
        """What of `missing()` no download on first use brings: keys, folders, why it is gone."""
        return [lack for lack in self.missing() if not hub.ID.fullmatch(lack)]


class Registry(Mapping[str, Entry]):
    """Immutable: id -> entry, in the order given.

    Raises:
        RegistryError: two entries with one id.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries: dict[str, Entry] = {}
        for entry in entries:
            if entry.card.id in self._entries:
                raise RegistryError(f"two experts have the id {entry.card.id!r}: rename one")
            self._entries[entry.card.id] = entry

    def __getitem__(self, id: str) -> Entry:
        """The entry of that id.

        Raises:
            UnknownExpert: with the nearest known id.
        """
        try:
            return self._entries[id]
        except KeyError:
            raise UnknownExpert(f"no such expert {id!r}; {hint(str(id), self._entries, 'experts')}") from None

    def __iter__(self) -> Iterator[str]:
        """The ids, in order."""
        return iter(self._entries)

    def __len__(self) -> int:
        """Number of experts."""
        return len(self._entries)

    def __or__(self, other: Registry) -> Registry:
        """Both; no id may be in both."""
        return Registry([*self.values(), *other.values()])

    @property
    def cards(self) -> list[Card]:
        """The cards, in order."""
        return [entry.card for entry in self._entries.values()]

    def only(self, ids: Iterable[str]) -> Registry:
        """These experts, in this order.

        Raises:
            UnknownExpert: an id that is not here.
        """
        return Registry([self[id] for id in ids])


def builtin(profile: str = "full") -> Registry:
    """The experts of this package: `entries(profile)` of each `experts/*/roster.py`. Nothing is loaded.

    Args:
        profile: which profile's fields are laid over the cards ('full', 'draft'); an expert without it stays as it is.
    """
    entries: list[Entry] = []
    for file in sorted(Path(__file__).parent.glob("*/roster.py")):
        entries += importlib.import_module(f"experts.{file.parent.name}.roster").entries(profile)
    return Registry(entries)


def from_plugins() -> Registry:
    """Experts of other packages: each entry point of the group is a function without arguments -> list of entries.

    A plugin that fails is left out with a warning: it must not take the others down.
    """
    entries: list[Entry] = []
    for point in importlib.metadata.entry_points(group=GROUP):
        try:
            entries += point.load()()
        except Exception as error:
            warnings.warn(f"plugin {point.name!r} ({point.value}) is left out: {error}", stacklevel=2)
    return Registry(entries)


def from_config(mapping: Mapping[str, Mapping[str, Any]], folder: str | Path = ".", profile: str = "full") -> Registry:
    """Experts described as data: `{id: entry}`.

    Args:
        mapping: for each id an entry: a pipeline (`experts.entries.Local`), a model of an image service (`family`, a
            file of `experts/api`, and the keys of `experts.api._expert.Remote`), or an expert of one's own
            (`experts.entries.Own`; its file's `load` is handed an `OwnContext`). Any may begin with `like`, the id of
            a built-in expert: then the rest is laid over its description. Commits and ways of loading become part of
            the card's version.
        folder: what relative paths are relative to.
        profile: which profile's fields are laid over the cards; an entry without it stays as it is.

    Raises:
        RegistryError: an unknown key, family or param, or a value of the wrong kind.
        UnknownExpert: `like` names none.
    """
    return Registry([_entry(id, description, Path(folder), profile) for id, description in mapping.items()])


def _entry(id: str, description: Mapping[str, Any], folder: Path, profile: str) -> Entry:
    if not isinstance(description, Mapping):
        raise RegistryError(f"expert {id!r}: {description!r} is no entry; give a mapping of its settings")
    if description == {"like": id}:  # an id in a list that also holds entries
        every = builtin(profile)
        return (every if id in every else every | from_plugins())[id]
    if "like" in description:
        description = _like(description)
    if "file" in description:
        return _own(id, description, folder, profile)
    if description.get("family") in _files("api"):
        service = importlib.import_module(f"experts.api.{description['family']}").SERVICE
        return cast(Entry, service.described(id, description, profile))
    return _local(id, description, folder, profile)


def as_described(entry: Entry, told: Described, description: Mapping[str, Any]) -> Entry:
    """The entry with what every description says, and the description itself."""
    return dataclasses.replace(entry, profiles=tuple(told.profiles), described=description, wording=told.wording)


class OwnContext(NamedTuple):
    """What the file of an expert of one's own is loaded with: the card that its entry gave, and the memory."""

    card: Card
    residency: Residency


def _own(id: str, description: Mapping[str, Any], folder: Path, profile: str) -> Entry:
    """The entry of a Python file of the user's; the file is run when the expert is first asked."""
    told = checked(id, Own, description)
    card, file = card_of(id, told, profile), locate(told.file, folder)
    made_of = (Path(file).read_bytes() if Path(file).is_file() else b"") + repr(told.settings).encode()
    card = dataclasses.replace(card, version=f"{card.version}@{hashlib.sha256(made_of).hexdigest()[:12]}")

    def load(residency: Residency) -> Expert:
        return cast(Expert, module_of(file).load(told.settings, OwnContext(card, residency)))

    return as_described(Entry(card, load, (file,), get=told.get), told, {**description, "file": file})


def _like(description: Mapping[str, Any]) -> dict[str, Any]:
    """The description of a built-in expert with this one laid over it; other weights have no inherited revision."""
    over = {key: value for key, value in description.items() if key != "like"}
    under = dict(builtin()[str(description["like"])].described)
    if "weights" in over:
        under.pop("revision", None)
    return laid(under, over)


def _local(id: str, description: Mapping[str, Any], folder: Path, profile: str) -> Entry:
    """The entry of a pipeline; its description is kept with absolute paths."""
    told = checked(id, Local, description)
    family, source = _family(id, told.family), source_of(id, told, folder)
    usual = {"pictures": family.pictures, "masks": bool(family.mask)}
    card = card_of(id, told, profile, usual, family.params)
    if card.pictures > family.pictures or (card.takes_mask and not family.mask):
        raise RegistryError(
            f"expert {id!r}: {told.family} takes {family.pictures} pictures, "
            f"{'a mask' if family.mask else 'no mask'}: give no more in card.pictures, card.masks and card.inputs"
        )
    if told.load.cache and card.max_batch > 1:
        raise RegistryError(f"expert {id!r}: load.cache decides for a whole batch at once: set card.max_batch to 1")
    strange = [name for name in told.load.adapters or () if name not in told.components]
    if strange:
        raise RegistryError(f"expert {id!r}: load.adapters.{strange[0]}: name its file under components.{strange[0]}")
    card = dataclasses.replace(card, version=card.version + stamp(source))

    def load(residency: Residency) -> Expert:
        pipeline = importlib.import_module("experts.local._pipeline")
        return cast(Expert, pipeline.load(card, family, source, residency))

    needs = needs_of(source, family.borrowed)
    absent = [need for need, leave in needs.items() if hub.ID.fullmatch(need) and not hub.present(need, leave)]
    get = told.get or (f"type: poser download {' '.join(absent)}" if absent else "")
    parts = {name: locate(where, folder) for name, where in told.components.items()}
    absolute = {"weights": locate(told.weights, folder), "components": parts}
    return as_described(Entry(card, load, tuple(needs), needs, get), told, {**description, **absolute})


def _files(folder: str) -> list[str]:
    """The families of `experts/FOLDER`: its files that are neither plumbing nor the roster."""
    return sorted({file.stem for file in Path(__file__).parent.glob(f"{folder}/[!_]*.py")} - {"roster"})


def _family(id: str, name: str) -> Any:
    """`FAMILY` of `experts/local/NAME.py`."""
    if name not in _files("local"):
        hinted = hint(name, _files("local") + _files("api"), "families")
        raise RegistryError(f"expert {id!r}: no such family {name!r}; {hinted}")
    return importlib.import_module(f"experts.local.{name}").FAMILY
