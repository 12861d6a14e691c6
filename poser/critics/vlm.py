"""P(yes) of questions about pictures from any image-text-to-text model of transformers, without generating a word."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from PIL import Image

from experts.types import image_digest
from poser.critics.forward import Loaded, Shared, plain
from poser.critics.memory import Answers
from poser.critics.questions import Ask
from poser.types import PoserError

if TYPE_CHECKING:
    from experts.residency import Residency

LOG = logging.getLogger(__name__)
TOLERANCE = {"float32": 1e-4, "float16": 5e-3, "bfloat16": 3e-2}
"""Largest difference of P(yes) between two ways of computing it, by dtype."""
HASHED = 2**26
"""Bytes of each weight file that go into the version."""


def version_of(folder: Path) -> str:
    """The first 12 hexadecimal digits of sha256 over the weight files (the first 64 MiB of each, and its size)."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(file.read(HASHED))
        if path.stat().st_size > HASHED:
            digest.update(str(path.stat().st_size).encode())
    return digest.hexdigest()[:12]


def _room(folder: Path) -> float:
    """GiB that the model of a folder may need."""
    weights = [path.stat().st_size for path in folder.expanduser().glob("*.safetensors")]
    return 2 * sum(weights) / 2**30 if weights else 10.0


def _digest(picture: Image.Image) -> str:
    """The picture's digest; '' for what is no picture."""
    try:
        return image_digest(picture)
    except Exception:
        return ""


