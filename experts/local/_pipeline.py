"""The adapter between requests and a diffusers pipeline: group, chunk, seed, call, scatter.

A picture depends on its request alone: each item has its own generator, seeded on the CPU, so neither neighbours nor
the size of a batch change it beyond rounding, and with a `reproducible` card, whose calls all have one shape, not by a
bit. One bad item fails alone: a chunk that raises is taken apart.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from experts.calling import unsupported
from experts.entries import Source
from experts.failures import boundary
from experts.images import allowed_size, fit, rgb
from experts.local._family import Ask, Family
from experts.local._loading import around
from experts.local._samplers import fresh, unfit
from experts.local._weights import read
from experts.memory import DeviceLock, Residency
from experts.types import Card, Failure, Request, Result

_TOKENIZERS = ("tokenizer_3", "tokenizer_2", "tokenizer")
"""Where a pipeline has several, the last one is of the encoder that reads the most."""


TILES = 1536
"""px: up to a square of this side a VAE decodes at once, within what the cards declare."""
SLICED = 1024 * 1024
"""px: pictures of at least this area are decoded one by one."""


@dataclass(frozen=True)
class _Item:
    """A request made ready: the first picture and the mask at the size of the call, params with the card's defaults."""

    place: int
    prompt: str
    seed: int
    images: tuple[Image.Image, ...]
    mask: Image.Image | None
    size: tuple[int, int]
    params: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """Items with equal groups can share a call."""
        return json.dumps([self.size, len(self.images), self.params], sort_keys=True, default=str)


def load(card: Card, family: Family, source: Source, residency: Residency) -> PipelineExpert:
    """The expert of that card, its weights in RAM.

    Raises:
        OSError: weights that are not there.
        ValueError: weights of another kind of pipeline.
    """
    pipe = family.open(source, residency) if family.open else read(source, family.pipelines, residency)
    return PipelineExpert(card, pipe, family, residency.running, source.loading.get("tiles") or TILES)


