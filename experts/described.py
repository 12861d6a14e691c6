"""Experts described as data: the keys of an entry, checked, become a card and a source. Every mistake is one line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from experts import hub
from experts.failures import hint
from experts.source import LOADING, Source
from experts.types import Card, Mode

LOCAL_KEYS = ("family", "weights", "components", "revision", "load", "profiles", "card", "get", "wording")
OWN_KEYS = ("file", "settings", "card", "profiles", "get", "wording")
REMOTE_KEYS = ("family", "model", "base_url", "key", "prices", "limits", "fields", "profiles", "card", "get")

_FIELDS = {field.name: field for field in dataclasses.fields(Card) if field.name != "id"}


class RegistryError(ValueError):
    """An expert that is described wrongly; the message is one line with the value and the remedy."""


def laid(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `under`, mappings in them likewise."""
    both = dict(under)
    for key, value in over.items():
        inner = both.get(key)
        both[key] = laid(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return both


def known(id: str, given: Any, names: Iterable[str], what: str, needed: Iterable[str] = ()) -> None:
    """Raises RegistryError: no mapping, a key that is not among `names`, a needed one that is not there."""
    if not isinstance(given, Mapping):
        raise RegistryError(f"expert {id!r}: {given!r} must be a mapping of {what}")
    names = list(names)
    for key in given:
        if key not in names:
            raise RegistryError(f"expert {id!r}: unknown {key!r}; {hint(str(key), names, what)}")
    for key in needed:
        if key not in given:
            raise RegistryError(f"expert {id!r}: {key!r} is missing: add it")


def card_of(
    id: str, description: Mapping[str, Any], profile: str, usual: Mapping[str, Any], params: Iterable[str] | None
) -> Card:
    """The card of an entry in that profile (as it stands where the entry has none of that name).

    Args:
        usual: fields that the card has unless it says otherwise.
        params: the params that it may have; None: any.

    Raises:
        RegistryError: an unknown field or param, or a value of the wrong kind, in any of the profiles.
    """
    profiles = description.get("profiles") or {}
    if not isinstance(profiles, Mapping):
        raise RegistryError(f"expert {id!r}: profiles {profiles!r} must map a name ('draft') to fields of the card")
    cards = {"": _card(id, description["card"], {}, usual, params)}
    for name, over in profiles.items():
        cards[str(name)] = _card(id, description["card"], over, usual, params)
    return cards.get(profile, cards[""])


def _card(id: str, fields: Any, over: Any, usual: Mapping[str, Any], params: Iterable[str] | None) -> Card:
    """One card: every key known, every value of the kind of the field's default."""
    known(id, fields, _FIELDS, "fields of a card")
    known(id, over, _FIELDS, "fields of a card")
    values = laid({**usual, **fields}, over)
    if values.get("mode") not in get_args(Mode):
        raise RegistryError(f"expert {id!r}: mode {values.get('mode')!r}; type one of {', '.join(get_args(Mode))}")
    if not values.get("description"):
        raise RegistryError(f"expert {id!r}: 'description' is missing: say in a sentence what it does")
    values["verbs"] = tuple(values.get("verbs") or ("other",))
    values["params"] = values.get("params") or {}
    known(id, values["params"], values["params"] if params is None else params, "params of its family")
    for name, value in values.items():
        default = _FIELDS[name].default
        kind: Any = {bool: bool, int: int, float: (int, float), str: str}.get(type(default))
        if kind and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            raise RegistryError(f"expert {id!r}: {name} must be a {type(default).__name__}, not {value!r}")
    try:
        return Card(id=id, **values)
    except ValueError as error:
        raise RegistryError(str(error)) from error


def source_of(id: str, description: Mapping[str, Any], folder: Path) -> Source:
    """Where an entry's weights are: hub ids at the commit that is pinned, or else at the one that the cache holds.

    Raises:
        RegistryError: a revision that is no commit, or of a folder; an unknown way of loading.
    """
    parts = description.get("components") or {}
    if not isinstance(parts, Mapping):
        raise RegistryError(f"expert {id!r}: components {parts!r} must map a part's name to a folder or hub id")
    places = {name: _place(locate(where, folder)) for name, where in parts.items()}
    weights, commit = _place(locate(description["weights"], folder))
    revision = description.get("revision")
    if revision is not None:
        if not isinstance(revision, str) or not hub.COMMIT.fullmatch(revision):
            raise RegistryError(f"expert {id!r}: revision {revision!r} is no commit: give its 40 hexadecimal digits")
        if Path(weights).is_absolute():
            raise RegistryError(f"expert {id!r}: revision goes with a hub id, not with the folder {weights}: drop it")
        commit = revision
    commits = {name: found for name, (_, found) in places.items() if found}
    components = {name: where for name, (where, _) in places.items()}
    return Source(weights, components, commit or None, _loading(id, description.get("load") or {}), commits)


def stamp(source: Source) -> str:
    """What a card's version says about its source: '@' and the commits, '+' and each way of loading; '' for folders."""
    commits = dict.fromkeys(commit[:12] for commit in (source.revision, *source.revisions.values()) if commit)
    ways = [name if value is True else str(value) for name, value in source.loading.items()]
    return "".join([*(f"@{commit}" for commit in commits), *(f"+{way}" for way in ways)])


def needs_of(source: Source) -> tuple[str, ...]:
    """Its folders and hub ids, those with their commits, each once."""
    places = {source.weights: source.revision}
    places |= {where: source.revisions.get(name) for name, where in source.components.items()}
    return tuple(f"{where}@{commit}" if commit else where for where, commit in places.items())


def _place(where: str) -> tuple[str, str]:
    """A folder, or a hub id without its commit; and the commit: the pinned one, else what the cache holds."""
    if Path(where).is_absolute():
        return where, ""
    return where.partition("@")[0], hub.split(where)[2] or hub.cached(where)


def _loading(id: str, asked: Any) -> dict[str, Any]:
    """What is asked for, in one order; what is off is left out."""
    known(id, asked, LOADING, "ways of loading")
    for name, value in asked.items():
        if value is not None and not (isinstance(value, type(LOADING[name][0])) and value in LOADING[name]):
            choices = ", ".join(str(choice).lower() for choice in LOADING[name])
            raise RegistryError(f"expert {id!r}: load.{name} is {value!r}: type one of {choices}")
    return {name: asked[name] for name in LOADING if asked.get(name)}


def locate(where: Any, folder: Path) -> str:
    """An absolute path, or a hub id: what looks like one and is no path that exists."""
    text = str(where)
    path = folder / Path(text).expanduser()
    if not path.exists() and hub.ID.fullmatch(text) and not text.startswith("."):
        return text
    return str(path.resolve())
