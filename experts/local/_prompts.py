"""Text encoders with a cache: each prompt is encoded once, and an encoder is on the device only while it encodes.

An encoder's `forward` is wrapped, so that any pipeline's own `encode_prompt` stays in charge. A prompt is a row of the
encoder's input; its key is the content of the encoder, the row (ids, mask, whatever else is a tensor) and the other
arguments. Rows are encoded one by one: what is cached never depends on the batch in which a prompt was first seen.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from experts.memory import Residency
from experts.memory.weights import digest_of

SMALL = ("last_hidden_state", "pooler_output", "text_embeds")
"""Fields kept of every prompt; of the others (a state a layer, logits) only what a pipeline reads."""
BY_ROW = {"input_ids", "attention_mask", "position_ids", "token_type_ids"}
"""Arguments with a row a prompt; a call with any other (pictures) is cached as a whole."""
TRIMMED = ("QwenImage",)
"""Pipelines (how the names of their classes start) that pad a batch to its longest prompt and read no padding: rows are
cut to their own length, so that a prompt is the same row in every batch."""


def remember(pipe: Any, residency: Residency) -> None:
    """Gives the text encoders of a pipeline the residency's embedding cache."""
    trims = type(pipe).__name__.startswith(TRIMMED)
    for name, part in pipe.components.items():
        if name.startswith("text_encoder") and isinstance(part, torch.nn.Module):
            if not isinstance(part.forward, CachedForward):
                part.forward = CachedForward(part, residency, trims)
            residency.lend(part)


class CachedForward:
    """The forward of an encoder.

    Args:
        trims: rows may be cut to the length of their attention mask.
    """

    def __init__(self, module: torch.nn.Module, residency: Residency, trims: bool) -> None:
        self.module, self.residency, self.trims = module, residency, trims
        self.real: Callable[..., Any] = module.forward
        self.__signature__ = inspect.signature(module.forward)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the encoder answers, computed only where it is read and not cached; else the encoder's own answer."""
        named = dict(self.__signature__.bind(*args, **kwargs).arguments)
        named |= named.pop("kwargs", {})
        tensors = {name: value for name, value in named.items() if isinstance(value, torch.Tensor)}
        others = {name: value for name, value in named.items() if name not in tensors and value is not None}
        plain = all(isinstance(value, (bool, int, float, str)) for value in others.values())
        usual = "input_ids" in tensors and others.get("return_dict", True) and not torch.is_grad_enabled()
        content = self.residency.content(self.module)
        if not plain or not usual or not content:
            with self.residency.using(self.module):
                return self.real(*args, **kwargs)
        settings = {name: value for name, value in others.items() if value is not False}
        prompts = []
        for row in _rows(tensors, self.trims):
            named = {n: digest_of(t) if t.is_floating_point() else t.tolist() for n, t in row.items()}
            prompts.append(Prompt(self, row, others, json.dumps([content, settings, named], sort_keys=True)))
        return LazyOutput(prompts, tensors["input_ids"])

    def encode(self, row: Mapping[str, torch.Tensor], others: Mapping[str, Any]) -> Any:
        """The encoder's own answer to a row."""
        self.residency.prompts.passes += 1
        with self.residency.using(self.module):
            device = self.residency.device
            return self.real(**{name: tensor.to(device) for name, tensor in row.items()}, **others)


class Prompt:
    """A row of an encoder's input, and its answer field by field, from the cache or from the encoder.

    A field is named by its name in the answer, with a number where it is a tuple (a state a layer).
    """

    def __init__(self, encoder: CachedForward, row: Mapping[str, torch.Tensor], others: Mapping[str, Any], key: str):
        self._encoder, self._row, self._others, self._key = encoder, row, others, key
        self._answer: Any = None

    @property
    def length(self) -> int:
        """Tokens."""
        return int(self._row["input_ids"].shape[1])

    @property
    def layout(self) -> dict[str, int | None]:
        """Names of what the answer has, in order -> how many tensors, None where it is one."""
        layout: dict[str, int | None] = self._field("layout", _layout)
        return layout

    def get(self, name: str, number: int | None = None) -> torch.Tensor:
        """A tensor [1, ...] in RAM."""

        def read(answer: Any) -> torch.Tensor:
            value = answer[name] if number is None else answer[name][number]
            return value.detach().to("cpu", copy=True)

        tensor: torch.Tensor = self._field((name, number), read)
        return tensor

    def _field(self, field: Any, read: Callable[[Any], Any]) -> Any:
        cache = self._encoder.residency.prompts
        known = cache.get(self._key, {})
        if field in known:
            return known[field]
        if self._answer is None:
            self._answer = self._encoder.encode(self._row, self._others)
            for name in SMALL:
                if self.layout.get(name, 0) is None:
                    self.get(name)
        value = read(self._answer)
        cache.put(self._key, field, value)
        return value


