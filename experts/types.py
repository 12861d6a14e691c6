"""The types that travel between an agent and its experts. Read this first.

An expert is list in, list out over plain data: `(list[Request]) -> list[Result]`, same length and order. One bad item
never raises: it comes back as a `Failure`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol, get_args, runtime_checkable

from PIL import Image

Verb = Literal[
    "generate",
    "add",
    "remove",
    "replace",
    "recolour",
    "move",
    "resize",
    "background",
    "restyle",
    "relight",
    "write",
    "upscale",
    "other",
]
"""What a command asks for. 'other' is any command that fits no other verb."""
VERBS: tuple[Verb, ...] = get_args(Verb)
KINDS = (*(f"generate:{n}" for n in range(5)), *(verb for verb in VERBS if verb != "generate"), "all")
"""Kinds of commands that a skill is measured for: drawing by how much is asked for (words / 10, at most 4), the other
verbs, and several commands carried out by one call."""

Mode = Literal["text-to-image", "image-to-image"]

Input = Literal["mask", "description"]
"""mask: of where to paint · description: words for the whole picture, where others take a command."""

Wish = Literal["low", "medium", "high", "transparent"]
"""What a task may wish of its pictures: a quality, or a transparent ground."""

FailureKind = Literal["refused", "rate_limited", "timeout", "memory", "unsupported", "unavailable", "broken"]
"""refused: by the model or its service · unsupported: the card says it cannot · unavailable: not loadable or not
reachable · broken: anything else that raised."""


class Skill(NamedTuple):
    """How well a kind of command is carried out, [0, 1], and who measured it: a published table, or 'probe'."""

    score: float
    source: str


@dataclass(frozen=True)
class Card:
    """What an expert is, as data: checked before any call, shown to the user, fed to the policy.

    Attributes:
        id: unique name.
        version: changes when the outputs change (part of the cache key).
        mode: text-to-image experts take no picture, image-to-image experts need one.
        verbs: what it was made for; it may be asked for anything its mode allows.
        description: one or two plain sentences.
        min_side, max_side: limits of width and height, px; `multiple`: both must be divisible by it.
        seeded: the same request gives the same picture.
        max_batch: requests that one call of the model takes at once.
        reproducible: every call has exactly `max_batch` requests, short ones filled up with copies: then neither
            neighbours, place nor number change a picture by a bit (on one machine with one number of threads).
        vram_gib: memory of the weights and of one request, GiB.
        usd: price of a picture, USD.
        seconds: expected time of a picture on the reference machine of `source`, s.
        licence, source: SPDX name of the weights' licence; where they come from.
        params: default knobs of a call (steps, guidance, sampler, ...); a request may override these and no others.
        skills: kind of command (`KINDS`) -> how well it is carried out; a kind that nobody measured is absent.
        inputs: what it needs beside a picture and a command; without it the picture is not what was asked for.
        pictures: input pictures that it takes at most, where it takes any.
        masks: it can be told where to paint.
        wishes: what a task may wish for (`Wish`) -> the params of a call that carry it out; others it cannot follow.
    """

    id: str
    mode: Mode
    description: str
    version: str = "1"
    verbs: tuple[Verb, ...] = ("other",)
    min_side: int = 64
    max_side: int = 2048
    multiple: int = 8
    seeded: bool = True
    max_batch: int = 1
    reproducible: bool = False
    vram_gib: float = 0.0
    usd: float = 0.0
    seconds: float = 1.0
    licence: str = "unknown"
    source: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    skills: Mapping[str, Skill] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    pictures: int = 1
    masks: bool = False
    wishes: Mapping[Wish, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def takes_mask(self) -> bool:
        """Whether a request may have a mask."""
        return self.masks or "mask" in self.inputs

    @property
    def commercial(self) -> bool:
        """Whether its licence's name leaves commercial use open: 'Non-Commercial', '-NC' and 'Research' do not."""
        return not re.search(r"non-commercial|-nc\b|research", self.licence, re.IGNORECASE)

    def __post_init__(self) -> None:
        unknown = set(self.verbs) - set(VERBS)
        if unknown:
            raise ValueError(f"card {self.id!r}: no such verb {sorted(unknown)}; verbs are {', '.join(VERBS)}")
        for kind, skill in self.skills.items():
            if kind not in KINDS:
                raise ValueError(f"card {self.id!r}: no such kind of command {kind!r}; kinds are {', '.join(KINDS)}")
            if not 0 <= skill.score <= 1:
                raise ValueError(f"card {self.id!r}: skill {kind!r} is {skill.score}; give a score from 0 to 1")


