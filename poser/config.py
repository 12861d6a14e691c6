"""A run's settings: a YAML preset, overridden key by key, checked, and saved resolved with every run.

In: the name of a preset (`configs/NAME.yaml`) or a file, and overrides with dotted keys. Out: a frozen `Config` that
holds no relative path. An unknown preset, key or value is a `PoserError` of one line.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from experts.entries import Flag, laid
from experts.failures import complaint, hint
from experts.own_file import is_file
from experts.types import Card
from poser.actions import ActionSet
from poser.cluster.settings import Engine
from poser.limits import MAX_YAML, read_yaml
from poser.reward import PAPER, TERMS
from poser.types import Budget, PoserError, Price, Scope

_CHECKOUT = Path(__file__).parents[1]
_PRESETS = (_CHECKOUT / "configs" if (_CHECKOUT / "pyproject.toml").is_file() else Path(__file__).parent / "configs",)
"""Of a checkout, or of an installed package: a folder that happens to lie beside the package is not ours."""

Side = Annotated[int, Field(ge=16, le=4096)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Rules(_Part):
    """The rules of an episode.

    Attributes:
        steps: expert calls at most, 1 .. 100.
        attempts: failed attempts after which a command is dropped, 1 .. 20.
        threshold: score from which a command counts as carried out, [0, 1].
        guard: revert a candidate that is worth less than what it would replace.
        redraw: text-to-image experts stay legal once there is a picture.
        recreate: they may draw an input picture anew too, from what the critic reads in it.
        scopes: what an expert may be handed: 'current' (a command), 'first K' (the next K, 2 to 8), 'all'.
        premises: ask first whether what a command takes for granted is there, and spend no call where it is not.
    """

    steps: int = Field(default=6, ge=1, le=100)
    attempts: int = Field(default=3, ge=1, le=20)
    threshold: float = Field(default=0.5, ge=0, le=1)
    guard: bool = True
    redraw: bool = True
    recreate: bool = False
    scopes: tuple[Scope, ...] = Field(default=("current", "all"), min_length=1)
    premises: bool = True

    @field_validator("scopes")
    @classmethod
    def _one_at_least(cls, scopes: tuple[Scope, ...]) -> tuple[Scope, ...]:
        _once(scopes)
        if "current" not in scopes or "stop" in scopes:
            raise ValueError("'current' must be among them, and 'stop' is no scope of an expert")
        return scopes

    def actions(self, cards: Iterable[Card]) -> ActionSet:
        """The action set of these experts under the rules."""
        return ActionSet.of(cards, self.scopes, self.redraw, self.recreate)


class Spend(_Part):
    """What an episode may spend: USD, and seconds of experts and critic (inf: no limit)."""

    usd: float = Field(default=math.inf, ge=0)
    seconds: float = Field(default=math.inf, gt=0)


class Prices(_Part):
    """What a second of experts and a US dollar cost at cost weight 1, in units of reward (1: one command)."""

    second: float = Field(default=0.2, ge=0)
    usd: float = Field(default=2.0, ge=0)


class Embedder(_Part):
    """The text embedder: its name, and the model it loads (a folder or a hub id; None: the embedded one)."""

    name: str = "minilm"
    model: str | None = None


class Memory(_Part):
    """What models may take, GiB (None: what there is), and the experts that never leave.

    Attributes:
        vram_gib, ram_gib: of the GPU, and of RAM for weights that are not on it.
        reserve_gib: least room on the GPU that weights leave to calls.
        pin: ids of experts.
    """

    vram_gib: float | None = Field(default=None, gt=0)
    ram_gib: float | None = Field(default=None, gt=0)
    reserve_gib: float | None = Field(default=None, ge=0)
    pin: tuple[str, ...] = ()


def _once(names: Sequence[Any]) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"{twice[0]!r} stands there twice")


class Config(_Part):
    """Everything that decides how a run goes, apart from prompt, picture and seed.

    Attributes:
        name: what the preset is called.
        experts: ids of experts, id -> entry (`experts.registry.from_config`), or a list of both.
        skills: a file of `poser probe`: what it measured is laid over the skills of the cards; None: those stand.
        profile: which profile of the experts runs: 'full', 'draft' (fewer steps), or a name that entries give.
        extractor: what makes the plan; wording: the words handed to experts ('poster': rewritten in the embedded
            world's vocabulary; 'plain': the user's own); critic: what judges. Each its name and whatever settings it
            has; a name alone will do.
        policy: a name of `poser.policies`, perhaps with an argument: 'greedy', 'fixed:EXPERT+EXPERT'.
        cost_weight: 0: quality is all that counts; higher: the policy trades it for seconds and dollars at `price`.
        abstain_below: predicted return, in commands of those pending [0, 1], below which a learned policy leaves the
            choice to the best fixed experts; None: never.
        size: (width, height) of pictures drawn from text, px.
        alpha: transparency is kept where an expert gives it; otherwise it is laid on white.
        metadata: the delivered picture's file says prompt, seed and models.
        cache: folder of stored results; None: nothing is stored.
        engine: where models run: 'here', or on Ray (`poser.cluster.settings.Engine`).
        reward: weight of every term of `poser.reward`, 0: not counted; those not named have the paper's.
    """

    name: str = "custom"
    experts: tuple[str, ...] | dict[str, dict[str, Any]]
    skills: str | None = None
    profile: str = "full"
    extractor: dict[str, Any] = Field(default_factory=lambda: {"name": "rules"})
    wording: dict[str, Any] = Field(default_factory=lambda: {"name": "plain"})
    critic: dict[str, Any] = Field(default_factory=lambda: {"name": "vqa"})
    embedder: Embedder = Embedder()
    policy: str = "greedy"
    size: tuple[Side, Side] = (1024, 1024)
    alpha: Flag = False
    metadata: Flag = True
    device: Literal["auto", "cpu", "cuda"] = "auto"
    memory: Memory = Memory()
    cache: str | None = None
    rules: Rules = Rules()
    budget: Spend = Spend()
    price: Prices = Prices()
    cost_weight: float = Field(default=0.0, ge=0, le=100)
    abstain_below: float | None = Field(default=None, ge=0, le=1)
    engine: Engine = Engine()
    reward: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(default_factory=dict, validate_default=True)

    @field_validator("experts", mode="before")
    @classmethod
    def _experts(cls, value: Any) -> Any:
        value = [value] if isinstance(value, str) else value
        if isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value):
            rows = [{item: {"like": item}} if isinstance(item, str) else item for item in value]
            if not all(isinstance(row, dict) for row in rows):
                raise ValueError("expected a list of ids and of mappings id -> entry")
            _once([id for row in rows for id in row])
            value = {id: entry for row in rows for id, entry in row.items()}
        if not value or not isinstance(value, list | tuple | dict) or not all(isinstance(name, str) for name in value):
            raise ValueError("expected a list of ids, or a mapping id -> entry")
        if isinstance(value, dict):
            for name, entry in value.items():
                if not isinstance(entry, dict):
                    raise ValueError(f"the entry of {name!r} is {entry!r}; expected a mapping of its settings")
            return value
        _once(value)
        return value

    @field_validator("extractor", "wording", "critic", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        value = {"name": value} if isinstance(value, str) else value
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            raise ValueError("expected a name, or a mapping with a 'name', for example {name: vqa}")
        return value

    @field_validator("reward", mode="before")
    @classmethod
    def _reward(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("expected a mapping term -> weight")
        for term in value:
            if term not in TERMS:
                raise ValueError(f"no such term {term!r}; {hint(str(term), TERMS, 'terms')}")
        return dict.fromkeys(TERMS, 0.0) | PAPER | value

    def budget_of(self, steps: int = 0) -> Budget:
        """What an episode may spend; `steps` 0: the rules' own."""
        return Budget(steps or self.rules.steps, self.budget.usd, self.budget.seconds)

    @property
    def prices(self) -> Price:
        """What a second and a dollar cost at this cost weight."""
        return Price(self.cost_weight * self.price.second, self.cost_weight * self.price.usd)

    def dump(self) -> dict[str, Any]:
        """The resolved config as plain data; `Config.model_validate(config.dump()) == config`."""
        data = self.model_dump()
        data["size"] = list(self.size)
        if isinstance(self.experts, tuple):
            data["experts"] = list(self.experts)
        data["memory"]["pin"] = list(self.memory.pin)
        data["engine"] = self.engine.model_dump(mode="json")
        return data

    def to_yaml(self) -> str:
        """`dump()` as a YAML file that `load` takes."""
        return yaml.safe_dump(self.dump(), sort_keys=False, allow_unicode=True)


