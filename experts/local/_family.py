"""What one kind of diffusers pipeline needs to be called, as data: a family is a file that fills this in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from experts.entries import Source
from experts.memory import Residency


@dataclass(frozen=True)
class Ask:
    """One call of a pipeline: requests that agree in size, params and number of pictures.

    Attributes:
        prompts: one a request; every list here has this length or is empty.
        images: the first input picture of each request, RGB, at `size`; empty for text-to-image.
        size: (width, height) px.
        params: knobs, the card's laid under the request's.
        more: the further input pictures of each request, RGB, at their own sizes; empty where there are none.
        masks: where to paint (white), mode 'L', at `size`, white all over where a request has none; empty where the
            family takes no mask.
    """

    prompts: list[str]
    images: list[Image.Image]
    size: tuple[int, int]
    params: Mapping[str, Any]
    more: list[tuple[Image.Image, ...]] = field(default_factory=list)
    masks: list[Image.Image] = field(default_factory=list)


@dataclass(frozen=True)
class Family:
    """How a request becomes the arguments of a pipeline's call.

    Attributes:
        pipelines: names of the diffusers classes that it runs; empty: any.
        names: param of a card -> argument of the call.
        fixed: arguments that are the same unless a param says otherwise; left out where the call does not take them.
        samplers: the sampler may be chosen (param `sampler`, a name of `_samplers.SAMPLERS`).
        image: the argument that takes the input pictures.
        mask: the argument that takes the masks; empty: a request with a mask is refused.
        pictures: most input pictures a request may have.
        batch: several requests may share a call; False: one by one, whatever the card says.
        side: px, of the square that is drawn when nobody says otherwise and the pipeline has no size of its own.
        cuts: a prompt longer than `max_sequence_length` or the tokenizer's limit is cut, and a note says so.
        wrap: (pipeline, prompt) -> the text that it tokenizes, where that is more than the prompt; for that note.
        own: params that are no argument of the call: `prepare`, `more` or the opened pipeline read them.
        prepare: changes the Ask before the call (a control picture out of the input picture); also given the pipeline.
        more: further arguments, from the Ask; they win.
        borrowed: component that is a pipeline -> its parts that come from the expert's own pipeline.
        open: reads the pipeline, where `_weights.read(source, pipelines, residency)` is not all there is to it. What it
            gives back has `components` (name -> part), `scheduler` and a call; None: read as it is.
    """

    pipelines: tuple[str, ...]
    names: Mapping[str, str]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    samplers: bool = False
    image: str = "image"
    mask: str = ""
    pictures: int = 1
    batch: bool = True
    side: int | None = None
    cuts: bool = True
    wrap: Callable[[Any, str], str] | None = None
    own: tuple[str, ...] = ()
    prepare: Callable[[Ask, Any], Ask] | None = None
    more: Callable[[Ask], Mapping[str, Any]] | None = None
    borrowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    open: Callable[[Source, Residency], Any] | None = None

    @property
    def params(self) -> tuple[str, ...]:
        """The params that a card of this family may have."""
        return (*self.names, *self.own, *(("sampler",) if self.samplers else ()))
