"""Experts described as data: an entry of a config, checked by these models, becomes a card and a source of weights.

Every mistake is one line with the key, its value and what is allowed (`experts.failures.complaint`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)

from experts import hub
from experts.failures import complaint, hint
from experts.types import Card, Wish

Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]
"""Numbers and flags that are not made of words: '4' is none."""
Place = Annotated[str, BeforeValidator(lambda where: str(where) if isinstance(where, Path) else where)]
"""A folder or a hub id."""
M = TypeVar("M", bound=BaseModel)


class RegistryError(ValueError):
    """An expert that is described wrongly; the message is one line with the value and the remedy."""


class Checked(BaseModel):
    """Data of which every key is known; null stands for a key that is not given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _given(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, Mapping) else data


Way = Literal["nf4", "int8", "torchao-int8", "torchao-fp8", "torchao-int4"]
"""How a part is quantised while it is loaded: by bitsandbytes in 4 or 8 bits, or by torchao (weights alone)."""


class Loading(Checked):
    """How a pipeline is put into memory.

    Attributes:
        dtype: what its weights are cast to; None: as the residency has it.
        quantise: the denoiser in that way, or part -> way (text encoders too); None: as it is stored.
        cast: 'fp8': the denoiser is kept in 8 bits, and each layer cast to `dtype` while it computes.
        offload: keep the denoiser in RAM and bring its blocks to the device one by one.
        compile: torch.compile of the denoiser's repeated blocks.
        attention: diffusers' name of the attention backend of the denoiser ('native', 'sage', '_native_cudnn', ...).
        cache: a step cache of the denoiser: `method` (a key of `experts.local._loading.CACHES`) and the fields of its
            config. It decides for a whole batch, so that the card's `max_batch` has to be 1.
        adapters: LoRA: components that are safetensors files, and the scale of each.
        tiles: px; pictures with a larger area than a square of this side go through the VAE in tiles.
    """

    dtype: Literal["float32", "float16", "bfloat16"] | None = None
    quantise: Way | dict[str, Way] | None = None
    cast: Literal["fp8"] | None = None
    offload: Flag = False
    compile: Flag = False
    attention: str | None = None
    cache: dict[str, Any] | None = None
    adapters: dict[str, Number] | None = None
    tiles: Annotated[Whole, Field(ge=256)] | None = None


class Described(Checked):
    """What any entry may say.

    Attributes:
        card: fields of `experts.types.Card` without `id`.
        profiles: name -> fields that are laid over the card's.
        get: how to get the weights or the key: what to type.
        wording: the wording that it was trained on and does not understand a prompt without; '': any words.
    """

    card: dict[str, Any]
    profiles: dict[str, dict[str, Any]] = {}
    get: str = ""
    wording: str = ""


class Local(Described):
    """A diffusers pipeline.

    Attributes:
        family: a file of `experts/local`.
        weights: a folder written by `save_pretrained`, or a hub id.
        components: folders or hub ids ('owner/name' or 'owner/name/subfolder', perhaps with '@COMMIT') of parts shared
            with other experts, by their name in the pipeline, so that `weights` may lack them.
        revision: of a hub id: its commit, 40 hexadecimal digits, or 'refs/pr/N'; None: what the local hub cache holds
            as 'main'.
    """

    family: str
    weights: Place
    components: dict[str, Place] = {}
    revision: str | None = None
    load: Loading = Loading()

    @field_validator("revision")
    @classmethod
    def _commit(cls, revision: str) -> str:
        if not hub.REVISION.fullmatch(revision):
            raise ValueError(f"{revision!r} is no commit: give its 40 hexadecimal digits")
        return revision


class Own(Described):
    """An expert of one's own.

    Attributes:
        file: a Python file that defines `load(settings, context)` and gives an `experts.types.Expert`.
        settings: what is handed to it.
    """

    file: Place
    settings: dict[str, Any] = {}


def _card_model() -> type[BaseModel]:
    """`Card` without its id, with a description that says something."""
    strict: dict[Any, Any] = {int: Whole, float: Number, bool: Flag}
    fields: dict[str, Any] = {
        name: (strict.get(kind, kind), getattr(Card, name, None))
        for name, kind in get_type_hints(Card).items()
        if name != "id"
    }
    fields |= {"mode": (fields["mode"][0], ...), "description": (Annotated[str, Field(min_length=1)], ...)}
    return create_model("CardFields", __base__=Checked, **fields)


_CARD = _card_model()


