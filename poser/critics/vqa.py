"""The critic that asks a vision-language model: P(yes) to questions derived from the commands."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import experts.poster
from poser.critics.questions import Ask, Questions, Talk, blank, writer
from poser.critics.vlm import Vlm
from poser.types import Critique, Look, PoserError

if TYPE_CHECKING:
    from experts.residency import Residency

EMBEDDED = "poster"
"""Name of the critic that comes with the poster world."""
KEYS = ("model", "questions", "yes", "no", "suffix", "device", "dtype", "token_budget", "gib", "answers")


class VqaCritic:
    """Asks `model` (a folder, a hub id, a `Vlm`) what `questions` derives from a look.

    All questions of a round about all pictures of the list go to the model together; every pair of picture and question
    is asked once and remembered. Composition of the list changes no verdict. `id` names weights and questions.
    """

    def __init__(self, model: str | Path | Vlm, questions: Questions | str = "poster", **settings: Any) -> None:
        self.vlm = model if isinstance(model, Vlm) else Vlm(model, **settings)
        self.questions = writer(questions) if isinstance(questions, str) else questions

    @property
    def id(self) -> str:
        """'vqa:FOLDER@WEIGHTS:QUESTIONS'."""
        return f"vqa:{self.vlm.id}:{self.questions.id}"

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """Same length and order; `seconds` is the look's share. A look that cannot be judged has NaN scores.

        Raises `PoserError` where the model cannot be loaded.
        """
        start = time.perf_counter()
        talks: dict[int, Talk] = {k: self.questions.judge(look) for k, look in enumerate(looks)}
        found: dict[int, Critique] = {}
        words: dict[int, Sequence[float]] = {}
        while talks:
            rounds: dict[int, list[Ask]] = {}
            for k, talk in list(talks.items()):
                said = _next(talk, words.get(k), looks[k])
                if isinstance(said, Critique):
                    found[k] = said
                    del talks[k]
                else:
                    rounds[k] = said
            answers = iter(self.vlm.ask([ask for asks in rounds.values() for ask in asks]))
            words = {k: [next(answers) for _ in asks] for k, asks in rounds.items()}
        share = (time.perf_counter() - start) / max(1, len(looks))
        return [replace(found[k], critic=self.id, seconds=share) for k in range(len(looks))]


def _next(talk: Talk, answers: Sequence[float] | None, look: Look) -> list[Ask] | Critique:
    """The talk's next round, or its critique; no verdict where it breaks."""
    try:
        return next(talk) if answers is None else talk.send(answers)
    except StopIteration as end:
        critique: Critique = end.value
        return critique
    except Exception as error:
        return blank(look, f"no verdict ({type(error).__name__}: {error})")


def load(config: Mapping[str, Any], residency: Residency | None = None) -> VqaCritic:
    """The critic that `config` describes: `model` (default: the embedded one), `questions` ('poster' or 'generic'), the
    rest as for `Vlm`. Raises `PoserError` for a key that it does not know."""
    unknown = sorted(set(config) - set(KEYS))
    if unknown:
        raise PoserError(f"critic vqa: no such key {unknown[0]!r}; keys are {', '.join(KEYS)}")
    settings = dict(config)
    model = settings.pop("model", EMBEDDED)
    questions = settings.pop("questions", "poster" if model == EMBEDDED else "generic")
    if model == EMBEDDED:
        settings.setdefault("dtype", "float32")  # small enough, and exact to 1e-5 in any batch on any device
        model = Path(experts.poster.__file__).parent / "weights" / "critic"
        if not (model / "model.safetensors").exists():
            raise PoserError(
                "critic vqa: the embedded critic is not there; python -m experts.poster.train.critic makes it"
            )
    budget = settings.get("token_budget", 1)
    if not isinstance(budget, int) or isinstance(budget, bool) or not 0 < budget < math.inf:
        raise PoserError(f"critic vqa: token_budget is {budget!r}; set a whole number above 0")
    return VqaCritic(model, questions, residency=residency, **settings)
