"""The critic that compares picture and words in one space: CLIP or SigLIP. Cheap, and blind to number and place.

A cosine becomes a score in [0, 1] as the model's authors read it: CLIP by CLIPScore, min(1, 2.5 * max(0, cos)) (Hessel
et al. 2021, arXiv:2104.08718); SigLIP by its own probability, sigmoid(scale * cos + bias) (Zhai et al. 2023,
arXiv:2303.15343). Neither is a probability that a command was carried out: as the first of a cascade, set `unsure` by
what its scores are on pictures of your own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from experts import hub
from experts.images import squared
from poser.critics.questions.captions import caption
from poser.critics.vlm import loading
from poser.critics.vlm.yes_probability import control_of, spoken
from poser.llm.answers import digest_of
from poser.plugins import Context, Requirements
from poser.types import Answer, Critique, Look, PoserError

if TYPE_CHECKING:
    from experts.memory import Residency

KEYS = ("model", "revision", "device", "dtype", "gib", "batch")
PRESETS = {
    "clip-b": ("openai/clip-vit-base-patch32", "MIT", 0.6),
    "clip-l": ("openai/clip-vit-large-patch14", "MIT", 1.7),
    "siglip-so400m": ("google/siglip-so400m-patch14-384", "Apache-2.0", 3.5),
    "siglip2-so400m": ("google/siglip2-so400m-patch14-384", "Apache-2.0", 4.5),
}
"""Short name -> hub id, licence of the weights, their size in float32 (10**9 bytes)."""
USUAL = "clip-l"
SCALE = 2.5
"""CLIPScore's w: cosines of matching pairs hardly pass 0.4."""


class Pair(NamedTuple):
    """A model with its image processor and tokenizer."""

    model: Any
    images: Any
    tokenizer: Any

    @property
    def parts(self) -> dict[str, Any]:
        """Its torch module, for whoever counts memory."""
        return {"model": self.model}


