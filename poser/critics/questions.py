"""Looks -> questions -> critiques, VQAScore and DSG style. Pure: a writer asks, somebody else answers.

A writer's `judge(look)` is a generator: it yields rounds of `Ask`s, is sent P(yes) of each (NaN: no verdict), and
returns the critique. So one look may take several rounds, each of them in one batch with those of other looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple, Protocol

from PIL import Image

from poser.types import Answer, Command, Critique, Look, PoserError


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


def in_words(command: Command) -> str:
    """The question about any command at all; the user's words stay data: one line, in quotes, no quote inside."""
    text = " ".join(command.wording.split()).replace('"', "'")
    return f'Does this picture show the result of this instruction: "{text}"? Answer yes or no.'


class Generic:
    """One question a command, in the command's own words: for full-size models and free text."""

    id = "generic-1"

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


def writer(name: str) -> Questions:
    """The writer of that name: 'poster' or 'generic'. Raises `PoserError` for any other."""
    if name == "generic":
        return Generic()
    if name == "poster":
        from poser.critics.poster import Poster

        return Poster()
    raise PoserError(f"critic: no such questions {name!r}; type one of poster, generic")
