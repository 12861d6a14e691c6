"""Models as judges: a local vision-language model, a chat model with eyes, CLIP, DINO, an open-vocabulary detector."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._harness.types import Answered, Asked, Kind, nothing
from poser.critics.questions.asking import Ask
from poser.llm import Chat, Query
from poser.llm.form import Form, Share
from poser.llm.prompts import prompt
from poser.types import PoserError

PROMPTS = Path(__file__).parent / "prompts"


class Local:
    """A vision-language model on this machine: P(yes) among its labels, P(word) among all words of its vocabulary."""

    kinds: frozenset[Kind] = frozenset(("yes", "word"))

    def __init__(self, settings: Mapping[str, Any]) -> None:
        from poser import critics
        from poser.plugins import Context

        critic: Any = critics.load("vqa", settings, Context())
        self.model = critic.model
        self.id = f"vqa:{self.model.id}"

    def __call__(self, asked: Sequence[Asked]) -> list[Answered]:
        """Same length and order."""
        simple = [k for k, ask in enumerate(asked) if ask.kind == "yes" and ask.pictures]
        said = self.model.ask([Ask(asked[k].pictures[0], asked[k].text) for k in simple])
        found = {k: Answered(one.yes, one.usd) for k, one in zip(simple, said, strict=True)}
        for k, ask in enumerate(asked):
            if ask.kind == "word" and ask.pictures:
                found[k] = Answered(self._word(ask))
        return [found.get(k, Answered(math.nan)) for k in range(len(asked))]

    def _word(self, ask: Asked) -> float:
        """Sum of the probabilities of all first tokens that begin a spelling of `wanted` (Soft-TIFA's rule)."""
        import torch

        from poser.critics.vlm.yes_probability import encoded

        loaded = self.model.loaded()
        tokenizer = getattr(loaded.processor, "tokenizer", loaded.processor)
        spellings = [s for word in ask.wanted.split("|") for s in (word, word.capitalize(), f" {word}")]
        first = {ids[0] for s in spellings if (ids := tokenizer.encode(s, add_special_tokens=False))}
        with torch.inference_mode():
            logits = loaded.model(**encoded(loaded, Ask(ask.pictures[0], ask.text)), logits_to_keep=1).logits[0, -1]
        chances = logits.float().softmax(-1)
        return float(sum(chances[k] for k in sorted(first)))


class Scores(Form):
    """Ratings, in the order of the rules."""

    scores: tuple[float, ...]
    reasoning: str


class Yes(Form):
    """P(the given answer is right)."""

    yes: Share


class First(Form):
    """P(the first picture is the better one)."""

    first: Share


class Asking:
    """A chat model with eyes: ratings, answers and preferences in JSON."""

    kinds: frozenset[Kind] = frozenset(("yes", "word", "rating", "choice"))

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.chat = Chat.of("judge chat", settings)
        self.id = f"chat:{self.chat.model}"

    def __call__(self, asked: Sequence[Asked]) -> list[Answered]:
        """Same length and order."""
        found: dict[int, Answered] = {}
        ways: tuple[tuple[tuple[Kind, ...], str, type[Form], Callable[[Any], Any]], ...] = (
            (("rating",), "rate-1", Scores, lambda value: list(value.scores)),
            (("yes", "word"), "answer-1", Yes, lambda value: value.yes),
            (("choice",), "prefer-1", First, lambda value: value.first),
        )
        for kinds, words, form, value_of in ways:
            at = [k for k, ask in enumerate(asked) if ask.kind in kinds]
            if not at:
                continue
            replies = self.chat.ask([_query(asked[k], words) for k in at], form)
            for k, reply in zip(at, replies, strict=True):
                value = nothing(asked[k].kind) if reply.value is None else value_of(reply.value)
                found[k] = Answered(value, reply.usd, reply.seconds)
        return [found.get(k, Answered(nothing(ask.kind))) for k, ask in enumerate(asked)]


def _query(ask: Asked, words: str) -> Query:
    """`wanted` of a rating is how many numbers there have to be, of a choice nothing."""
    labels = {1: ("picture",), 2: ("first", "second"), 3: ("start", "first", "second")}
    names = labels.get(len(ask.pictures), tuple(f"picture {n}" for n in range(1, len(ask.pictures) + 1)))
    shown = tuple(zip(names, ask.pictures, strict=True))
    data: dict[str, Any] = {"pictures": list(names)}
    if ask.kind == "rating":
        data |= {"rules": ask.text, "count": int(ask.wanted)}
    else:
        data |= {"asked": ask.text} if ask.kind == "choice" else {"question": ask.text, "answer": ask.wanted}

    def check(value: Any) -> str:
        if not isinstance(value, Scores) or len(value.scores) == int(ask.wanted):
            return ""
        return f"scores has {len(value.scores)} numbers; give {ask.wanted}"

    return Query(prompt(str(PROMPTS / f"{words}.md")), data, shown, check)


class Similarity:
    """Cosines in the space of CLIP or SigLIP: of two pictures, or of a picture and a text."""

    kinds: frozenset[Kind] = frozenset(("similarity",))

    def __init__(self, settings: Mapping[str, Any]) -> None:
        from poser.critics.clip import load as loaded
        from poser.plugins import Context

        self.critic: Any = loaded(settings, Context())
        self.id = self.critic.id

    def __call__(self, asked: Sequence[Asked]) -> list[Answered]:
        """Same length and order."""
        return [Answered(self._one(ask)) for ask in asked]

    def _one(self, ask: Asked) -> float:
        import torch

        pair = self.critic.loaded()
        with torch.inference_mode():
            seen = [self._picture(pair, picture) for picture in ask.pictures]
            if len(seen) == 1:
                tokens = pair.tokenizer(ask.text, padding="max_length", truncation=True, return_tensors="pt")
                seen.append(_vector(pair.model.get_text_features(**tokens.to(pair.model.device))))
            return float((seen[0] * seen[1]).sum()) if len(seen) == 2 else math.nan

    def _picture(self, pair: Any, picture: Any) -> Any:
        pixels = pair.images(picture, return_tensors="pt").to(pair.model.device, pair.model.dtype)
        return _vector(pair.model.get_image_features(**pixels))


class Appearance:
    """Cosines of the class tokens of a self-supervised vision model (DINO): resized to 256, the middle 224 px."""

    kinds: frozenset[Kind] = frozenset(("appearance",))

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.name = str(settings.get("model", "facebook/dino-vits16"))
        self.id = f"dino:{self.name}"
        self._loaded: Any = None

    def _model(self) -> Any:
        from transformers import AutoImageProcessor, AutoModel

        if self._loaded is None:
            try:
                images = AutoImageProcessor.from_pretrained(self.name)
                model = AutoModel.from_pretrained(self.name, use_safetensors=True).eval()
            except (OSError, ValueError, ImportError) as error:
                raise PoserError(
                    f"judge dino: {self.name!r} cannot be loaded ({' '.join(str(error).split()):.120})"
                ) from None
            self._loaded = images, model
        return self._loaded

    def __call__(self, asked: Sequence[Asked]) -> list[Answered]:
        """Same length and order."""
        return [Answered(self._one(ask)) for ask in asked]

    def _one(self, ask: Asked) -> float:
        import torch

        if len(ask.pictures) != 2:
            return math.nan
        images, model = self._model()
        crop = {"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": {"height": 224, "width": 224}}
        pixels = images(list(ask.pictures), return_tensors="pt", **crop)
        with torch.inference_mode():
            rows = model(**pixels).last_hidden_state[:, 0]
        return float(torch.nn.functional.cosine_similarity(rows[:1], rows[1:])[0])


class Detector:
    """Boxes of the classes that a question names, by an open-vocabulary detector (OWLv2, Grounding DINO)."""

    kinds: frozenset[Kind] = frozenset(("boxes",))

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.name = str(settings.get("model", "google/owlv2-base-patch16-ensemble"))
        self.least = float(settings.get("threshold", 0.1))
        self.id = f"boxes:{self.name}"
        self._pipe: Any = None

    def __call__(self, asked: Sequence[Asked]) -> list[Answered]:
        """Same length and order; boxes are {'label', 'score', 'box': [x1, y1, x2, y2] in px}."""
        return [Answered(self._one(ask) if ask.pictures else []) for ask in asked]

    def _one(self, ask: Asked) -> list[dict[str, Any]]:
        from transformers import pipeline

        if self._pipe is None:
            try:
                self._pipe = pipeline("zero-shot-object-detection", model=self.name)
            except (OSError, ValueError, ImportError) as error:
                raise PoserError(
                    f"judge boxes: {self.name!r} cannot be loaded ({' '.join(str(error).split()):.120})"
                ) from None
        found = self._pipe(ask.pictures[0], candidate_labels=ask.text.split("|"), threshold=self.least)
        sides = ("xmin", "ymin", "xmax", "ymax")
        return [{"label": r["label"], "score": r["score"], "box": [r["box"][side] for side in sides]} for r in found]


def _vector(found: Any) -> Any:
    """One row of unit length; transformers gives a tensor, or an output with `pooler_output`."""
    row = found[0] if hasattr(found, "shape") else found.pooler_output[0]
    return row.float() / row.float().norm()