_DIGEST = "pixels_digest"
"""Attribute of a picture: its pixels (the object that holds them) and their digest."""


def image_digest(image: Image.Image) -> str:
    """sha256 of size and RGB bytes (RGBA where anything is transparent), hexadecimal: two pictures with equal pixels
    have equal digests.

    Computed once a picture: afterwards PIL copies the pixels before it changes them in place, and the copy is another
    object.
    """
    image.load()
    pixels, digest = getattr(image, _DIGEST, (None, ""))
    if pixels is image.im and image.readonly:
        return str(digest)
    clear = image.has_transparency_data
    shown = image if image.mode == "RGB" and not clear else image.convert("RGBA" if clear else "RGB")
    if shown.mode == "RGBA" and shown.getchannel("A").getextrema() == (255, 255):
        shown = shown.convert("RGB")
    found = hashlib.sha256(f"{shown.size}".encode())
    found.update(shown.tobytes())
    digest = found.hexdigest()
    image.readonly = 1
    setattr(image, _DIGEST, (image.im, digest))
    return digest


def copied(image: Image.Image) -> Image.Image:
    """Another picture with the same pixels, and with their digest where it is known."""
    image.load()
    pixels, digest = getattr(image, _DIGEST, (None, ""))
    known = pixels is image.im and image.readonly
    return with_digest(image.copy(), digest) if known else image.copy()


def with_digest(image: Image.Image, digest: str) -> Image.Image:
    """The picture, whose pixels are known to have that digest."""
    image.readonly = 1
    setattr(image, _DIGEST, (image.im, digest))
    return image


@dataclass(frozen=True)
class Request:
    """One picture asked of one expert.

    Attributes:
        prompt: the words handed to the model.
        images: input pictures, RGB (RGBA with `alpha`); empty for text-to-image.
        mask: where to paint (white), mode 'L', of the first picture's size; None: everywhere.
        size: (width, height) px; None: the expert's own.
        seed: 0 .. 2**31 - 1.
        params: overrides of `Card.params`.
        asked: the user's own words, where `prompt` was rewritten from them; recorded, not handed on.
        alpha: a picture with transparency (RGBA) is welcome; without it, transparency is laid on white.
    """

    prompt: str
    images: tuple[Image.Image, ...] = ()
    mask: Image.Image | None = None
    size: tuple[int, int] | None = None
    seed: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    asked: str = ""
    alpha: bool = False

    @cached_property
    def digest(self) -> str:
        """sha256 over everything that can change the picture (so not `asked`), hexadecimal."""
        parts: list[Any] = [self.prompt, [image_digest(image) for image in self.images]]
        parts += [image_digest(self.mask) if self.mask else None, self.size, self.seed, dict(self.params)]
        parts += ["alpha"] if self.alpha else []
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class Failure:
    """Why there is no picture. `retry_after` in s: how long the expert is down (None: try again at once)."""

    kind: FailureKind
    message: str
    retry_after: float | None = None


@dataclass(frozen=True)
class Result:
    """A picture or a failure, exactly one; what it took; what had to be adjusted ('seed ignored').

    `seconds` is this request's share of the call (a batch's time divided by its length), `usd` what was charged.
    `cached` says that the picture came from the store: nothing was computed and nothing charged.
    """

    image: Image.Image | None = None
    failure: Failure | None = None
    seconds: float = 0.0
    usd: float = 0.0
    notes: tuple[str, ...] = ()
    cached: bool = False

    def __post_init__(self) -> None:
        if (self.image is None) == (self.failure is None):
            raise ValueError("a result is a picture or a failure, exactly one")


class Job(NamedTuple):
    """A request and the id of the expert that is to carry it out."""

    expert: str
    request: Request


@runtime_checkable
class Expert(Protocol):
    """Anything that turns requests into pictures."""

    card: Card

    def __call__(self, requests: Sequence[Request]) -> list[Result]:
        """Same length and order as `requests`; never raises for one bad item."""
        ...
