"""The one loop that carries talks about looks to their critiques, whoever answers: a local model or an endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from poser.critics.questions.asking import Ask, Questions, Talk, blank
from poser.types import Critique, Look


class Said(NamedTuple):
    """P(yes) in [0, 1], NaN: no verdict; and what it cost, USD."""

    yes: float
    usd: float = 0.0


Answering = Callable[[list[Ask]], Sequence[Said]]
"""Questions about pictures -> what is said of each: same length and order; one bad item never raises."""


def judged(looks: Sequence[Look], questions: Questions, answer: Answering, critic: str) -> list[Critique]:
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
        return blank(look, f"no verdict ({type(error).__name__}: {error})")
