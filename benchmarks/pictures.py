"""Pictures of the docs: `python -m benchmarks.pictures` draws docs/demo.png (a run) and docs/experts.png (a sheet)."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.experts import jobs, kinds_of
from experts.memory import Residency
from experts.pool import Pool
from experts.poster.requests import trial
from experts.registry import builtin
from poser.types import Trajectory

DOCS = Path(__file__).parents[1] / "docs"
PROMPT = (
    "A poster with a big red star in the center and a small blue circle at the bottom left on a yellow background. "
    "Make the star green. Add a small black heart at the top right. Change the background to white. "
    "Then move the star to the bottom right."
)
INK, GREY, GREEN, RED = (20, 20, 24), (110, 110, 118), (20, 130, 70), (190, 40, 40)


def _wrapped(text: str, width: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> list[str]:
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], joined] if font.getlength(joined) <= width or not lines[-1] else [*lines, word]
    return lines


def strip(whole: Trajectory, side: int = 192) -> Image.Image:
    """Every candidate of a run in a row, with command, expert, score and verdict under it."""
    font, gap = ImageFont.load_default(13), 12
    steps = [step for step in whole.steps if step.result and step.result.image]
    page = Image.new("RGB", (gap + len(steps) * (side + gap), side + 112), "white")
    draw = ImageDraw.Draw(page)
    for k, step in enumerate(steps):
        x = gap + k * (side + gap)
        picture = step.result.image if step.result and step.result.image else whole.images[0]
        page.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (x, gap))
        draw.rectangle((x - 1, gap - 1, x + side, gap + side), outline=(210, 210, 215))
        y = gap + side + 6
        asked = step.before.plan.current.text if step.before.plan.current else ""
        for line in _wrapped(asked, side, font)[:3]:
            draw.text((x, y), line, INK, font=font)
            y += 16
        draw.text((x, y), str(step.action), GREY, font=font)
        score = step.critique.score if step.critique else float("nan")
        verdict = "accepted" if step.accepted else "reverted"
        draw.text((x, y + 16), f"critic {score:.2f}, {verdict}", GREEN if step.accepted else RED, font=font)
    return page


def sheet(side: int = 96, columns: int = 7) -> Image.Image:
    """A row an expert: what each makes of held-out requests of every kind, editors with the picture they were given."""
    registry = builtin()
    pool, font = Pool(registry, Residency("cpu")), ImageFont.load_default(11)
    names = [card.id for card in registry.cards if card.id.startswith("poster-")]
    height = side + 46
    page = Image.new("RGB", (120 + columns * (2 * side + 20), len(names) * height + 10), "white")
    draw = ImageDraw.Draw(page)
    for row, name in enumerate(names):
        kinds, rng = kinds_of(registry[name].card), np.random.default_rng(21)
        trials = [trial(rng, kinds[k % len(kinds)], "test") for k in range(columns)]
        y = 10 + row * height
        draw.text((8, y + 30), name, INK, font=font)
        for k, (result, asked) in enumerate(zip(pool.run(jobs(name, trials)), trials, strict=True)):
            x = 120 + k * (2 * side + 20)
            for offset, picture in ((0, asked.image), (side + 4, result.image)):
                if picture is not None:
                    page.paste(picture, (x + offset, y))
            for n, line in enumerate(_wrapped(asked.prompt, 2 * side + 8, font)[:3]):
                draw.text((x, y + side + 2 + 13 * n), line, GREY, font=font)
    return page


def main() -> int:
    """Draws both."""
    from poser import Poser

    DOCS.mkdir(exist_ok=True)
    strip(Poser.from_pretrained("poster")(PROMPT, seed=0).trajectory).save(DOCS / "demo.png")
    sheet().save(DOCS / "experts.png")
    print(DOCS / "demo.png", DOCS / "experts.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
