"""The one place where a critic is asked: whatever it does becomes a critique a look, NaN where it gave no verdict."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from PIL import Image

from experts.failures import boundary, plain_line
from experts.images import rgb
from experts.poster.scene import Scene
from poser.protocols import Critic
from poser.types import Answer, Critique, Look, PoserError, Premise

LOG = logging.getLogger(__name__)
LONGEST = 2000
"""Characters of a text of a critic that are kept."""
ROUNDING = 1e-6
"""How far beyond [0, 1] a score may be and count as its end."""


def blank(look: Look, feedback: str = "") -> Critique:
    """The critique without a verdict: NaN for every command."""
    return Critique((math.nan,) * len(look.wanted), (math.nan,) * len(look.earlier), feedback=feedback)


def verdicts(critic: Critic, looks: Sequence[Look]) -> list[Critique]:
    """What the critic says: same length and order as `looks`, every number in its range or NaN, costs finite.

    Args:
        critic: anything; where it fails on several looks at once, it is asked about each alone.
        looks: their pictures may be transparent: critics see them on white.

    Raises:
        PoserError: what the user has to mend (no key, no weights); KeyboardInterrupt. Nothing else.
    """
    start = time.perf_counter()
    why = ""
    try:
        answers: list[Any] = list(islice(critic([_on_white(look) for look in looks]), len(looks) + 1))
    except PoserError:
        raise
    except BaseException as error:
        why = boundary(error).message
    share = (time.perf_counter() - start) / max(1, len(looks))
    if not why:
        given = sum(isinstance(answer, Critique) for answer in answers)
        if len(answers) == len(looks) and (given or len(looks) <= 1):
            return [_checked(answer, look, share) for answer, look in zip(answers, looks, strict=True)]
        why = f"{'more' if len(answers) > len(looks) else given} critiques for {len(looks)} looks"
    if len(looks) > 1:
        return [critique for look in looks for critique in verdicts(critic, [look])]
    return [_none(look, why, share) for look in looks]


def _on_white(look: Look) -> Look:
    """The look with pictures that have no transparency."""

    def white(image: Image.Image | None) -> Image.Image | None:
        return rgb(image) if image is not None and image.mode == "RGBA" else image

    shown = (look.image, look.start, look.before, *look.references)
    if all(image is None or image.mode != "RGBA" for image in shown):
        return look
    references = tuple(rgb(image) for image in look.references)
    return replace(
        look, image=rgb(look.image), start=white(look.start), before=white(look.before), references=references
    )


def _none(look: Look, why: str, seconds: float) -> Critique:
    LOG.warning("critic: no verdict: %s", why)
    return replace(blank(look, f"no verdict ({why})"), seconds=seconds)


def _checked(answer: Any, look: Look, share: float) -> Critique:
    """One critique as it should be, or one without a verdict; raises nothing."""
    if not isinstance(answer, Critique):
        return _none(look, f"a {type(answer).__name__} for a critique", share)
    try:
        return _sound(answer, look, share)
    except BaseException as error:
        return _none(look, boundary(error).message, share)


def _sound(said: Critique, look: Look, share: float) -> Critique:
    """The critique with what is out of range replaced: scores by NaN, costs by nothing and by what was measured."""
    premises = tuple(Premise(_chance(score), _text(reason)) for score, reason in said.premises)
    usd, seconds = _cost(said.usd), _cost(said.seconds)
    return replace(
        said,
        wanted=_chances(said.wanted, len(look.wanted)),
        earlier=_chances(said.earlier, len(look.earlier)),
        kept=_chance(said.kept),
        identity=_chance(said.identity),
        quality=_chance(said.quality),
        feedback=_text(said.feedback),
        answers=tuple(
            Answer(_text(a.question), _chance(a.yes), a.wanted is not False, _text(a.kind)) for a in said.answers
        ),
        critic=_text(said.critic),
        usd=0.0 if usd is None else usd,
        seconds=share if seconds is None else seconds,
        uncertainty=_chance(said.uncertainty),
        harmed=tuple(_text(harm) for harm in said.harmed),
        premises=premises if len(premises) == len(look.next) else (),
        seen=said.seen if isinstance(said.seen, Scene) else None,
    )


def _chances(scores: Sequence[Any], count: int) -> tuple[float, ...]:
    """That many scores; all NaN where there are more or fewer."""
    found = tuple(_chance(score) for score in scores)
    return found if len(found) == count else (math.nan,) * count


def _chance(value: Any) -> float:
    """A number in [0, 1], or NaN."""
    if isinstance(value, bool | str | bytes):
        return math.nan
    if not isinstance(value, int | float):
        value = float(value)
    if math.isnan(value) or 0 <= value <= 1:
        return value
    return min(1.0, max(0.0, value)) if -ROUNDING <= value <= 1 + ROUNDING else math.nan


def _cost(value: Any) -> float | None:
    """A finite number, 0 or above; None for anything else."""
    if isinstance(value, bool | str | bytes):
        return None
    value = value if isinstance(value, int | float) else float(value)
    return value if math.isfinite(value) and value >= 0 else None


def _text(value: Any) -> str:
    """Text that can be written down; nothing for what is none."""
    if not isinstance(value, str):
        return ""
    return value if len(value) <= LONGEST and value.isprintable() else plain_line(value, LONGEST)
