"""One forward pass for many questions: the logit of yes against no, at the last position.

Two ways with the same result. `plain` puts picture and question through the model for every pair: any model can do
that. `Shared` reads every picture once and lets all its questions start from the same key-value cache; only the words
after the picture are computed a question. Neither ever pads: what goes into one pass has one length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from poser.critics.questions.asking import Ask

if TYPE_CHECKING:
    import torch


class Loaded(NamedTuple):
    """A model that can be asked: `labels` are the token ids of no and of yes.

    `images` are settings of its image processor (limits of size), `control` finds the tokens of its chat format.
    """

    model: Any
    processor: Any
    labels: tuple[list[int], list[int]]
    images: Mapping[str, Any] = {}
    control: re.Pattern[str] | None = None

    @property
    def parts(self) -> dict[str, Any]:
        """Its torch module, for a residency to move."""
        return {"model": self.model}


def control_of(tokenizer: Any) -> re.Pattern[str]:
    """Finds, in any text, every special token and every symbol that was added to the vocabulary ('<image>')."""
    added = {*tokenizer.get_added_vocab(), *tokenizer.all_special_tokens}
    words = sorted((word for word in added if re.search(r"[^\w\s]|_", word)), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words)) or r"(?!)")


def spoken(control: re.Pattern[str] | None, text: str) -> str:
    """The text without a single control token: of each, only the letters and digits stay."""
    while control is not None and (left := control.sub(_letters, text)) != text:
        text = left
    return text


def _letters(hit: re.Match[str]) -> str:
    return " ".join(re.findall(r"[A-Za-z0-9]+", hit[0])) or " "


def conversation(ask: Ask) -> list[dict[str, Any]]:
    """A chat of one turn: the picture, then the question."""
    content = [{"type": "image", "image": ask.picture}, {"type": "text", "text": ask.question}]
    return [{"role": "user", "content": content}]


def encoded(loaded: Loaded, ask: Ask) -> dict[str, Any]:
    """What the model is given for one picture and question, tensors of batch size 1, on its device.

    A processor without a chat template gets the picture and the bare question.
    """
    from transformers import ProcessorMixin

    processor, ask = loaded.processor, Ask(ask.picture, spoken(loaded.control, ask.question))
    given: dict[str, Any] = {"images_kwargs": dict(loaded.images)} if loaded.images else {}
    if processor.chat_template is None:
        text = [processor.image_token + ask.question]
        batch = processor(text=text, images=[[ask.picture]], return_tensors="pt", **given)
    else:
        batch = ProcessorMixin.apply_chat_template(
            processor,
            [conversation(ask)],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs=given,
        )
    on = batch.to(loaded.model.device, loaded.model.dtype)
    return {name: tensor for name, tensor in on.items() if name != "labels"}


def chances(loaded: Loaded, **given: Any) -> list[float]:
    """P(yes) of each row of a batch, at its last position: softmax over the label tokens alone.

    The labels' logits are computed in float32 from the last hidden state: bfloat16 rounds a logit near 20 to 1/8,
    which moves P(yes) by up to .03.

    Args:
        loaded: the model.
        given: its inputs, tensors of batch size B.
    """
    head, seen = loaded.model.get_output_embeddings(), list[Any]()
    hook = head.register_forward_pre_hook(lambda _, states: seen.append(states[0]))
    try:
        out = loaded.model(**given, logits_to_keep=1)
    finally:
        hook.remove()
    no, yes = (_logits(loaded.model, head, seen[-1][:, -1], out.logits[:, -1], ids) for ids in loaded.labels)
    return [float(p) for p in (yes.logsumexp(-1) - no.logsumexp(-1)).sigmoid()]


def _logits(model: Any, head: Any, states: torch.Tensor, rounded: torch.Tensor, ids: list[int]) -> torch.Tensor:
    """Logits [B, len(ids)] in float32 of hidden states [B, D]; `rounded` [B, vocabulary]: the model's own."""
    if not head.weight.is_floating_point():  # quantised: its rows are no numbers
        return rounded[:, ids].float()
    found = states.float() @ head.weight[ids].float().T
    if getattr(head, "bias", None) is not None:
        found = found + head.bias[ids].float()
    cap = getattr(model.config.get_text_config(), "final_logit_softcapping", None)
    return found if cap is None else cap * (found / cap).tanh()