def presets() -> dict[str, Path]:
    """Every preset by name, with its file."""
    return {file.stem: file for folder in reversed(_PRESETS) for file in sorted(folder.glob("*.yaml"))}


def locate(name_or_path: str | os.PathLike[str]) -> Path:
    """The file of a preset, of a config path, or of a run's folder (its config.yaml). Raises PoserError."""
    text, known = os.fspath(name_or_path), presets()
    if text in known:
        return known[text]
    path = home(text)
    path = path / "config.yaml" if path.is_dir() else path
    if path.is_file():
        return path.resolve()
    if path.suffix in (".yaml", ".yml") or path.name != text:
        raise PoserError(f"no config file {text!r}; give the path of a YAML file or a preset ({', '.join(known)})")
    raise PoserError(f"no preset {text!r}; {hint(text, known, 'presets')}")


def home(path: str) -> Path:
    """A path with '~' spelt out. Raises PoserError: there is no such user, or it holds a NUL."""
    if "\0" in path:
        raise PoserError(f"{path!r:.80} is no path: it holds a NUL; check the spelling")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise PoserError(f"no home folder for {path!r:.80}; give the whole path") from None


def override(text: str) -> tuple[str, Any]:
    """'rules.steps=4' -> ('rules.steps', 4); the value is read as YAML. Raises PoserError."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise PoserError(f"override {text!r} is not of the form key=value; for example rules.steps=4")
    try:
        return key.strip(), read_yaml(value)
    except ValueError as error:
        raise PoserError(f"override {text!r:.200} cannot be read ({error!s:.100}); put the value in quotes") from None


def load(name_or_path: str | os.PathLike[str], overrides: Mapping[str, Any] | None = None) -> Config:
    """The config of a preset or a file, with dotted overrides ('rules.steps': 4) laid over it. A file may begin with
    `extends: PRESET` (or another file): then its settings are laid over those.

    Paths (`cache`, `skills`, every Python file, a YAML file that is extended, and every value, or argument of a
    policy, that starts with './' or '../', or has a '/' and exists there) are relative to the file; in
    overrides, to the current folder.

    Raises PoserError: unknown preset, unreadable file, unknown key, value out of range.
    """
    data = _read(locate(name_or_path))
    for key, value in (overrides or {}).items():
        _lay(data, key, _absolute(value, Path.cwd(), key.split(".")[-1]))
    return checked(data, os.fspath(name_or_path))


def checked(data: Mapping[str, Any], name: str) -> Config:
    """The config of settings that are resolved. Raises PoserError: an unknown key, a value out of range."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise PoserError(f"config {name!r}: {complaint(error, Config)}") from None


