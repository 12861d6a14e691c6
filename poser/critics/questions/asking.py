"""Looks -> questions -> critiques, VQAScore and DSG style. Pure: a writer asks, somebody else answers.

A writer's `judge(look)` is a generator: it yields rounds of `Ask`s, is sent P(yes) of each (NaN: no verdict), and
returns the critique. So one look may take several rounds, each of them in one batch with those of other looks.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple, Protocol

from PIL import Image

from poser.types import Answer, Command, Critique, Look


class Ask(NamedTuple):
    """A yes/no question about a picture (RGB)."""

    picture: Image.Image
    question: str


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


def blank(look: Look, feedback: str = "") -> Critique:
    """The critique without a verdict: NaN for every command."""
    return Critique((math.nan,) * len(look.wanted), (math.nan,) * len(look.earlier), feedback=feedback)


def converse(talk: Talk, answer: Callable[[list[Ask]], Sequence[float]]) -> Critique:
    """Carries one talk to its end; for one look at a time."""
    try:
        asks = next(talk)
        while True:
            asks = talk.send(answer(asks))
    except StopIteration as end:
        critique: Critique = end.value
        return critique


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