class Vlm:
    """A vision-language model that is asked yes/no questions, loaded at the first one.

    Args:
        model: a folder or a hub id.
        yes, no: words of which those that are a single token of the model are the labels.
        suffix: put after every question ('Answer yes or no.'), one space between.
        device: 'cpu', 'cuda', ... or 'auto'; dtype: 'float32', 'bfloat16', ... or 'auto' (float32 on a CPU).
        token_budget: padded tokens of one forward pass, pictures included.
        residency: where given, it decides on device and memory, and the model lives there as `gib` GiB (None: twice
            the size of the weight files; 10 for a hub id).
        answers: a file that keeps every answer for later runs (`memory.Answers`).
    """

    def __init__(
        self,
        model: str | Path,
        *,
        yes: str | Sequence[str] = ("yes", "Yes"),
        no: str | Sequence[str] = ("no", "No"),
        suffix: str = "",
        device: str = "auto",
        dtype: str = "auto",
        token_budget: int = 16_384,
        gib: float | None = None,
        residency: Residency | None = None,
        answers: str | Path | None = None,
    ) -> None:
        self.name, self.suffix = str(model), suffix
        self.words = tuple((words,) if isinstance(words, str) else tuple(words) for words in (no, yes))
        self._device, self._dtype = device, dtype
        self.token_budget, self.residency = token_budget, residency
        self.gib = _room(Path(self.name)) if gib is None else gib
        self._answered = answers
        self._own: Loaded | None = None
        self._shared: bool | None = None
        self._tails: dict[str, list[int]] = {}
        self._lock = residency.running if residency is not None else RLock()

    @cached_property
    def id(self) -> str:
        """Folder name and version of the weights; a hub id as it is."""
        folder = Path(self.name).expanduser()
        return f"{folder.name}@{version_of(folder)}" if folder.is_dir() else self.name

    @cached_property
    def memory(self) -> Answers:
        """What it answered before."""
        words = "|".join([self.suffix, *self.words[0], "", *self.words[1]])
        return Answers(self._answered, f"{self.id}:{words}")

    @property
    def device(self) -> str:
        """Where it runs."""
        import torch

        if self._device != "auto":
            return self._device
        if self.residency is not None:
            return self.residency.device
        return "cuda" if torch.cuda.is_available() else "cpu"

    def _load(self) -> Loaded:
        """Model, processor, label ids. Raises `PoserError`: not there, not loadable, no label tokens."""
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor

        dtype = self._dtype if self._dtype != "auto" else "float32" if self.device == "cpu" else "bfloat16"
        try:
            processor = AutoProcessor.from_pretrained(self.name)
            model = AutoModelForImageTextToText.from_pretrained(self.name, dtype=getattr(torch, dtype))
        except (OSError, ValueError, AttributeError) as error:
            first = str(error).strip().splitlines()[0]
            raise PoserError(
                f"critic: cannot load {self.name!r} ({first}); set critic.model to a folder or hub id"
            ) from error
        processor.tokenizer.padding_side = "left"
        no, yes = (self._labels(processor.tokenizer, words) for words in self.words)
        network: Any = model
        return Loaded(network.to(self.device).eval().requires_grad_(False), processor, (no, yes))

    def _labels(self, tokenizer: Any, words: Sequence[str]) -> list[int]:
        """Ids of the words that are one known token."""
        encoded = [tokenizer.encode(word, add_special_tokens=False) for word in words]
        ids = {ids[0] for ids in encoded if len(ids) == 1 and ids[0] != tokenizer.unk_token_id}
        if not ids:
            raise PoserError(
                f"critic: none of {', '.join(words)} is one token of {self.name!r}; set critic.yes and critic.no"
            )
        return sorted(ids)

    def loaded(self) -> Loaded:
        """The model in memory, loaded where it is not."""
        if self.residency is not None:
            return self.residency.acquire(f"critic:{self.name}", self._load, self.gib)
        if self._own is None:
            self._own = self._load()
        return self._own

    def ask(self, asks: Sequence[Ask]) -> list[float]:
        """P(yes) of each, same length and order; NaN where a picture cannot be asked or the model has no finite answer,
        or does not know a word of the question. Raises `PoserError` where the model cannot be loaded."""
        digests = {id(ask.picture): _digest(ask.picture) for ask in asks}
        keys = [(digests[id(ask.picture)], ask.question) for ask in asks]
        with self._lock:
            known = self.memory.get(dict.fromkeys(keys))
            fresh = {key: ask for key, ask in zip(keys, asks, strict=True) if key[0] and key not in known}
            found = self._answers(fresh) if fresh else {}
            self.memory.put({key: p for key, p in found.items() if math.isfinite(p)})
        return [found[key] if key in found else known.get(key, math.nan) for key in keys]

    def _answers(self, asks: dict[tuple[str, str], Ask]) -> dict[tuple[str, str], float]:
        self.loaded()
        try:
            return self._batched(asks)
        except Exception as error:
            pictures = dict.fromkeys(digest for digest, _ in asks)
            if len(pictures) == 1:
                LOG.warning("critic: no verdict on a picture: %s: %s", type(error).__name__, error)
                return dict.fromkeys(asks, math.nan)
            found: dict[tuple[str, str], float] = {}
            for digest in pictures:  # one bad picture must not cost the others their verdict
                found |= self._answers({key: ask for key, ask in asks.items() if key[0] == digest})
            return found

    def _batched(self, asks: dict[tuple[str, str], Ask]) -> dict[tuple[str, str], float]:
        """All questions about all pictures; those with words that the model does not know are left out."""
        loaded = self.loaded()
        given = {key: Ask(ask.picture, f"{ask.question} {self.suffix}".strip()) for key, ask in asks.items()}
        known = [key for key, ask in given.items() if self._readable(ask.question)]
        answers = self._forward(loaded, [given[key] for key in known])
        return dict.fromkeys(asks, math.nan) | {
            key: p if math.isfinite(p) else math.nan for key, p in zip(known, answers, strict=True)
        }

    def _readable(self, question: str) -> bool:
        """Whether every word is in the model's vocabulary (always so for models without an 'unknown' token)."""
        tokenizer = self.loaded().processor.tokenizer
        unknown = tokenizer.unk_token_id
        return unknown is None or unknown not in tokenizer.encode(question, add_special_tokens=False)

    def _forward(self, loaded: Loaded, asks: Sequence[Ask]) -> list[float]:
        """P(yes) of each; shares the reading of a picture where the model agrees that this changes nothing."""
        if not asks:
            return []
        if self._shared is None:
            self._shared = agreed(loaded, asks[0])
        if self._shared:
            return Shared(loaded, self._tails)(asks, self.token_budget)
        return plain(loaded, asks, self.token_budget)


def agreed(loaded: Loaded, ask: Ask) -> bool:
    """Whether `Shared` gives what `plain` gives (some models have caches or positions of their own)."""
    (one,) = plain(loaded, [ask], 1)
    try:
        (other,) = Shared(loaded)([ask], 1)
    except Exception:
        return False
    return abs(one - other) <= TOLERANCE[str(loaded.model.dtype).removeprefix("torch.")]
