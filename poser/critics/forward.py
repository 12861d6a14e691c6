"""One forward pass for many questions: the logit of yes against no, at the last position.

Two ways with the same result. `plain` puts picture and question through the processor for every pair: any model can do
that. `Shared` reads every picture once and lets all its questions start from the same key-value cache; only the words
after the picture are computed a question, in batches of equal length, so that nothing is padded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from poser.critics.questions import Ask

if TYPE_CHECKING:
    import torch


class Loaded(NamedTuple):
    """A model that can be asked: `labels` are the token ids of no and of yes."""

    model: Any
    processor: Any
    labels: tuple[list[int], list[int]]


def conversation(ask: Ask) -> list[dict[str, Any]]:
    """A chat of one turn: the picture, then the question."""
    content = [{"type": "image", "image": ask.picture}, {"type": "text", "text": ask.question}]
    return [{"role": "user", "content": content}]


def tokenised(loaded: Loaded, asks: Sequence[Ask]) -> Any:
    """The processor's batch for picture and question pairs, padded on the left."""
    return loaded.processor.apply_chat_template(
        [conversation(ask) for ask in asks],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        processor_kwargs={"padding": True},
    ).to(loaded.model.device, loaded.model.dtype)


def chances(logits: torch.Tensor, labels: tuple[list[int], list[int]]) -> list[float]:
    """P(yes) of each row of logits [B, vocabulary]: softmax over the label tokens alone."""
    no, yes = (logits[:, ids].float().logsumexp(-1) for ids in labels)
    return [float(p) for p in (yes - no).sigmoid()]


def plain(loaded: Loaded, asks: Sequence[Ask], token_budget: int) -> list[float]:
    """P(yes) of each, every picture read anew for every question; `token_budget` padded tokens a pass."""
    import torch

    answers: list[float] = []
    width = int(tokenised(loaded, [max(asks, key=lambda ask: len(ask.question))])["input_ids"].shape[1]) if asks else 1
    step = max(1, token_budget // width)
    for k in range(0, len(asks), step):
        with torch.inference_mode():
            out = loaded.model(**tokenised(loaded, asks[k : k + step]), logits_to_keep=1)
        answers += chances(out.logits[:, -1], loaded.labels)
    return answers


@dataclass(frozen=True)
class View:
    """A picture as the model has read it: the cache [layers x (keys, values)] of `length` tokens; M-RoPE's offset."""

    cache: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    length: int
    offset: torch.Tensor | None


class Shared:
    """Questions that share the reading of their picture."""

    def __init__(self, loaded: Loaded, tails: dict[str, list[int]] | None = None) -> None:
        self.loaded = loaded
        self.image_token = loaded.model.config.image_token_id
        self.tails = {} if tails is None else tails

    def tail(self, question: str) -> list[int]:
        """Token ids of everything after the picture."""
        if question not in self.tails:
            blank = Image.new("RGB", (32, 32))
            text = self.loaded.processor.apply_chat_template(
                conversation(Ask(blank, question)), tokenize=False, add_generation_prompt=True
            )
            ids = self.loaded.processor.tokenizer(text, add_special_tokens=False)["input_ids"]
            self.tails[question] = ids[len(ids) - ids[::-1].index(self.image_token) :]
        return self.tails[question]

    def view(self, picture: Image.Image) -> View:
        """Reads one picture."""
        batch = dict(tokenised(self.loaded, [Ask(picture, "?")]))
        ids = batch["input_ids"][0].tolist()
        end = len(ids) - ids[::-1].index(self.image_token)
        for name in ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"):
            if name in batch:
                batch[name] = batch[name][:, :end]
        out = self.loaded.model(**batch, use_cache=True, logits_to_keep=1)
        cache = tuple((layer.keys, layer.values) for layer in out.past_key_values.layers)
        return View(cache, end, getattr(out, "rope_deltas", None))

    def __call__(self, asks: Sequence[Ask], token_budget: int) -> list[float]:
        """P(yes) of each, same length and order; `token_budget` bounds the tokens of a pass and those of all caches."""
        import torch

        answers = [0.0] * len(asks)
        by_picture: dict[int, list[int]] = {}
        for k, ask in enumerate(asks):
            by_picture.setdefault(id(ask.picture), []).append(k)
        waiting: list[tuple[int, View]] = []
        held = 0
        with torch.inference_mode():
            for members in by_picture.values():
                view = self.view(asks[members[0]].picture)
                if waiting and held + view.length > token_budget:
                    self._answer(asks, waiting, answers, token_budget)
                    waiting, held = [], 0
                waiting += [(k, view) for k in members]
                held += view.length
            self._answer(asks, waiting, answers, token_budget)
        return answers

    def _answer(
        self, asks: Sequence[Ask], waiting: Sequence[tuple[int, View]], answers: list[float], token_budget: int
    ) -> None:
        """Answers the questions `waiting` (by number, with the view of their picture), in buckets of equal length."""
        buckets: dict[tuple[int, int], list[tuple[int, View]]] = {}
        for k, view in waiting:
            buckets.setdefault((view.length, len(self.tail(asks[k].question))), []).append((k, view))
        for (head, tail), members in buckets.items():
            step = max(1, token_budget // (head + tail))
            for start in range(0, len(members), step):
                part = members[start : start + step]
                found = self._pass([view for _, view in part], [asks[k].question for k, _ in part])
                for (k, _), p in zip(part, found, strict=True):
                    answers[k] = p

    def _pass(self, views: Sequence[View], questions: Sequence[str]) -> list[float]:
        """One pass over questions of equal length about pictures of equal length."""
        import torch
        from transformers import DynamicCache

        distinct = list({id(view): view for view in views}.values())
        place = {id(view): k for k, view in enumerate(distinct)}
        rows = torch.tensor([place[id(view)] for view in views], device=self.loaded.model.device)
        ids = torch.tensor([self.tail(question) for question in questions], device=rows.device)
        head, tail = views[0].length, ids.shape[1]
        cache = DynamicCache(_gathered((view.cache for view in distinct), rows))
        extra: dict[str, Any] = {}
        if views[0].offset is not None:
            steps = torch.arange(head, head + tail, device=rows.device)
            offsets = torch.stack([view.offset.reshape(()) for view in views if view.offset is not None])
            extra["position_ids"] = (steps[None, :] + offsets[:, None]).expand(3, len(views), tail)
        mask = torch.ones(len(views), head + tail, dtype=torch.long, device=rows.device)
        out = self.loaded.model(input_ids=ids, attention_mask=mask, past_key_values=cache, logits_to_keep=1, **extra)
        return chances(out.logits[:, -1], self.loaded.labels)


def _gathered(
    caches: Iterable[tuple[tuple[torch.Tensor, torch.Tensor], ...]], rows: torch.Tensor
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Caches of one picture each -> one cache with a row for every question."""
    import torch

    return [
        (torch.cat([keys for keys, _ in layer])[rows], torch.cat([values for _, values in layer])[rows])
        for layer in zip(*caches, strict=True)
    ]
