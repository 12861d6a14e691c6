"""One look, judged by questions that a function answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from poser.critics.questions.asking import Ask, Questions, Said, judged
from poser.types import Critique, Look


def converse(questions: Questions, look: Look, answer: Callable[[list[Ask]], Sequence[float]]) -> Critique:
    """The critique of one look; `answer` gives P(yes) of each question of a round."""
    (critique,) = judged([look], questions, lambda asks: [Said(p) for p in answer(asks)], "test")
    return critique
