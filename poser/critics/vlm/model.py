"""P(yes) of questions about pictures from any image-text-to-text model of transformers, without generating a word."""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from experts import hub
from experts.images import shrunk
from poser.critics.questions.asking import Ask, Said
from poser.critics.vlm import loading
from poser.critics.vlm.presets import PRESETS
from poser.critics.vlm.yes_probability import Loaded, Shared, plain
from poser.llm import SIDE
from poser.llm.answers import Answers, digest_of
from poser.plugins import Requirements

if TYPE_CHECKING:
    from experts.memory import Residency

LOG = logging.getLogger(__name__)
TOLERANCE = {"float32": 1e-4, "float16": 5e-3, "bfloat16": 3e-2}
"""Largest difference of P(yes) between two ways of computing it, by dtype."""
PROBES = ("Is it dark?", "Is there a person?", "Is anything red?", "Is it a photograph?", "Is there any text?")
"""Asked beside what is really asked, so that sharing is judged on five questions: one may be near a rounding step."""
PREFIXED = ("paligemma",)
"""Models whose picture tokens look at the question (bidirectional prefix): their picture is another one to every
question, so that there is nothing to share."""


def _words(words: str | Sequence[str]) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)


@dataclass(frozen=True)
class Vocabulary:
    """How a model is asked and answers.

    `yes`, `no`: words of which those that are a single token are the labels. `prefix`, `suffix`: put before and after
    every question. `images`: settings of the image processor, as limits of size.
    """

    yes: tuple[str, ...] = ("yes", "Yes", " yes", " Yes")
    no: tuple[str, ...] = ("no", "No", " no", " No")
    prefix: str = ""
    suffix: str = ""
    images: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Differs where answers may."""
        images = "" if not self.images else repr(sorted(self.images.items()))
        return "|".join([self.prefix, self.suffix, images, *self.no, "", *self.yes])

    def asked(self, question: str) -> str:
        """The question as the model gets it."""
        return " ".join(part for part in (self.prefix, question, self.suffix) if part)


class Vlm:
    """A vision-language model that is asked yes/no questions, loaded at the first one.

    Args:
        model: a folder or a hub id; revision: the commit of a hub id (None: what the local hub cache holds).
        yes, no: words of which those that are a single token of the model are the labels.
        prefix, suffix: put before and after every question ('Answer yes or no.'), one space between.
        images: settings of the image processor, for example its limits of size.
        side: pictures are shown with at most that many px a side.
        device: 'cpu', 'cuda', ... or 'auto'; dtype: 'float32', 'bfloat16', ... or 'auto' (float32 on a CPU).
        token_budget: tokens of one forward pass, pictures included.
        residency: where given, it decides on device and memory, and the model lives there as `gib` GiB (None: twice
            the size of the weight files; 10 for a hub id).
        answers: a file that keeps every answer for later runs (`memory.Answers`).
    """

    def __init__(
        self,
        model: str | Path,
        *,
        yes: str | Sequence[str] = Vocabulary.yes,
        no: str | Sequence[str] = Vocabulary.no,
        prefix: str = "",
        suffix: str = "",
        images: Mapping[str, Any] | None = None,
        side: int = SIDE,
        revision: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        token_budget: int = 16_384,
        gib: float | None = None,
        residency: Residency | None = None,
        answers: str | Path | None = None,
    ) -> None:
        self.name, self.revision, self.suffix = str(model), revision, suffix
        self.words = Vocabulary(_words(yes), _words(no), prefix, suffix, dict(images or {}))
        self.side, self._device, self._dtype = side, device, dtype
        self.token_budget, self.residency = token_budget, residency
        self.gib = loading.room(self.name) if gib is None else gib
        self._answered = answers
        self._own: Loaded | None = None
        self._objection: str | None = None
        self._tails: dict[str | None, list[int]] = {}
        self._lock = residency.running if residency is not None else RLock()

    @cached_property
    def id(self) -> str:
        """Folder name and version of the weights; a hub id with its revision."""
        return loading.named(self.name, self.revision)

    def requirements(self) -> Requirements:
        """Its weights, their room in memory, and what the processors of known models import."""
        packages = {name for one in PRESETS.values() if one.model == self.name for name in one.needs}
        return Requirements((hub.pinned(self.name, self.revision),), packages=tuple(sorted(packages)), gib=self.gib)

    @property
    def shared(self) -> bool | None:
        """Whether all questions about a picture share one reading of it; None before the first question."""
        return None if self._objection is None else not self._objection

    @property
    def objection(self) -> str:
        """Why every question reads its picture anew; '' where they share it (or nothing was asked yet)."""
        return self._objection or ""

    @cached_property
    def memory(self) -> Answers:
        """What it answered before."""
        return Answers(self._answered, f"{self.id}:{self.words.key}:{self.side}")

    @property
    def device(self) -> str:
        """Where it runs."""
        return loading.device_of(self._device, self.residency)

    @property
    def _key(self) -> str:
        """Its key in a residency: another one where labels, image settings or revision differ from the usual."""
        usual = Vocabulary(prefix=self.words.prefix, suffix=self.words.suffix)
        more = "" if self.words == usual and self.revision is None else f":{self.revision or ''}:{self.words.key}"
        return f"critic:{self.name}{more}"

    def _load(self) -> Loaded:
        dtype = loading.dtype_of(self._dtype, self.device)
        return loading.load(self.name, dtype, self.words.yes, self.words.no, self.words.images, self.revision)

    def loaded(self) -> Loaded:
        """The model in memory, loaded where it is not. Raises `PoserError` where it cannot be."""
        if self.residency is not None:
            return self.residency.acquire(self._key, self._load, self.gib)
        if self._own is None:
            self._own = self._load()
            self._own.model.to(self.device)
        return self._own

    def ask(self, asks: Sequence[Ask]) -> list[Said]:
        """P(yes) of each, same length and order, at no cost; NaN where a picture cannot be asked or the model has no
        finite answer, or does not know a word of the question. Raises `PoserError` where it cannot be loaded."""
        digests = {id(ask.picture): digest_of(ask.picture) for ask in asks}
        keys = [(digests[id(ask.picture)], ask.question) for ask in asks]
        with self._lock:
            known = self.memory.get(dict.fromkeys(keys))
            fresh = {key: ask for key, ask in zip(keys, asks, strict=True) if key[0] and key not in known}
            found = self._answers(fresh) if fresh else {}
            self.memory.put({key: p for key, p in found.items() if math.isfinite(p)})
        return [Said(found[key] if key in found else known.get(key, math.nan)) for key in keys]

    def _answers(self, asks: dict[tuple[str, str], Ask]) -> dict[tuple[str, str], float]:
        loaded = self.loaded()
        try:
            return self._batched(loaded, asks)
        except Exception as error:
            pictures = dict.fromkeys(digest for digest, _ in asks)
            if len(pictures) == 1:
                LOG.warning("critic: no verdict on a picture: %s: %s", type(error).__name__, error)
                return dict.fromkeys(asks, math.nan)
            found: dict[tuple[str, str], float] = {}
            for digest in pictures:  # one bad picture must not cost the others their verdict
                found |= self._answers({key: ask for key, ask in asks.items() if key[0] == digest})
            return found

    def _batched(self, loaded: Loaded, asks: dict[tuple[str, str], Ask]) -> dict[tuple[str, str], float]:
        """All questions about all pictures; those with words that the model does not know are left out."""
        small = {digest: shrunk(ask.picture, self.side) for (digest, _), ask in asks.items()}
        given = {key: Ask(small[key[0]], self.words.asked(ask.question)) for key, ask in asks.items()}
        known = [key for key, ask in given.items() if _readable(loaded, ask.question)]
        answers = self._forward(loaded, [given[key] for key in known])
        return dict.fromkeys(asks, math.nan) | {
            key: p if math.isfinite(p) else math.nan for key, p in zip(known, answers, strict=True)
        }

    def _forward(self, loaded: Loaded, asks: Sequence[Ask]) -> list[float]:
        """P(yes) of each; shares the reading of a picture where the model agrees that this changes nothing."""
        if not asks:
            return []
        if self._objection is None:
            self._objection = objection(loaded, asks)
            LOG.info("critic %s: %s", self.name, self._objection or "questions share the reading of their picture")
        if self._objection == "":
            return Shared(loaded, self._tails)(asks, self.token_budget)
        return plain(loaded, asks, self.token_budget)


def _readable(loaded: Loaded, question: str) -> bool:
    """Whether every word is in the model's vocabulary (always so for models without an 'unknown' token)."""
    tokenizer = loaded.processor.tokenizer
    unknown = tokenizer.unk_token_id
    return unknown is None or unknown not in tokenizer.encode(question, add_special_tokens=False)


def objection(loaded: Loaded, asks: Sequence[Ask]) -> str | None:
    """What speaks against `Shared`, '' where it gives what `plain` gives; None where this picture cannot tell.

    Judged on as many questions about the first picture as there are `PROBES`, by the median of their differences.
    """
    if loaded.model.config.model_type in PREFIXED:
        return "the picture is read together with the question"
    picture = asks[0].picture
    questions = dict.fromkeys([*(ask.question for ask in asks if ask.picture is picture), *PROBES])
    tried = [Ask(picture, question) for question in list(questions)[: len(PROBES)]]
    ones = plain(loaded, tried, 1)
    try:
        others = Shared(loaded)(tried, 1)
    except Exception as error:
        return f"a shared picture cannot be asked ({type(error).__name__}: {error})"
    gaps = [abs(one - other) for one, other in zip(ones, others, strict=True) if math.isfinite(one)]
    if not gaps:
        return None
    limit, gap = TOLERANCE[str(loaded.model.dtype).removeprefix("torch.")], statistics.median(gaps)
    return "" if gap <= limit else f"P(yes) of {len(gaps)} questions is {gap:.4f} off (median)"
