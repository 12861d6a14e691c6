"""Judges, by name: `vqa:MODEL`, `chat:MODEL`, `clip:MODEL`, or `recorded:FILE`.

`--judge-config FILE` gives more settings: those of the critic of that name. A judge of the family that steers the
system is refused: it would be asked to praise its own choices.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._harness.data import BadData, field, read_csv, read_lines
from benchmarks._harness.types import Answered, Asked, Judge, Kind
from poser.critics.questions.asking import Ask
from poser.llm import Chat, Query
from poser.llm.form import Form, Share
from poser.llm.prompts import prompt
from poser.types import PoserError

FAMILIES = (
    *("qwen", "internvl", "llava", "gemini", "gpt", "claude", "paligemma", "smolvlm", "minicpm", "molmo", "idefics"),
    *("siglip", "clip", "blip", "poster", "glm", "llama", "pixtral", "gemma"),
)
"""Names of model families as they stand in ids. OpenAI's o-series counts as gpt."""
PROMPTS = Path(__file__).parent / "prompts"


def family(model: str) -> str:
    """The family of a critic's or judge's id: one of `FAMILIES`, or the first word of its model's name."""
    name = model.lower()
    if re.search(r"(?:^|[:/])o\d", name):
        return "gpt"
    for known in FAMILIES:
        if known in name:
            return known
    return re.split(r"[-_.:/@\d]", name.rsplit("/", 1)[-1])[0] or name


def refuse_same(judge: Judge, critics: Sequence[str], allowed: bool) -> str:
    """'' where judge and critics are of different families, a note where that was allowed.

    Raises `PoserError` otherwise.
    """
    for critic in critics:
        if not judge.id.startswith("recorded:") and family(critic) == family(judge.id):
            words = f"the judge {judge.id!r} and the critic {critic!r} are of one family ({family(critic)})"
            if not allowed:
                raise PoserError(f"{words}; choose another --judge, or add --allow-same-family")
            return words
    return ""


def nothing(kind: Kind) -> Any:
    """No verdict."""
    return {"rating": [], "boxes": []}.get(kind, math.nan)


class Recorded:
    """Answers from a file of JSON lines, {"item", "key", "value"[, "seed"]}, or of DSG's release (CSV).

    Of a CSV file, the columns item_id, question_id and answer ('yes' is 1, anything else 0) are read, and only rows
    whose t2i_model is `model` where that is given. Raises `BadData` for another form.
    """

    kinds: frozenset[Kind] = frozenset(("yes", "word", "rating", "similarity", "boxes", "choice"))

    def __init__(self, path: Path, model: str = "") -> None:
        self.id = f"recorded:{path.name}" + (f"#{model}" if model else "")
        self._answers: dict[tuple[str, str, int], Any] = {}
        if path.suffix == ".csv":
            for _, row in read_csv(path, ("item_id", "question_id", "answer", *(("t2i_model",) if model else ()))):
                if not model or row["t2i_model"] == model:
                    self._answers[row["item_id"], row["question_id"], 0] = float(row["answer"] == "yes")
            return
        for number, row in read_lines(path):
            where = f"{path}, line {number}"
            key = field(row, "item", str, where), field(row, "key", str, where), int(row.get("seed", 0))
            if "value" not in row:
                raise BadData(f"{where}: no 'value'")
            self._answers[key] = row["value"]

    def __call__(self, asked: Sequence[Asked]) -> list[Answered]:
        """Same length and order; what was not recorded has no verdict."""
        return [Answered(self._answers.get((ask.item, ask.key, ask.seed), nothing(ask.kind))) for ask in asked]


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


def _vector(found: Any) -> Any:
    """One row of unit length; transformers gives a tensor, or an output with `pooler_output`."""
    row = found[0] if hasattr(found, "shape") else found.pooler_output[0]
    return row.float() / row.float().norm()


class Several:
    """Judges for different kinds of questions: each is asked what it can answer, the first of them where two can."""

    def __init__(self, members: Sequence[Judge]) -> None:
        self.members = tuple(members)
        self.id = "+".join(member.id for member in members)
        self.kinds: frozenset[Kind] = frozenset().union(*(member.kinds for member in members))

    def __call__(self, asked: Sequence[Asked]) -> list[Answered]:
        """Same length and order."""
        found: dict[int, Answered] = {}
        for member in self.members:
            at = [k for k, ask in enumerate(asked) if ask.kind in member.kinds and k not in found]
            found |= dict(zip(at, member([asked[k] for k in at]), strict=True)) if at else {}
        return [found.get(k, Answered(nothing(ask.kind))) for k, ask in enumerate(asked)]


JUDGES: dict[str, Callable[[Mapping[str, Any]], Judge]] = {"vqa": Local, "chat": Asking, "clip": Similarity}


def load(name: str, settings: Mapping[str, Any] | None = None) -> Judge:
    """The judge of a name; several, for different kinds of questions, with '+' between them.

    Raises `PoserError` for one that there is not.
    """
    if "+" in name and not name.startswith("recorded:"):
        return Several([load(part, settings) for part in name.split("+")])
    kind, _, rest = name.partition(":")
    if kind == "recorded" and rest:
        path, _, model = rest.partition("#")
        if not Path(path).is_file():
            raise PoserError(f"no file of answers {path!r}; it holds JSON lines with item, key and value")
        return Recorded(Path(path), model)
    if kind not in JUDGES:
        raise PoserError(f"no judge {name!r}; give vqa:MODEL, chat:MODEL, clip:MODEL or recorded:FILE")
    return JUDGES[kind]({**(settings or {}), **({"model": rest} if rest else {})})