class PipelineExpert:
    """An expert that is a diffusers pipeline.

    Args:
        card: what it promises; requests beyond it come back as Failure 'unsupported'.
        pipe: the pipeline, on its device; its scheduler is replaced by a fresh one of its own.
        family: how to call it.
        running: held while it runs; its `relieve` makes room after a call ran out of memory.
        tiles: px; a picture with a larger area than a square of this side goes through the VAE in tiles.

    Raises:
        ValueError: a param of the card that the pipeline's call does not take, or a sampler that does not fit.
    """

    def __init__(self, card: Card, pipe: Any, family: Family, running: DeviceLock, tiles: int = TILES) -> None:
        self.card, self.pipe, self.family = card, pipe, family
        self._running, self._around, self._tiles = running, around(pipe), tiles
        self._vae = vae if hasattr(vae := pipe.components.get("vae"), "enable_tiling") else None
        self._takes = inspect.signature(pipe.__call__).parameters
        for param in card.params:
            if family.names.get(param, "prompt") not in self._takes:
                kind = type(pipe).__name__
                raise ValueError(f"{card.id}: {kind} takes no {family.names[param]!r}: take {param!r} out of params")
        self._model = pipe.scheduler
        self._schedulers = {name: fresh(self._model, name) for name in {card.params.get("sampler")}}

    @property
    def _most(self) -> int:
        """Items of a call; of every call, where the card is `reproducible`."""
        return max(1, self.card.max_batch) if self.family.batch else 1

    @property
    def parts(self) -> dict[str, Any]:
        """Its torch modules by their name in the pipeline: what the residency moves."""
        return {name: part for name, part in self.pipe.components.items() if hasattr(part, "parameters")}

    def __call__(self, requests: Sequence[Request]) -> list[Result]:
        """Same length and order as `requests`; a call's time is shared evenly by its items.

        Raises:
            RuntimeError: a request was left without a result: a fault of this class.
        """
        results: dict[int, Result] = {}
        groups: dict[str, list[_Item]] = {}
        for place, request in enumerate(requests):
            failure = unsupported(self.card, request) or self._refusal(request)
            if failure:
                results[place] = Result(failure=failure)
                continue
            item = self._ready(place, request)
            groups.setdefault(item.group, []).append(item)
        step = self._most
        for items in groups.values():
            for start in range(0, len(items), step):
                chunk = items[start : start + step]
                for item, result in zip(chunk, self._run(chunk), strict=True):
                    results[item.place] = result
        if len(results) < len(requests) or None in results.values():
            raise RuntimeError(f"{self.card.id}: a request was left without a result")
        return [results[place] for place in range(len(requests))]

    def _refusal(self, request: Request) -> Failure | None:
        """What this adapter cannot do although the card does not say so."""
        sampler = request.params.get("sampler")
        reason = "" if sampler is None else unfit(self._model, sampler)
        return Failure("unsupported", f"{self.card.id}: {reason}") if reason else None

    def _ready(self, place: int, request: Request) -> _Item:
        params = {**self.card.params, **request.params}
        notes = self._cut(request.prompt, params)
        if not request.images:
            size = request.size or allowed_size(self._native_size(), self.card)
            return _Item(place, request.prompt, request.seed, (), None, size, params, notes)
        image, resized = fit(request.images[0], self.card, request.size)
        images = (image, *(rgb(other) for other in request.images[1:]))
        mask = _mask(request.mask, image.size) if self.family.mask else None
        return _Item(place, request.prompt, request.seed, images, mask, image.size, params, notes + resized)

    def _native_size(self) -> tuple[int, int]:
        """(width, height) px that the pipeline draws when nobody says otherwise."""
        usual = [self._takes[name].default for name in ("width", "height") if name in self._takes]
        if len(usual) == 2 and all(isinstance(side, int) for side in usual):
            return usual[0], usual[1]
        denoiser = getattr(self.pipe, "unet", None) or getattr(self.pipe, "transformer", None)
        config = getattr(denoiser, "config", None)
        side = getattr(self.pipe, "default_sample_size", None) or getattr(config, "sample_size", None)
        if side is None:
            return self.family.side or self.card.max_side, self.family.side or self.card.max_side
        height, width = side if isinstance(side, (list, tuple)) else (side, side)
        scale = getattr(self.pipe, "vae_scale_factor", 1)
        return width * scale, height * scale

    def _cut(self, prompt: str, params: dict[str, Any]) -> tuple[str, ...]:
        """A note where the prompt is longer than the model reads."""
        tokenizer = next((t for name in _TOKENIZERS if (t := getattr(self.pipe, name, None)) is not None), None)
        if tokenizer is None or not self.family.cuts:
            return ()
        usual = self._takes.get("max_sequence_length")
        limit = params.get("max_sequence_length") or (usual and usual.default) or tokenizer.model_max_length
        words = self.family.wrap(self.pipe, prompt) if self.family.wrap else prompt
        length = len(getattr(tokenizer, "tokenizer", tokenizer)(words, truncation=False, verbose=False).input_ids)
        return (f"prompt cut to {limit} of its {length} tokens",) if length > limit else ()

    def _run(self, items: list[_Item]) -> list[Result]:
        """One call; where it fails, halves (no memory) or single items (anything else), down to one Failure each."""
        start = time.perf_counter()
        failure = None
        try:
            with self._running, _quiet():
                results = self._call(self._filled(items))[: len(items)]
        except Exception as error:
            failure = boundary(error)
        seconds = (time.perf_counter() - start) / len(items)
        if failure is None:
            return [
                Result(r, None, seconds, self.card.usd, item.notes + _size_note(r, item))
                if isinstance(r, Image.Image)
                else Result(failure=r, seconds=seconds)
                for r, item in zip(results, items, strict=True)
            ]
        # outside of `except`, where the traceback would hold the tensors
        if failure.kind == "memory" and self._running.relieve():  # others left the device: the same once more
            return self._run(items)
        if len(items) == 1 or (failure.kind == "memory" and self.card.reproducible):  # fewer would take as much room
            return [Result(failure=failure, seconds=seconds)] * len(items)
        step = (len(items) + 1) // 2 if failure.kind == "memory" else 1
        return [r for i in range(0, len(items), step) for r in self._run(items[i : i + step])]

    def _filled(self, items: list[_Item]) -> list[_Item]:
        """The items of a call; where the card is `reproducible`, as many as in every other call."""
        return items + items[-1:] * (self._most - len(items)) if self.card.reproducible else items

    def _call(self, items: list[_Item]) -> list[Image.Image | Failure]:
        import torch

        sampler = items[0].params.get("sampler")
        if sampler not in self._schedulers:
            self._schedulers[sampler] = fresh(self._model, sampler)
        self.pipe.scheduler = self._schedulers[sampler]
        ask = self._ask(items)
        generators = [torch.Generator("cpu").manual_seed(item.seed) for item in items]
        size = {"width": ask.size[0], "height": ask.size[1]} if "width" in self._takes else {}
        self._spare(ask.size, len(items))
        with self._around():
            out = self.pipe(**{**self._arguments(ask), **size, "generator": generators, "output_type": "np"})
        flagged = getattr(out, "nsfw_content_detected", None) or [False] * len(items)
        return [_picture(pixels, bool(flag)) for pixels, flag in zip(out.images, flagged, strict=True)]

    def _spare(self, size: tuple[int, int], batch: int) -> None:
        """Large pictures go through the VAE in tiles, batches of large ones picture by picture: by their size alone, so
        that neighbours change nothing. Set before each call, because experts share a VAE."""
        if self._vae is not None:
            area = size[0] * size[1]
            (self._vae.enable_tiling if area > self._tiles**2 else self._vae.disable_tiling)()
            (self._vae.enable_slicing if batch > 1 and area >= SLICED else self._vae.disable_slicing)()

    def _arguments(self, ask: Ask) -> dict[str, Any]:
        """Keyword arguments of the pipeline's call, without size, generators and output type."""
        family = self.family
        fixed = {name: value for name, value in family.fixed.items() if name in self._takes}
        named = {family.names[name]: value for name, value in ask.params.items() if name in family.names}
        negative = named.pop("negative_prompt", None)
        if (
            negative
        ):  # one a prompt; an empty one is left to the pipeline: SDXL zeroes its embedding where none is given
            named["negative_prompt"] = [negative] * len(ask.prompts)
        images = {family.image: ask.images} if ask.images else {}
        masks = {family.mask: ask.masks} if ask.masks else {}
        more = family.more(ask) if family.more else {}
        return {"prompt": ask.prompts, **fixed, **named, **images, **masks, **more}

    def _ask(self, items: list[_Item]) -> Ask:
        first = items[0]
        ask = Ask(
            prompts=[item.prompt for item in items],
            images=[item.images[0] for item in items if item.images],
            size=first.size,
            params=first.params,
            more=[item.images[1:] for item in items if item.images[1:]],
            masks=[item.mask for item in items if item.mask],
        )
        return self.family.prepare(ask, self.pipe) if self.family.prepare else ask


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No warnings about cut prompts and rounded sizes: they are notes of the result. Afterwards as before."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    before = [(module, module.get_verbosity()) for module in (diffusers_logging, transformers_logging)]
    for module, _ in before:
        module.set_verbosity_error()
    try:
        yield
    finally:
        for module, level in before:
            module.set_verbosity(level)


def _mask(mask: Image.Image | None, size: tuple[int, int]) -> Image.Image:
    """Mode 'L' at `size`; None: white all over."""
    if mask is None:
        return Image.new("L", size, 255)
    return mask.convert("L").resize(size, Image.Resampling.NEAREST)


def _picture(pixels: np.ndarray, flagged: bool) -> Image.Image | Failure:
    """[H, W, 3] in [0, 1] -> RGB. Never a black square in place of a refusal or of numbers that ran away."""
    if flagged:
        return Failure("refused", "the pipeline's safety checker flagged the picture")
    if not np.isfinite(pixels).all():
        return Failure("broken", "the model's output is not finite: set load.dtype to float32, or take other params")
    return Image.fromarray((pixels * 255).round().astype(np.uint8))


def _size_note(image: Image.Image, item: _Item) -> tuple[str, ...]:
    if image.size == item.size:
        return ()
    return (f"asked for {item.size[0]}x{item.size[1]} px, got {image.width}x{image.height} px",)
