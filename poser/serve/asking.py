"""What a caller asks for: the fields of OpenAI's image requests and our own, checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, cast

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from experts.images import ImageError, mask_of
from poser import limits
from poser.agent import Poser, Quality
from poser.serve.faults import Fault
from poser.serve.pictures import Given
from poser.serve.settings import Settings
from poser.types import PoserError, Task

UNUSED = ("style", "moderation", "input_fidelity", "output_compression", "complexity")
"""Fields of OpenAI's that change nothing here; they are named in the answer's `poser.ignored`."""


class Ask(BaseModel):
    """A request. Own fields (openai's `extra_body`): `seed`, `steps`, `usd`, `seconds` (the budget, never above the
    server's), `details` (a stream also tells the plan and steps without a picture)."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)
    prompt: str
    model: str | None = Field(None, max_length=200)
    n: int = Field(1, ge=1)
    size: str | None = Field(None, max_length=20)
    background: Literal["auto", "opaque", "transparent"] = "auto"
    quality: str = Field("auto", max_length=20)
    stream: bool = False
    partial_images: int = Field(0, ge=0, le=100)
    response_format: Literal["b64_json", "url"] = "b64_json"
    output_format: Literal["png", "jpeg", "webp"] = "png"
    user: str = Field("", max_length=200)
    safety_identifier: str = Field("", max_length=200)
    seed: int = 0
    steps: int | None = None
    usd: float | None = Field(None, ge=0, allow_inf_nan=False)
    seconds: float | None = Field(None, gt=0, allow_inf_nan=False)
    details: bool = False
    ignored: tuple[str, ...] = ()

    @field_validator("*", mode="before")
    @classmethod
    def _default(cls, value: Any, info: Any) -> Any:
        """null is what OpenAI's clients send for 'not given'."""
        if value is not None or info.field_name == "prompt":
            return value
        return cls.model_fields[info.field_name].get_default()


def asked(data: Any, settings: Settings) -> Ask:
    """The request in some data. Raises Fault naming the field."""
    if not isinstance(data, dict):
        raise Fault(400, 'the body is no JSON object; send {"prompt": "..."}')
    used = {**data, "ignored": tuple(name for name in UNUSED if data.get(name) not in (None, "auto"))}
    try:
        ask = Ask.model_validate(used)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))[:60]
        raise Fault(400, f"{where}: {first['msg']}", param=where) from None
    if len(ask.prompt) > settings.prompt:
        words = f"the prompt has {len(ask.prompt):,} characters; give at most {settings.prompt:,}"
        raise Fault(400, words, "prompt_too_long", "prompt")
    try:
        limits.prompt(ask.prompt)
    except PoserError as error:
        raise Fault(400, str(error), param="prompt") from None
    if ask.n > settings.n:
        raise Fault(400, f"n {ask.n} is more than the {settings.n} pictures that a request may ask for", param="n")
    return ask


def tasks(ask: Ask, agent: Poser, pictures: Given, settings: Settings) -> list[Task]:
    """One task a picture, with seeds that follow each other. Raises Fault, PoserError."""
    if ask.background == "transparent" and ask.output_format == "jpeg":
        raise Fault(400, "jpeg knows no transparency; take png or webp", param="output_format")
    if len(pictures.images) > agent.pictures:
        words = f"{len(pictures.images)} pictures; no expert of this model takes more than {agent.pictures}"
        raise Fault(400, words, "too_many_pictures", "image")
    size = None if pictures.images or ask.size in (None, "auto") else _size(ask.size or "", settings)
    limits.whole(ask.seed, 0, limits.MAX_SEED - ask.n + 1, "seed")
    if ask.steps is not None and ask.steps > settings.steps:
        words = f"steps {ask.steps} are more than the {settings.steps} expert calls that a picture may take here"
        raise Fault(400, words, param="steps")
    first = agent.task(
        ask.prompt,
        pictures.images or None,
        ask.seed,
        ask.steps,
        mask=_fitting(pictures),
        size=size,
        quality=cast(Quality, ask.quality) if ask.quality in limits.QUALITIES else "auto",
        transparent=ask.background == "transparent",
    )
    budget = replace(
        first.budget,
        usd=first.budget.usd if ask.usd is None else min(first.budget.usd, ask.usd),
        seconds=first.budget.seconds if ask.seconds is None else min(first.budget.seconds, ask.seconds),
    )
    return [replace(first, seed=ask.seed + k, budget=budget) for k in range(ask.n)]


def _fitting(pictures: Given) -> Image.Image | None:
    """The mask, checked. Raises Fault."""
    try:
        return mask_of(pictures.mask, pictures.images[0].size, "mask") if pictures.mask is not None else None
    except ImageError as error:
        raise Fault(400, str(error), "invalid_mask", "mask") from None


def _size(given: str, settings: Settings) -> tuple[int, int]:
    """A wished size. Raises Fault."""
    try:
        width, height = limits.size(given)
    except PoserError as error:
        raise Fault(400, str(error), "invalid_size", "size") from None
    if width * height > settings.pixels:
        raise Fault(
            400, f"size {given} is more than the {settings.pixels} px of a picture here", "invalid_size", "size"
        )
    return width, height


def unheeded(ask: Ask, agent: Poser, task: Task) -> tuple[str, ...]:
    """Fields that were given and change nothing."""
    known = {wish for card in agent.mdp.actions.cards.values() for wish in card.wishes}
    wished = {"quality": ask.quality} if ask.quality != "auto" else {}
    found = [name for name, wish in wished.items() if wish not in known]
    if task.image is not None and ask.size not in (None, "auto", "{}x{}".format(*task.image.size)):
        found.append("size")  # an edit keeps the size of its picture
    return (*found, *ask.ignored)