def checked(id: str, model: type[M], data: Any, at: str = "") -> M:
    """The data of an expert as that model.

    Args:
        id: the expert's, which the error names.
        model: what the data must be.
        data: what was typed.
        at: the key under which the data stand in the entry; '': they are the entry.

    Raises:
        RegistryError: an unknown or missing key, or a value that cannot be.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise RegistryError(f"expert {id!r}: {complaint(error, model, at)}") from None


def laid(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings as one.

    Args:
        under: what holds where `over` says nothing.
        over: what wins; a mapping is laid over a mapping key by key, anything else takes the place of what was there.
    """
    both = dict(under)
    for key, value in over.items():
        inner = both.get(key)
        both[key] = laid(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return both


def card_of(
    id: str, entry: Described, profile: str, usual: Mapping[str, Any] | None = None, params: Iterable[str] | None = None
) -> Card:
    """The card of an entry in that profile (as it stands where the entry has none of that name).

    Args:
        id: the expert's.
        entry: what was described; all of its profiles are checked.
        profile: 'full', 'draft', or a name that the entry gives.
        usual: fields that the card has unless it says otherwise.
        params: names of the params that it may have; None: any.

    Raises:
        RegistryError: an unknown field or param, or a value of the wrong kind, in any of the profiles.
    """
    base, known = laid(usual or {}, entry.card), None if params is None else list(params)
    card = _card(id, base, known, "card")
    cards = {name: _card(id, laid(base, over), known, f"profiles.{name}") for name, over in entry.profiles.items()}
    found = cards.get(profile, card)
    levels: dict[Wish, Card | None] = {"low": cards.get("draft"), "high": card}
    wishes = {level: other.params for level, other in levels.items() if other and other.params != found.params}
    return replace(found, wishes={**wishes, **found.wishes})


def _card(id: str, fields: Mapping[str, Any], params: list[str] | None, at: str) -> Card:
    """One card; its numbers stay as they were typed (1, not 1.0), since records hold them."""
    told: Any = checked(id, _CARD, fields, at)
    strange = next((name for name in told.params or () if params is not None and name not in params), None)
    if strange is not None:
        raise RegistryError(
            f"expert {id!r}: unknown key '{at}.params.{strange}'; {hint(strange, params, 'params of its family')}"
        )
    given = {name: fields[name] for name in told.model_fields_set}
    given |= {"verbs": tuple(told.verbs), "inputs": tuple(told.inputs), "params": given.get("params", {})}
    try:
        return Card(id=id, **{**given, "skills": dict(told.skills or {})})
    except ValueError as error:
        raise RegistryError(f"{at}.skills of {error}") from None


@dataclass(frozen=True)
class Source:
    """A pipeline's weights.

    Attributes:
        weights: an absolute folder written by `save_pretrained`, or a hub id 'owner/name'.
        components: by their name in the pipeline, parts that stand elsewhere: absolute folders, or hub ids
            'owner/name' or 'owner/name/subfolder'.
        revision: of a hub id: its commit, 40 hexadecimal digits, or 'refs/pr/N'; None: what the local hub cache holds.
        loading: those of `Loading` that are asked for, in its order; what is off is left out.
        revisions: commits of those components that are hub ids, by their name; a component without one: as `revision`.
    """

    weights: str
    components: Mapping[str, str] = field(default_factory=dict)
    revision: str | None = None
    loading: Mapping[str, Any] = field(default_factory=dict)
    revisions: Mapping[str, str] = field(default_factory=dict)


def source_of(id: str, entry: Local, folder: Path) -> Source:
    """Where an entry's weights are: hub ids at the commit that is pinned, or else at the one that the cache holds.

    Args:
        id: the expert's.
        entry: what was described.
        folder: what relative paths are relative to.

    Raises:
        RegistryError: a revision of a folder.
    """
    places = {name: _place(locate(where, folder)) for name, where in entry.components.items()}
    weights, commit = _place(locate(entry.weights, folder))
    if entry.revision and Path(weights).is_absolute():
        raise RegistryError(f"expert {id!r}: revision goes with a hub id, not with the folder {weights}: drop it")
    commits = {name: found for name, (_, found) in places.items() if found}
    components = {name: where for name, (where, _) in places.items()}
    loading = {name: value for name, value in entry.load if value}
    revision = hub.commit_of(hub.pinned(weights, entry.revision)) or entry.revision if entry.revision else commit
    return Source(weights, components, revision or None, loading, commits)


def stamp(source: Source) -> str:
    """What a card's version says about its source: '@' and the commits, '+' and each way of loading; '' for folders."""
    pins = filter(None, (source.revision, *source.revisions.values()))
    commits = dict.fromkeys(commit[:12] for commit in pins if hub.COMMIT.fullmatch(commit))
    ways = [name if value is True else _in_a_word(name, value) for name, value in source.loading.items()]
    return "".join([*(f"@{commit}" for commit in commits), *(f"+{way}" for way in ways)])


def _in_a_word(name: str, value: Any) -> str:
    """'nf4' for a way of loading that says itself what it is, 'cache:method=first_block' for others."""
    if isinstance(value, Mapping):
        return f"{name}:" + ",".join(f"{key}={value[key]}" for key in sorted(value))
    return value if name in ("quantise", "dtype", "cast") else f"{name}:{value}"


def needs_of(source: Source, borrowed: Mapping[str, Iterable[str]] | None = None) -> dict[str, tuple[str, ...]]:
    """Its folders and hub ids, those with their revisions, each with the parts of it that are not read.

    Args:
        source: where everything is.
        borrowed: component that is a pipeline -> its parts that come from the expert's own pipeline.
    """
    needs = {hub.pinned(source.weights, source.revision): tuple(source.components)}
    for name, where in source.components.items():
        if where.endswith(".gguf"):  # which has no settings of its own
            needs[hub.pinned(f"{source.weights}/{name}/config.json", source.revision)] = ()
        needs[hub.pinned(where, source.revisions.get(name))] = tuple((borrowed or {}).get(name, ()))
    return needs


def _place(where: str) -> tuple[str, str]:
    """A folder, or a hub id without its commit; and the commit: the pinned one, else what the cache holds."""
    if Path(where).is_absolute():
        return where, ""
    return where.partition("@")[0], hub.commit_of(where) or hub.split(where)[2]


def locate(where: str, folder: Path) -> str:
    """An absolute path, or a hub id: what looks like one and is no path that exists.

    Args:
        where: as it was typed.
        folder: what a relative path is relative to.
    """
    path = folder / Path(where).expanduser()
    if not path.exists() and hub.ID.fullmatch(where) and not where.startswith("."):
        return where
    return str(path.resolve())