def plain(loaded: Loaded, asks: Sequence[Ask], token_budget: int) -> list[float]:
    """P(yes) of each, every picture read anew for every question; `token_budget` tokens a pass."""
    answers = [0.0] * len(asks)
    waiting: dict[int, dict[str, Any]] = {}
    held = 0
    for k, ask in enumerate(asks):
        batch = encoded(loaded, ask)
        size = int(batch["input_ids"].shape[1])
        if waiting and held + size > token_budget:
            _together(loaded, waiting, answers)
            waiting, held = {}, 0
        waiting[k] = batch
        held += size
    _together(loaded, waiting, answers)
    return answers


def _together(loaded: Loaded, waiting: Mapping[int, dict[str, Any]], answers: list[float]) -> None:
    """One pass for all that have tensors of the same form."""
    import torch

    buckets: dict[tuple[Any, ...], list[int]] = {}
    for k, batch in waiting.items():
        form = tuple((name, tuple(tensor.shape[1:])) for name, tensor in batch.items())
        buckets.setdefault(form, []).append(k)
    for members in buckets.values():
        rows = [waiting[k] for k in members]
        with torch.inference_mode():
            found = chances(loaded, **{name: torch.cat([row[name] for row in rows]) for name in rows[0]})
        for k, p in zip(members, found, strict=True):
            answers[k] = p


@dataclass(frozen=True)
class View:
    """A picture as the model has read it: the cache [layers x (keys, values)] of `length` tokens; M-RoPE's offset."""

    cache: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    length: int
    offset: torch.Tensor | None


class Shared:
    """Questions that share the reading of their picture.

    `tails` keeps the token ids after the picture by question (None: those that the processor itself puts there).
    """

    def __init__(self, loaded: Loaded, tails: dict[str | None, list[int]] | None = None) -> None:
        self.loaded = loaded
        self.image_token = loaded.model.config.image_token_id
        self.tails = {} if tails is None else tails

    def _after(self, ids: list[int]) -> list[int]:
        return ids[len(ids) - ids[::-1].index(self.image_token) :]

    def _written(self, question: str) -> list[int]:
        """Token ids of everything after the picture's place in the chat."""
        from transformers import ProcessorMixin

        chat = conversation(Ask(Image.new("RGB", (32, 32)), spoken(self.loaded.control, question)))
        text = ProcessorMixin.apply_chat_template(
            self.loaded.processor, chat, tokenize=False, add_generation_prompt=True
        )
        return self._after(self.loaded.processor.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _closing(self) -> list[int]:
        """What the processor puts between the last image token and the words. Raises ValueError: not known."""
        whole = self._after(encoded(self.loaded, Ask(Image.new("RGB", (32, 32)), "?"))["input_ids"][0].tolist())
        words = self._written("?")
        if whole[len(whole) - len(words) :] != words:
            raise ValueError("the words after the picture depend on the picture")
        return whole[: len(whole) - len(words)]

    def tail(self, question: str) -> list[int]:
        """Token ids of everything after the last image token."""
        if None not in self.tails:
            self.tails[None] = self._closing()
        if question not in self.tails:
            self.tails[question] = self.tails[None] + self._written(question)
        return self.tails[question]

    def view(self, picture: Image.Image) -> View:
        """Reads one picture."""
        batch = encoded(self.loaded, Ask(picture, "?"))
        ids = batch["input_ids"][0].tolist()
        end = len(ids) - ids[::-1].index(self.image_token)
        for name in ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"):
            if name in batch:
                batch[name] = batch[name][:, :end]
        out = self.loaded.model(**batch, use_cache=True, logits_to_keep=1)
        cache = tuple((layer.keys, layer.values) for layer in out.past_key_values.layers)
        offset = getattr(out, "rope_deltas", None)
        if offset is None:  # M-RoPE models keep it to themselves
            offset = getattr(getattr(self.loaded.model, "model", None), "rope_deltas", None)
        return View(cache, end, None if offset is None else offset.clone())

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
        return chances(self.loaded, input_ids=ids, attention_mask=mask, past_key_values=cache, **extra)


def _gathered(
    caches: Iterable[tuple[tuple[torch.Tensor, torch.Tensor], ...]], rows: torch.Tensor
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Caches of one picture each -> one cache with a row for every question."""
    import torch

    return [
        (torch.cat([keys for keys, _ in layer])[rows], torch.cat([values for _, values in layer])[rows])
        for layer in zip(*caches, strict=True)
    ]