class LazyOutput:
    """A transformers output whose fields are put together from prompts when they are read.

    `ids`: the batch's, [B, T]: fields come on their device, and cut rows are filled up to their length with zeros.
    """

    def __init__(self, prompts: Sequence[Prompt], ids: torch.Tensor) -> None:
        self._prompts, self._ids = prompts, ids

    def __getattr__(self, name: str) -> Any:
        """A field; None where the answer has none of that name."""
        if name.startswith("_"):
            raise AttributeError(name)
        layout = self._prompts[0].layout
        if name not in layout:
            return None
        count = layout[name]
        return self._stacked(name) if count is None else LazyTuple(lambda number: self._stacked(name, number), count)

    def __getitem__(self, key: Any) -> Any:
        """By name, by number among the fields that are there, or several of these."""
        return getattr(self, key) if isinstance(key, str) else self.to_tuple(key)

    def __iter__(self) -> Iterator[str]:
        """Names, as transformers' outputs."""
        return iter(self._prompts[0].layout)

    def to_tuple(self, key: Any = slice(None)) -> Any:
        """The fields in order, or those asked for."""
        names = list(self)[key]
        return getattr(self, names) if isinstance(names, str) else tuple(getattr(self, name) for name in names)

    def _stacked(self, name: str, number: int | None = None) -> torch.Tensor:
        tensors = []
        for prompt in self._prompts:
            tensor = prompt.get(name, number)
            lacking = self._ids.shape[1] - prompt.length
            if lacking and tensor.dim() > 1 and tensor.shape[1] == prompt.length:
                tensor = torch.cat([tensor, tensor.new_zeros(1, lacking, *tensor.shape[2:])], 1)
            tensors.append(tensor)
        return torch.cat(tensors).to(self._ids.device)


class LazyTuple(Sequence[torch.Tensor]):
    """A tuple of tensors of which only those that are read are made."""

    def __init__(self, read: Callable[[int], torch.Tensor], count: int) -> None:
        self._read, self._count = read, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, key: Any) -> Any:
        numbers = range(self._count)[key]
        return self._read(numbers) if isinstance(numbers, int) else tuple(map(self._read, numbers))


def _layout(answer: Any) -> dict[str, int | None]:
    kinds: dict[str, int | None] = {}
    for name, value in answer.items():
        if isinstance(value, torch.Tensor):
            kinds[name] = None
        elif isinstance(value, tuple) and all(isinstance(one, torch.Tensor) for one in value):
            kinds[name] = len(value)
    return kinds


def _rows(tensors: Mapping[str, torch.Tensor], trims: bool) -> list[dict[str, torch.Tensor]]:
    """The rows of a batch, each a batch of one; a single one where rows cannot be told apart."""
    ids = tensors["input_ids"]
    if set(tensors) - BY_ROW or any(tensor.shape[0] != len(ids) for tensor in tensors.values()):
        return [dict(tensors)]
    rows = [{name: tensor[k : k + 1] for name, tensor in tensors.items()} for k in range(len(ids))]
    return [_cut(row) for row in rows] if trims and "attention_mask" in tensors else rows


def _cut(row: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Without the padding on its right."""
    mask = row["attention_mask"]
    length = int(mask.sum())
    padded = 0 < length < mask.shape[1] and bool(mask[0, :length].all())
    return {name: tensor[:, :length] for name, tensor in row.items()} if padded else row
