"""What one kind of diffusers pipeline needs to be called, as data: a family is a file that fills this in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from experts.residency import Residency
from experts.source import Source
from experts.types import Card, Expert


@dataclass(frozen=True)
class Ask:
    """One call of a pipeline: requests that agree in size and params.

    `images`: the input picture of each request, at `size`; empty for text-to-image. `size`: (width, height) px.
    """

    prompts: list[str]
    images: list[Image.Image]
    size: tuple[int, int]
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Family:
    """How a request becomes the arguments of a pipeline's call.

    Attributes:
        pipelines: names of the diffusers classes that it runs; empty: any.
        names: param of a card -> argument of the call.
        fixed: arguments that are the same unless a param says otherwise.
        samplers: the sampler may be chosen (param `sampler`, a name of `_samplers.SAMPLERS`).
        more: further arguments, from the Ask.
    """

    pipelines: tuple[str, ...]
    names: Mapping[str, str]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    samplers: bool = False
    more: Callable[[Ask], Mapping[str, Any]] | None = None

    @property
    def params(self) -> tuple[str, ...]:
        """The params that a card of this family may have."""
        return (*self.names, "sampler") if self.samplers else tuple(self.names)

    def arguments(self, ask: Ask) -> dict[str, Any]:
        """Keyword arguments of the pipeline's call, without size, generators and output type."""
        named = {self.names[name]: value for name, value in ask.params.items() if name in self.names}
        if "negative_prompt" in named:  # diffusers wants one a prompt
            named["negative_prompt"] = [named["negative_prompt"]] * len(ask.prompts)
        images = {"image": ask.images} if ask.images else {}
        more = self.more(ask) if self.more else {}
        return {"prompt": ask.prompts, **self.fixed, **named, **images, **more}

    def load(self, card: Card, source: Source, residency: Residency) -> Expert:
        """The expert of that card on the residency's device.

        Raises:
            OSError: weights that are not there.
            ValueError: weights of another kind of pipeline.
        """
        from experts.local._pipeline import PipelineExpert
        from experts.local._weights import read

        pipe = read(source, self.pipelines, residency)
        return PipelineExpert(card, pipe, self, residency.running)
