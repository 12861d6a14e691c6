"""Ids -> cards and loaders. Listing the experts imports neither torch nor diffusers: loading does.

Three sources, joined with `|`: `builtin()` (each `experts/*/roster.py`), `from_config()` (pipelines and services as
data), `from_plugins()` (other people's packages, entry points of the group 'poser.experts').
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from experts.failures import hint
from experts.residency import Residency
from experts.source import Source
from experts.types import Card, Expert, Mode

GROUP = "poser.experts"
ENTRY_KEYS = ("family", "weights", "components", "card", "get")
REMOTE_KEYS = ("family", "model", "base_url", "key", "prices", "limits", "fields", "card", "get")

_FIELDS = {field.name: field for field in dataclasses.fields(Card) if field.name != "id"}
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(/[\w./-]+)?")


class UnknownExpert(ValueError, KeyError):
    """An id that nobody registered; the message is one line with the nearest known id."""

    def __str__(self) -> str:
        """The message as it is (a KeyError would quote it)."""
        return str(self.args[0])


class RegistryError(ValueError):
    """An expert that is described wrongly; the message is one line with the value and the remedy."""


@dataclass(frozen=True)
class Entry:
    """An expert that can be loaded.

    Attributes:
        card: what it is.
        load: puts it on the residency's device; raises OSError where its weights are not there.
        needs: folders, files or hub ids of its weights.
        get: how to get them: what to type.
        env: environment variables that it reads, a service's key for example.
        gone: why nobody can have it any more: a model that its service shut down.
    """

    card: Card
    load: Callable[[Residency], Expert]
    needs: tuple[str, ...] = ()
    get: str = ""
    env: tuple[str, ...] = ()
    gone: str = ""

    def missing(self) -> list[str]:
        """What of `needs` and `env` is not on this machine (hub ids: not in the local hub cache), or why it is gone."""
        if self.gone:
            return [self.gone]
        absent = [need for need in self.needs if not _present(need)]
        return absent + [name for name in self.env if not os.environ.get(name, "").strip()]


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


def builtin() -> Registry:
    """The experts of this package: `entries()` of each `experts/*/roster.py`."""
    entries: list[Entry] = []
    for file in sorted(Path(__file__).parent.glob("*/roster.py")):
        entries += importlib.import_module(f"experts.{file.parent.name}.roster").entries()
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


def from_config(mapping: Mapping[str, Mapping[str, Any]], folder: str | Path = ".") -> Registry:
    """Experts described as data: `{id: {family, weights, components, card, get}}`.

    Args:
        mapping: for each id: `family`, a file of `experts/local`; `weights`, a folder written by `save_pretrained` or a
            hub id; `components`, folders or hub ids ('owner/name' or 'owner/name/subfolder') of parts shared with
            other experts, by their name in the pipeline, so that `weights` may lack them; `card`, the fields of `Card`
            without `id`; `get`, how to get the weights. Or a model of an image service: `family`, a file of
            `experts/api`; `card`; and what `experts.api._expert.Service.described` reads.
        folder: what relative paths are relative to.

    Raises:
        RegistryError: an unknown key, family or param, or a value of the wrong kind.
    """
    return Registry([_entry(id, description, Path(folder)) for id, description in mapping.items()])


def _entry(id: str, description: Mapping[str, Any], folder: Path) -> Entry:
    if isinstance(description, Mapping) and description.get("family") in _files("api"):
        return _remote(id, description)
    _known(id, description, ENTRY_KEYS, "keys", ("family", "weights", "card"))
    family = _family(id, str(description["family"]))
    card = _card(id, description["card"])
    _known(id, card.params, family.params, "params of its family")
    weights = _locate(description["weights"], folder)
    components = {name: _locate(path, folder) for name, path in (description.get("components") or {}).items()}

    def load(residency: Residency) -> Expert:
        return cast(Expert, family.load(card, Source(weights, components), residency))

    needs = (weights, *components.values())
    default = "" if Path(weights).is_absolute() else f"type: hf download {weights}"
    return Entry(card, load, needs, str(description.get("get") or default))


def _remote(id: str, description: Mapping[str, Any]) -> Entry:
    """The entry of a model of an image service: `SERVICE` of `experts/api/FAMILY.py` describes it."""
    _known(id, description, REMOTE_KEYS, "keys", ("model", "card"))
    service = importlib.import_module(f"experts.api.{description['family']}").SERVICE
    card = _card(id, description["card"], service.card)
    _known(id, card.params, card.params if service.params is None else service.params, "params of its family")
    return cast(Entry, service.described(card, description))


def _files(folder: str) -> list[str]:
    """The families of `experts/FOLDER`: its files that are neither plumbing nor the roster."""
    return sorted({file.stem for file in Path(__file__).parent.glob(f"{folder}/[!_]*.py")} - {"roster"})


def _family(id: str, name: str) -> Any:
    """`FAMILY` of `experts/local/NAME.py`."""
    if name not in _files("local"):
        hinted = hint(name, _files("local") + _files("api"), "families")
        raise RegistryError(f"expert {id!r}: no such family {name!r}; {hinted}")
    return importlib.import_module(f"experts.local.{name}").FAMILY


def _card(id: str, fields: Mapping[str, Any], usual: Mapping[str, Any] | None = None) -> Card:
    """A card from data, laid over the `usual`: every key known, every value of the kind of the field's default."""
    _known(id, fields, _FIELDS, "fields of a card")
    if fields.get("mode") not in get_args(Mode):
        raise RegistryError(f"expert {id!r}: mode {fields.get('mode')!r}; type one of {', '.join(get_args(Mode))}")
    if not fields.get("description"):
        raise RegistryError(f"expert {id!r}: 'description' is missing: say in a sentence what it does")
    values = {**(usual or {}), **fields}
    values["verbs"] = tuple(values.get("verbs") or ("other",))
    values["params"] = dict(values.get("params") or {})
    for name, value in values.items():
        default = _FIELDS[name].default
        kind: Any = {bool: bool, int: int, float: (int, float), str: str}.get(type(default))
        if kind and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            raise RegistryError(f"expert {id!r}: {name} must be a {type(default).__name__}, not {value!r}")
    try:
        return Card(id=id, **values)
    except ValueError as error:
        raise RegistryError(str(error)) from error


def _known(id: str, given: Any, known: Iterable[str], what: str, needed: Iterable[str] = ()) -> None:
    if not isinstance(given, Mapping):
        raise RegistryError(f"expert {id!r}: {given!r} must be a mapping of {what}")
    names = list(known)
    for key in given:
        if key not in names:
            raise RegistryError(f"expert {id!r}: unknown {key!r}; {hint(str(key), names, what)}")
    for key in needed:
        if key not in given:
            raise RegistryError(f"expert {id!r}: {key!r} is missing: add it")


def _locate(where: Any, folder: Path) -> str:
    """An absolute path, or a hub id: what looks like one and is no path that exists."""
    text = str(where)
    path = folder / Path(text).expanduser()
    if not path.exists() and _HUB_ID.fullmatch(text) and not text.startswith("."):
        return text
    return str(path.resolve())


def _present(need: str) -> bool:
    if Path(need).is_absolute():
        return Path(need).exists()
    from huggingface_hub.constants import HF_HUB_CACHE

    owner, name = need.split("/")[:2]
    return (Path(HF_HUB_CACHE) / f"models--{owner}--{name}" / "snapshots").is_dir()
