"""Questions that depend on one another (Davidsonian Scene Graph, arXiv:2310.18235), asked of each cell of a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from benchmarks._harness.run import main
from benchmarks._harness.types import Asked, Benchmark, Item, Judge


def counted(yes: Sequence[float], parents: Sequence[Sequence[int]], transitive: bool = False) -> list[float]:
    """Answers (1, 0) with 0 for every question that has a parent answered with no.

    Args:
        yes: the raw answers.
        parents: positions of each question's parents in `yes`.
        transitive: whether a zero passes on to children of children, in the order of the questions (DPG-Bench's rule).
    """
    done = list(yes)
    for k, above in enumerate(parents):
        judged = done if transitive else yes
        if any(0 <= parent < len(yes) and judged[parent] == 0 for parent in above):
            done[k] = 0.0
    return done


def answers(item: Item, shown: Sequence[Image.Image], judge: Judge, seed: int, before: str = "") -> list[float]:
    """1, 0 or NaN (no verdict) to each of the item's questions (meta 'ids' and 'questions'); `before`: of the keys."""
    asked = [
        Asked(item.id, f"{before}{key}", "yes", question, tuple(shown), seed=seed)
        for key, question in zip(item.meta["ids"], item.meta["questions"], strict=True)
    ]
    said = [float(answer.value) for answer in judge(asked)]
    return [p if math.isnan(p) else float(p > 0.5) for p in said]


def cells(picture: Image.Image, grid: int) -> list[Image.Image]:
    """The `grid` x `grid` pictures that one file holds, row by row."""
    width, height = picture.width // grid, picture.height // grid
    corners = [(column * width, row * height) for row in range(grid) for column in range(grid)]
    return [picture.crop((x, y, x + width, y + height)) for x, y in corners]


def of_cells(
    item: Item, pictures: Sequence[Image.Image], judge: Judge, seed: int, grid: int, transitive: bool
) -> tuple[list[float], float]:
    """The raw answers of the last cell, and the mean over cells of the share of questions that count.

    That is NaN where a question has no verdict. Keys of a cell's questions begin with its number and ':' in a grid.
    """
    shown = [(cell,) for cell in cells(pictures[-1], grid)] if pictures else [()] * grid**2
    raw = [answers(item, cell, judge, seed, f"{k}:" if grid > 1 else "") for k, cell in enumerate(shown)]
    means = [
        math.nan if any(map(math.isnan, yes)) else float(np.mean(counted(yes, item.meta["parents"], transitive)))
        for yes in raw
    ]
    return raw[-1], float(np.mean(means))


def command(make: Callable[[int], Benchmark], argv: Sequence[str] | None, about: str | None) -> int:
    """The command line of a benchmark whose pictures may lie in grids: `--grid 2` where a file holds 2 x 2 of them."""
    import argparse

    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--grid", type=int, default=1, choices=(1, 2, 3))
    own, others = parser.parse_known_args(argv)
    return main(make(own.grid), others, f"{about}\n--grid N: every file holds N x N pictures of its prompt")