def _read(file: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The settings of a file with absolute paths, laid over those of the preset that it `extends`."""
    if file in above:
        raise PoserError(f"config {file} extends itself; name another preset under extends")
    try:
        with file.open("rb") as stream:
            data = read_yaml(stream.read(4 * MAX_YAML).decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise PoserError(f"cannot read config {file}: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise PoserError(f"config {file} holds no settings; it must be a YAML mapping such as configs/poster.yaml")
    data = _absolute({"name": file.stem, **data}, file.parent)
    if "extends" not in data:
        return data
    under = _read(locate(str(data.pop("extends"))), (*above, file))
    for key, value in data.items():
        old = under.get(key)
        if key != "experts" and isinstance(old, dict) and isinstance(value, dict) and "name" not in value:
            value = laid(old, value)
        under[key] = value
    return under


PATHS = ("cache", "skills")
"""Keys whose values are paths."""


def _absolute(value: Any, folder: Path, key: str = "") -> Any:
    """The same settings with every path made absolute."""
    if isinstance(value, Mapping):
        return {name: _absolute(inner, folder, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_absolute(inner, folder) for inner in value]
    if not isinstance(value, str) or "\n" in value:
        return value
    name, colon, argument = value.partition(":")
    if key == "policy" and colon and not is_file(name):
        return f"{name}:{_absolute(argument, folder)}"
    is_path = key in PATHS or value.startswith(("./", "../")) or ("/" in value and os.path.exists(folder / value))
    is_path |= is_file(name) or (key == "extends" and value.endswith((".yaml", ".yml")))
    return str((folder / home(value)).resolve()) if is_path else value


def _lay(data: dict[str, Any], key: str, value: Any) -> None:
    """Sets the dotted `key` of nested mappings."""
    if key == "engine" and isinstance(value, str):
        key = "engine.name"  # its places stay
    *path, last = key.split(".")
    if path[:1] == ["engine"] and isinstance(data.get("engine"), str):
        data["engine"] = {"name": data["engine"]}
    for name in path:
        inner = data.setdefault(name, {})
        if not isinstance(inner, dict):
            raise PoserError(f"override {key!r}: {name!r} is {inner!r} and has no keys of its own")
        data = inner
    data[last] = value
