"""Judges, by name: `vqa:`, `chat:`, `clip:`, `dino:`, `boxes:` or `depth:MODEL`, several with '+', or `recorded:FILE`.

`--judge-config FILE` gives more settings: those of the critic of that name. A judge of the family that steers the
system is refused: it would be asked to praise its own choices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._harness.depth import Depth
from benchmarks._harness.models import Appearance, Asking, Detector, Local, Similarity
from benchmarks._harness.recorded import Recorded
from benchmarks._harness.types import Answered, Asked, Judge, Kind, nothing
from poser.types import PoserError

FAMILIES = (
    *("qwen", "internvl", "llava", "gemini", "gpt", "claude", "paligemma", "smolvlm", "minicpm", "molmo", "idefics"),
    *("siglip", "clip", "blip", "poster", "glm", "llama", "pixtral", "gemma"),
)
"""Names of model families as they stand in ids. OpenAI's o-series counts as gpt."""


def families(critic: str) -> set[str]:
    """The families of the models in the id of a critic or judge ('KIND:MODEL:QUESTIONS'; several in an ensemble's).

    A family is one of `FAMILIES`, or the first word of a model's name.
    """
    found = set()
    for one in re.split(r"[()\[\],+>|\s]+", critic.lower()):
        parts = one.split(":")
        if len(parts) == 1 and ":" in critic:
            continue  # 'ensemble', 'cascade'
        model = parts[1] if len(parts) > 1 else one
        known = next((name for name in FAMILIES if name in model), "")
        first = "gpt" if re.match(r"o\d", model) else re.split(r"[-_.@\d]", model.rsplit("/", 1)[-1])[0]
        found |= {known or first} - {""}
    return found


def refuse_same(judge: Judge, critics: Sequence[str], allowed: bool) -> str:
    """'' where judge and critics are of different families, a note where that was allowed.

    Raises `PoserError` otherwise.
    """
    for critic in critics:
        shared = sorted(families(critic) & families(judge.id))
        if shared and not judge.id.startswith("recorded:"):
            words = f"the judge {judge.id!r} and the critic {critic!r} are of one family ({shared[0]})"
            if not allowed:
                raise PoserError(f"{words}; choose another --judge, or add --allow-same-family")
            return words
    return ""


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


JUDGES: dict[str, Callable[[Mapping[str, Any]], Judge]] = {
    "vqa": Local,
    "chat": Asking,
    "clip": Similarity,
    "dino": Appearance,
    "boxes": Detector,
    "depth": Depth,
}


def load(name: str, settings: Mapping[str, Any] | None = None) -> Judge:
    """The judge of a name; several, for different kinds of questions, with '+' between them.

    Raises `PoserError` for one that there is not.
    """
    if "+" in name and not name.startswith("recorded:"):
        return Several([load(part, settings) for part in name.split("+")])
    kind, _, rest = name.partition(":")
    if kind == "recorded" and rest:
        path, _, model = rest.partition("#")
        if not Path(path).exists():
            raise PoserError(f"no file of answers {path!r}; it holds JSON lines with item, key and value")
        return Recorded(Path(path), model)
    if kind not in JUDGES:
        raise PoserError(f"no judge {name!r}; give vqa:, chat:, clip:, dino:, boxes: or depth:MODEL, or recorded:FILE")
    return JUDGES[kind]({**(settings or {}), **({"model": rest} if rest else {})})
