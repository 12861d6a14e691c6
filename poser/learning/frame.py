"""The rendered frame of an environment: the current picture, with the last command and expert written under it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps

from experts.images import rgb
from poser.actions import carried_out
from poser.types import State, Step

SIDE = 384
"""Longest side, px, up to which small pictures are enlarged, by a whole factor; the least width of a frame."""
_TEXT, _LINE, _MARGIN = 15, 20, 8
"""Height of the letters, of a line, and space around them, px."""
_PAPER, _INK, _EMPTY = (255, 255, 255), (20, 20, 20), (205, 205, 205)


@lru_cache(maxsize=1)
def _font() -> Any:
    return ImageFont.load_default(_TEXT)


def _lines(text: str, width: int, count: int) -> list[str]:
    """The first `count` lines of a text, each at most `width` px wide; the last ends in '…' where text is left out."""
    words, lines = text[:400].split(), [""]
    for k, word in enumerate(words):
        longer = f"{lines[-1]} {word}".strip()
        if not lines[-1] or _font().getlength(longer) <= width:
            lines[-1] = longer
        elif len(lines) < count:
            lines.append(word)
        else:
            lines[-1] = f"{' '.join([lines[-1], *words[k:]])}"
            break
    return [_cut(line, width) for line in lines]


def _cut(line: str, width: int) -> str:
    if _font().getlength(line) <= width:
        return line
    while line and _font().getlength(line + "…") > width:
        line = line[:-1]
    return line.rstrip() + "…"


def _outcome(step: Step) -> str:
    if step.result is None:
        return "delivered"
    if step.result.failure is not None:
        return f"failed ({step.result.failure.kind})"
    score = step.critique.score if step.critique else math.nan
    return ("accepted" if step.accepted else "reverted") + ("" if math.isnan(score) else f", score {score:.2f}")


def _caption(state: State, step: Step | None) -> tuple[str, str]:
    """What was done last, and to which command; before the first step, what is asked for."""
    turn = f"{state.turn}/{state.task.budget.steps}"
    if step is None:
        return f"{turn}  start", state.task.prompt
    words = "; ".join(command.text for command in carried_out(step.before.plan, step.action.scope))
    return f"{turn}  {step.action}: {_outcome(step)}", words


def frame(state: State, step: Step | None, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The frame as uint8 [H, W, 3] RGB, whose H and W depend on `size` alone.

    Args:
        state: the current one.
        step: the last one; None at the start.
        size: (width, height) of the space for the picture, px; it is enlarged by a whole factor where it is small, and
            pictures of another size are fitted into it.
    """
    factor = max(1, SIDE // max(size))
    width, height = size[0] * factor, size[1] * factor
    whole = Image.new("RGB", (max(width, SIDE), height + 3 * _LINE + 2 * _MARGIN), _PAPER)
    room = Image.new("RGB", (width, height), _EMPTY)
    if state.image is not None:
        smooth = Image.Resampling.NEAREST if state.image.size == tuple(size) else Image.Resampling.LANCZOS
        shown = ImageOps.contain(rgb(state.image), (width, height), smooth)
        room.paste(shown, ((width - shown.width) // 2, (height - shown.height) // 2))
    whole.paste(room, ((whole.width - width) // 2, 0))
    done, command = _caption(state, step)
    across = whole.width - 2 * _MARGIN
    draw = ImageDraw.Draw(whole)
    for k, line in enumerate([_cut(done, across), *_lines(command, across, 2)]):
        draw.text((_MARGIN, height + _MARGIN + k * _LINE), line, fill=_INK, font=_font())
    return np.asarray(whole)
