"""The critic that asks a vision-language model: P(yes) to questions derived from the commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import experts.poster
from poser.critics.questions.asking import QuestionCritic, Questions
from poser.critics.questions.registry import writer
from poser.critics.vlm.model import Vlm
from poser.critics.vlm.presets import ASK, PRESETS
from poser.plugins import Context
from poser.types import PoserError

EMBEDDED = "poster"
"""Name of the critic that comes with the poster world."""
KEYS = ("model", "questions", "yes", "no", "prefix", "suffix", "images", "side", "revision") + (
    *("device", "dtype", "token_budget", "gib"),
    "answers",
)


class VqaCritic(QuestionCritic):
    """Asks `model` (a folder, a hub id, a `Vlm`) what `questions` derives from a look.

    Every pair of picture and question is asked once and remembered. `id` names weights and questions.
    """

    model: Vlm

    def __init__(self, model: str | Path | Vlm, questions: Questions | str = "poster", **settings: Any) -> None:
        vlm = model if isinstance(model, Vlm) else Vlm(model, **settings)
        super().__init__("vqa", vlm, writer(questions) if isinstance(questions, str) else questions)


def load(settings: Mapping[str, Any], context: Context) -> VqaCritic:
    """The critic that `settings` describes: `model` (a preset, a hub id or a folder; default: the embedded one),
    `questions` ('poster' for the embedded one, else 'graph'; or 'generic'), the rest as for `Vlm`.

    Raises `PoserError` for a value that cannot be.
    """
    given = dict(settings)
    model = given.pop("model", EMBEDDED)
    questions = given.pop("questions", "poster" if model == EMBEDDED else "graph")
    if model == EMBEDDED:
        given.setdefault("dtype", "float32")  # small enough, and exact to 1e-5 in any batch on any device
        model = Path(experts.poster.__file__).parent / "weights" / "critic"
        if not (model / "model.safetensors").exists():
            raise PoserError(
                "critic vqa: the embedded critic is not there; python -m experts.poster.train.critic makes it"
            )
    elif model in PRESETS:
        given = PRESETS[model].settings | given
        model = PRESETS[model].model
    elif questions != "poster":
        given.setdefault("suffix", ASK)
    _check(given)
    critic = VqaCritic(model, questions, residency=context.residency, **given)
    if "/" not in str(model) and not Path(model).is_dir():
        raise PoserError(f"critic vqa: no model {model!r}; type a folder, a hub id or one of {', '.join(PRESETS)}")
    return critic


def _check(settings: Mapping[str, Any]) -> None:
    images = settings.get("images") or {}
    for name, least in (("token_budget", 1), ("side", 16)):
        value = settings.get(name, least)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise PoserError(f"critic vqa: {name} is {value!r}; set a whole number from {least}")
    if not isinstance(images, Mapping):
        raise PoserError(
            f"critic vqa: images is {images!r}; give settings of the image processor, as {{max_patches: 4}}"
        )