class ClipCritic:
    """Scores every command by its caption (`captions.caption`); NaN for what no caption can say (removals).

    Nothing is said about what was kept. Such models see a square: other pictures are padded
    to one, nothing is cut off. One picture and one caption a row, each encoded once a call; captions are
    padded to the model's own length and cut there (77 tokens for CLIP, 64 for SigLIP): the list changes nothing.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str | None = None,
        device: str = "auto",
        dtype: str = "float32",
        gib: float | None = None,
        batch: int = 32,
        residency: Residency | None = None,
    ) -> None:
        self.name, self.revision, self.batch = model, revision, batch
        self._device, self._dtype, self.residency = device, dtype, residency
        self.gib = loading.room(model) if gib is None else gib
        self._own: Pair | None = None
        self._lock = residency.running if residency is not None else RLock()

    @cached_property
    def id(self) -> str:
        """'clip:FOLDER@WEIGHTS'."""
        return f"clip:{loading.named(self.name, self.revision)}"

    def _load(self) -> Pair:
        import torch
        from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

        try:
            where, safe = loading.place_of(self.name, self.revision), {"trust_remote_code": False}
            images = AutoImageProcessor.from_pretrained(where, **safe)
            tokenizer = AutoTokenizer.from_pretrained(where, **safe)
            kind = getattr(torch, self._dtype)
            model: Any = AutoModel.from_pretrained(where, dtype=kind, use_safetensors=True, **safe)
        except (OSError, ValueError, AttributeError, ImportError, KeyError) as error:
            raise loading.failed(self.name, error) from error
        if not hasattr(model, "get_text_features") or not hasattr(model, "logit_scale"):
            raise PoserError(f"critic clip: {self.name!r} is no CLIP or SigLIP; type one of {', '.join(PRESETS)}")
        return Pair(model.eval().requires_grad_(False), images, tokenizer)

    def loaded(self) -> Pair:
        """The model in memory. Raises `PoserError` where it cannot be loaded."""
        if self.residency is not None:
            return self.residency.acquire(f"critic:clip:{self.name}:{self.revision or ''}", self._load, self.gib)
        if self._own is None:
            self._own = self._load()
            self._own.model.to(loading.device_of(self._device, None))
        return self._own

    def requirements(self) -> Requirements:
        """See `plugins.Requiring`."""
        return Requirements((hub.pinned(self.name, self.revision),), gib=self.gib)

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """Same length and order; NaN for a picture that cannot be read. Raises `PoserError`: not loadable."""
        start = time.perf_counter()
        captions = [[caption(command) for command in look.wanted + look.earlier] for look in looks]
        with self._lock:
            pair = self.loaded()
            words = self._texts(pair, [text for texts in captions for text in texts if text])
            seen = self._pictures(pair, [look.image for look in looks])
            scores = [
                {text: _score(pair.model, picture, words[text]) for text in texts if text and text in words}
                for picture, texts in zip(seen, captions, strict=True)
            ]
        share = (time.perf_counter() - start) / max(1, len(looks))
        return [
            _critique(look, texts, found, self.id, share)
            for look, texts, found in zip(looks, captions, scores, strict=True)
        ]

    def _texts(self, pair: Pair, texts: Sequence[str]) -> dict[str, Any]:
        """Unit vectors [D] of captions."""
        import torch

        control, found = control_of(pair.tokenizer), dict[str, Any]()
        distinct = list(dict.fromkeys(texts))
        length = int(pair.model.config.text_config.max_position_embeddings)
        for k in range(0, len(distinct), self.batch):
            part = distinct[k : k + self.batch]
            given = pair.tokenizer(
                [spoken(control, text) for text in part],
                padding="max_length",
                truncation=True,
                max_length=length,
                return_tensors="pt",
            ).to(pair.model.device)
            with torch.inference_mode():
                vectors = pair.model.get_text_features(**given).pooler_output
            found |= dict(zip(part, torch.nn.functional.normalize(vectors.float(), dim=-1), strict=True))
        return found

    def _pictures(self, pair: Pair, pictures: Sequence[Image.Image]) -> list[Any]:
        """Unit vectors [D] of pictures; None for what cannot be read."""
        import torch

        rows: dict[str, Any] = {}
        digests: list[str] = []
        for picture in pictures:
            digests.append(digest_of(picture))
            if digests[-1] and digests[-1] not in rows:
                rows[digests[-1]] = pair.images(squared(picture), return_tensors="pt")["pixel_values"]
        found: dict[str, Any] = {}
        keys = list(rows)
        for k in range(0, len(keys), self.batch):
            part = keys[k : k + self.batch]
            pixels = torch.cat([rows[key] for key in part]).to(pair.model.device, pair.model.dtype)
            with torch.inference_mode():
                vectors = pair.model.get_image_features(pixel_values=pixels).pooler_output
            found |= dict(zip(part, torch.nn.functional.normalize(vectors.float(), dim=-1), strict=True))
        return [found.get(key) for key in digests]


def calibrated(cosine: float, scale: float = 0.0, bias: float | None = None) -> float:
    """A cosine as a score in [0, 1]: CLIPScore, or with a `bias` SigLIP's probability; NaN stays NaN."""
    if math.isnan(cosine):
        return math.nan
    if bias is None:
        return min(1.0, SCALE * max(0.0, cosine))
    return 1.0 / (1.0 + math.exp(-max(-700.0, min(700.0, scale * cosine + bias))))


def _score(model: Any, picture: Any, words: Any) -> float:
    if picture is None:
        return math.nan
    bias = getattr(model, "logit_bias", None)
    cosine = float(picture @ words)
    return calibrated(cosine) if bias is None else calibrated(cosine, float(model.logit_scale.exp()), float(bias))


def _critique(look: Look, texts: Sequence[str], found: Mapping[str, float], critic: str, seconds: float) -> Critique:
    scores = tuple(found.get(text, math.nan) for text in texts)
    named = list(zip(look.wanted + look.earlier, scores, strict=True))
    return Critique(
        wanted=scores[: len(look.wanted)],
        earlier=scores[len(look.wanted) :],
        feedback="; ".join(f"not seen: {command.text}" for command, score in named if score < 0.5),
        answers=tuple(Answer(text, p) for text, p in found.items()),
        critic=critic,
        seconds=seconds,
    )


def load(settings: Mapping[str, Any], context: Context) -> ClipCritic:
    """`model`: a preset, a hub id or a folder; the rest as for `ClipCritic`. Raises `PoserError`: a batch below 1."""
    given = dict(settings)
    model = str(given.pop("model", USUAL))
    if model in PRESETS:
        given.setdefault("gib", round(PRESETS[model][2] * 1e9 / 2**30 + 0.5, 1))
    batch = given.get("batch", 1)
    if not isinstance(batch, int) or isinstance(batch, bool) or batch < 1:
        raise PoserError(f"critic clip: batch is {batch!r}; set a whole number above 0")
    return ClipCritic(PRESETS[model][0] if model in PRESETS else model, residency=context.residency, **given)
