"""Plug-ins: critics, policies, extractors and wordings load in one way, wherever they come from.

`load(kind, name, settings, context)` takes `name` from this package (a file of `poser/critics`, `poser/policies`,
`poser/planning`, `poser/wording`), from another package (an entry point of the group `poser.critics`, ...), or from a
file of the user's ('./mine.py'). Each defines `load(settings, context)`, and where it has settings, their `KEYS`: any
other is refused before `load` is called.
What `load` gives may have `requirements()`: weights, services and packages that it needs; `poser doctor` asks for them.
Experts come in the same three ways through `experts.registry`: ids, the group `poser.experts`, an entry's `file`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

from experts.failures import hint
from experts.own_file import is_file, module_of, told
from poser.types import PoserError

if TYPE_CHECKING:
    from experts.memory import Residency
    from poser.actions import ActionSet

Kind = Literal["critic", "policy", "extractor", "wording"]
FOLDERS: dict[Kind, str] = {
    "critic": "poser.critics",
    "policy": "poser.policies",
    "extractor": "poser.planning",
    "wording": "poser.wording",
}
"""Where each kind's files are."""
GROUPS: dict[Kind, str] = {
    "critic": "poser.critics",
    "policy": "poser.policies",
    "extractor": "poser.extractors",
    "wording": "poser.wordings",
}
"""The group of entry points of each kind in other packages: each names a module, or an object with `load`."""
ANSWERS = "answers.sqlite"
"""In a folder of stored results; models share it, each sees its own answers alone."""


@dataclass(frozen=True)
class Context:
    """What a plug-in may need of the run that it is loaded for; each takes what it needs.

    Attributes:
        actions: the slots that a policy chooses from.
        residency: who is in memory: where a critic's model lives.
        attempts, threshold: the rules of the episode that an extractor follows.
        folder: of stored results: a plug-in with the setting `answers` keeps them in `answers.sqlite` there.
    """

    actions: ActionSet | None = None
    residency: Residency | None = None
    attempts: int = 3
    threshold: float = 0.5
    folder: str | Path | None = None

    @property
    def slots(self) -> ActionSet:
        """The actions. Raises `PoserError` where the context has none."""
        if self.actions is None:
            raise PoserError("a policy needs the actions that it chooses from; give Context(actions=...)")
        return self.actions


class Service(NamedTuple):
    """A model at a service.

    Attributes:
        owner: who asks it, as errors name it ('critic chat').
        model: its id there.
        base_url: where the service answers.
        key: the environment variable that holds its key; '': none is needed.
    """

    owner: str
    model: str
    base_url: str
    key: str = ""


@dataclass(frozen=True)
class Requirements:
    """What a plug-in needs beside this project; `|` joins those of several.

    Attributes:
        models: folders and hub ids ('owner/name', perhaps with '@COMMIT') of weights.
        services: models that are asked over the network.
        packages: names of packages that it imports.
        gib: the memory that its largest local model takes, GiB.
    """

    models: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    packages: tuple[str, ...] = ()
    gib: float = 0.0

    def __or__(self, other: Requirements) -> Requirements:
        """Those of both."""
        return Requirements(
            self.models + other.models,
            self.services + other.services,
            self.packages + other.packages,
            max(self.gib, other.gib),
        )


@runtime_checkable
class Requiring(Protocol):
    """A plug-in that says what it needs. Nothing is loaded and nobody is asked for it."""

    def requirements(self) -> Requirements:
        """What it needs."""
        ...


def requirements_of(*plugins: Any) -> Requirements:
    """What these plug-ins need together; one without `requirements()` needs nothing."""
    needs = Requirements()
    for plugin in plugins:
        needs |= plugin.requirements() if isinstance(plugin, Requiring) else Requirements()
    return needs


def names(kind: Kind) -> tuple[str, ...]:
    """Every name of a kind: the files of its folder ('paper-dqn' is in `paper_dqn.py`), then the entry points."""
    return (*_own(kind), *sorted(set(_points(kind)) - set(_own(kind))))


def _own(kind: Kind) -> tuple[str, ...]:
    """The package's own; no other package can take one of these names."""
    folder = importlib.import_module(FOLDERS[kind])
    own = [m.name for m in pkgutil.iter_modules(folder.__path__) if not m.ispkg and not m.name.startswith("_")]
    return tuple(sorted(name.replace("_", "-") for name in own))


def _points(kind: Kind) -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=GROUPS[kind])}


def find(kind: Kind, name: str) -> Any:
    """The module (or object) that loads this plug-in. Raises `PoserError`: there is none, or it cannot be imported."""
    if is_file(name):
        try:
            return module_of(name)
        except ValueError as error:
            raise PoserError(f"{kind}: {error}") from None
    if name not in names(kind):
        kinds = "policies" if kind == "policy" else f"{kind}s"
        raise PoserError(f"no such {kind} {name!r}; {hint(name, names(kind), kinds)}")
    if name in _own(kind):
        return importlib.import_module(f"{FOLDERS[kind]}.{name.replace('-', '_')}")
    point = _points(kind)[name]
    try:
        return point.load()
    except Exception as error:
        raise PoserError(f"{kind} {name!r} of {point.value} cannot be loaded ({told(error)})") from None


def load(kind: Kind, name: str, settings: Mapping[str, Any] | None = None, context: Context | None = None) -> Any:
    """The plug-in of that name with its settings.

    Raises `PoserError`: no such plug-in, a setting that it does not know or that cannot be, or whatever the `load` of
    a plug-in from elsewhere raises.
    """
    module, context = find(kind, name), context or Context()
    given, keys = dict(settings or {}), getattr(module, "KEYS", None)
    if keys is not None and kind != "policy":  # a policy's only setting is what stands behind its colon
        refuse(f"{kind} {Path(name).stem if is_file(name) else name}", given, keys)
    if context.folder and "answers" in (keys or ()):
        given.setdefault("answers", str(Path(context.folder) / ANSWERS))
    try:
        return module.load(given, context)
    except PoserError:
        raise
    except Exception as error:
        if getattr(module, "__name__", "").startswith(f"{FOLDERS[kind]}."):
            raise
        raise PoserError(f"{kind} {name!r} cannot be loaded ({told(error)})") from error


def named(entry: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name and the settings of a config's {name: ..., ...}."""
    return str(entry.get("name", "")), {key: value for key, value in entry.items() if key != "name"}


def refuse(owner: str, settings: Mapping[str, Any], keys: Iterable[str]) -> None:
    """Raises `PoserError` for a setting that is none of `keys`; `owner`: 'critic vqa'."""
    known = tuple(keys)
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise PoserError(f"{owner}: no such key {unknown[0]!r}; keys are {', '.join(known) or 'none'}")
