"""What a caller asks for: the fields of OpenAI's image requests and our own, checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from poser import limits
from poser.agent import Poser
from poser.serve.faults import Fault
from poser.serve.settings import Settings
from poser.types import PoserError, Task

UNUSED = ("quality", "style", "moderation", "input_fidelity", "output_compression", "complexity")
"""Fields of OpenAI's that change nothing here; they are named in the answer's `poser.ignored`."""


class Ask(BaseModel):
    """A request. Own fields (openai's `extra_body`): `seed`, `steps`, `usd`, `seconds` (the budget, never above the
    server's), `details` (a stream also tells the plan and steps without a picture)."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)
    prompt: str
    model: str | None = Field(None, max_length=200)
    n: int = Field(1, ge=1)
    size: str | None = Field(None, max_length=20)
    background: Literal["auto", "opaque"] | None = None
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


def tasks(ask: Ask, agent: Poser, image: Image.Image | None, settings: Settings) -> list[Task]:
    """One task a picture, with seeds that follow each other. Raises Fault, PoserError."""
    size = "{}x{}".format(*agent.config.size)
    if image is None and ask.size not in (None, "auto", size):
        raise Fault(400, f"size {ask.size} is not offered by this model; it draws {size}", "invalid_size", "size")
    limits.whole(ask.seed, 0, limits.MAX_SEED - ask.n + 1, "seed")
    if ask.steps is not None and ask.steps > settings.steps:
        words = f"steps {ask.steps} are more than the {settings.steps} expert calls that a picture may take here"
        raise Fault(400, words, param="steps")
    found = [agent.task(ask.prompt, image, ask.seed + k, ask.steps) for k in range(ask.n)]
    budget = found[0].budget
    budget = replace(
        budget,
        usd=budget.usd if ask.usd is None else min(budget.usd, ask.usd),
        seconds=budget.seconds if ask.seconds is None else min(budget.seconds, ask.seconds),
    )
    return [replace(task, budget=budget) for task in found]
