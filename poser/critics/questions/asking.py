"""Looks -> questions -> critiques, VQAScore and DSG style: a writer asks, a model answers, `judged` goes between them.

A writer's `judge(look)` is a generator: it yields rounds of `Ask`s, is sent P(yes) of each (NaN: no verdict), and
returns the critique. So one look may take several rounds, each of them in one batch with those of other looks.
"""

from __future__ import annotations

import math
import re
import time
import unicodedata
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from PIL import Image

from experts.failures import boundary
from poser.plugins import Requirements
from poser.types import Answer, Command, Critique, Look
from poser.verdicts import blank


class Ask(NamedTuple):
    """A yes/no question about a picture (RGB)."""

    picture: Image.Image
    question: str


class Said(NamedTuple):
    """P(yes) in [0, 1], NaN: no verdict; and what it cost, USD."""

    yes: float
    usd: float = 0.0


Talk = Generator[list[Ask], Sequence[float], Critique]
"""Rounds of questions out, P(yes) in, the critique at the end (its `critic` and `seconds` not yet filled)."""


class Questions(Protocol):
    """A way to turn a look into questions. `id` changes when the scores do."""

    id: str

    def judge(self, look: Look) -> Talk:
        """The talk about one look."""
        ...


def joint(scores: Sequence[float]) -> float:
    """Probability that all of a command's facts hold, from that of each: their product; 1 where there is none.

    Against the reader on 240 test commands of six experts (balanced accuracy at 0.5 / calibration error): product
    .844 / .056, minimum .846 / .082, geometric mean .796 / .130. The product is the best calibrated and loses nothing.
    """
    return math.prod(scores)


def mean(scores: Sequence[float]) -> float:
    """Arithmetic mean; NaN of nothing."""
    return sum(scores) / len(scores) if scores else math.nan


def judged(
    looks: Sequence[Look], questions: Questions, answer: Callable[[list[Ask]], Sequence[Said]], critic: str
) -> list[Critique]:
    """The critiques of looks by `critic` (its id): same length and order.

    All questions of a round about all pictures are answered together. `seconds` is the look's share; a look that cannot
    be judged has NaN scores. Raises only what `answer` raises.
    """
    start = time.perf_counter()
    talks: dict[int, Talk] = {k: questions.judge(look) for k, look in enumerate(looks)}
    found: dict[int, Critique] = {}
    words: dict[int, Sequence[float]] = {}
    usd = [0.0] * len(looks)
    while talks:
        rounds: dict[int, list[Ask]] = {}
        for k, talk in list(talks.items()):
            said = _next(talk, words.get(k), looks[k])
            if isinstance(said, Critique):
                found[k] = said
                del talks[k]
            else:
                rounds[k] = said
        answers = iter(answer([ask for asks in rounds.values() for ask in asks]) if rounds else ())
        replies = {k: [next(answers) for _ in asks] for k, asks in rounds.items()}
        words = {k: [reply.yes for reply in heard] for k, heard in replies.items()}
        for k, heard in replies.items():
            usd[k] += sum(reply.usd for reply in heard)
    share = (time.perf_counter() - start) / max(1, len(looks))
    return [replace(found[k], critic=critic, seconds=share, usd=usd[k]) for k in range(len(looks))]


def _next(talk: Talk, answers: Sequence[float] | None, look: Look) -> list[Ask] | Critique:
    """The talk's next round, or its critique; no verdict where it breaks."""
    try:
        return next(talk) if answers is None else talk.send(answers)
    except StopIteration as end:
        critique: Critique = end.value
        return critique
    except Exception as error:
        return blank(look, f"no verdict ({boundary(error).message})")


class Model(Protocol):
    """Whoever answers: a local model (`vlm.model.Vlm`) or an endpoint (`vlm.answerer.Answerer`). `id` names it."""

    @property
    def id(self) -> str:
        """Name and version."""
        ...

    def requirements(self) -> Requirements:
        """See `plugins.Requiring`."""
        ...

    def ask(self, asks: Sequence[Ask]) -> list[Said]:
        """What is said of each: same length and order; one bad item never raises.

        Raises `PoserError` where nobody can be asked."""
        ...


class QuestionCritic:
    """A critic that asks `model` what `questions` derives from a look. `kind` begins its id.

    All questions of a round about all pictures of the list are asked together; composition of the list changes no
    verdict.
    """

    def __init__(self, kind: str, model: Model, questions: Questions) -> None:
        self.kind, self.model, self.questions = kind, model, questions

    @property
    def id(self) -> str:
        """'KIND:MODEL:QUESTIONS'."""
        return f"{self.kind}:{self.model.id}:{self.questions.id}"

    def requirements(self) -> Requirements:
        """See `plugins.Requiring`."""
        return self.model.requirements()

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """Same length and order; a look that cannot be judged has NaN scores. Raises `PoserError` as the model."""
        return judged(looks, self.questions, self.model.ask, self.id)


_ROLE = re.compile(r"\b(system|user|assistant|human|model|ai|answer|question)(\s*):", re.I)
_OPEN, _CLOSE = str.maketrans("<[{", "((("), str.maketrans(">]}", ")))")
LENGTH = 2000
"""Characters of the user's words that a question quotes."""


def data(text: str) -> str:
    """The user's words as data: one line, at most `LENGTH` characters, no double quote, and nothing that the format of
    a model's chats is written in.

    Compatibility forms become plain ones first (NFKC), characters that are not seen are dropped, brackets of every kind
    become round ones ('[INST]' -> '(INST)'), a bar is a space ('<|im_end|>' -> '( im_end )'), 'USER:' is 'USER,'.
    """
    text = unicodedata.normalize("NFKC", text[: 4 * LENGTH])
    seen = "".join(
        c if not unicodedata.category(c).startswith(("C", "Z")) else " " if c.isspace() else "" for c in text
    )
    round_ = seen.translate(_OPEN).translate(_CLOSE).translate({ord("|"): " ", ord("\u2581"): " "})
    for quote in '"\u201c\u201d\u201e\u00ab\u00bb':
        round_ = round_.replace(quote, "'")
    return " ".join(_ROLE.sub(r"\1,", round_).split())[:LENGTH].strip()


def in_words(command: Command) -> str:
    """The question about any command at all; the user's words stay data: one line, in quotes, no quote inside."""
    return f'Does this picture show the result of this instruction: "{data(command.wording)}"?'


class Generic:
    """One question a command, in the command's own words: the plainest form for free text."""

    id = "generic-2"

    def judge(self, look: Look) -> Talk:
        """Asks for every command whether the picture shows its result; nothing is asked about what was kept."""
        commands = look.wanted + look.earlier
        yes = yield [Ask(look.image, in_words(command)) for command in commands]
        wrong = [f"not done: {c.text}" for c, p in zip(commands, yes, strict=True) if p < 0.5]
        return Critique(
            wanted=tuple(yes[: len(look.wanted)]),
            earlier=tuple(yes[len(look.wanted) :]),
            feedback="; ".join(wrong),
            answers=tuple(Answer(in_words(c), p) for c, p in zip(commands, yes, strict=True)),
        )
